"""One company for all browser tests: ``make run`` with a small demo company on a cluster of its own, and one Chromium."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from erp.runtime import browser
from erp.runtime.installation import Installation

pytest.importorskip("playwright", reason="playwright is not installed: make test-browser brings it")

from playwright.sync_api import Browser, sync_playwright

from tests.browser.watch import Desk
from tests.runtime.test_make_run import SMALL_DEMO, make_run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


class Company:
    """A running Mamori: its address, its people, its practice sites, and its database to look behind the pages."""

    def __init__(self, installation: Installation, printed: str) -> None:
        self.installation = installation
        self.address = re.search(r"Address +(http://\S+)/", printed)[1]
        self.sites = re.findall(r"Practice +(http://\S+)/ ", printed)
        self.database = psycopg.connect(installation.database_url, autocommit=True)
        # Pages that one test has judged are not judged again by another one.
        self.looked: set[str] = set()

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self.database.execute(sql, values).fetchall()

    def one(self, sql: str, *values: object) -> Any:
        [row] = self.ask(sql, *values)
        return row[0] if len(row) == 1 else row

    def password(self, login: str) -> str:
        return self.installation.secret("admin_password" if login == "admin" else f"practice_password_{login}")


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    if wanted := browser.missing():
        reason = f"the browser tests need {' and '.join(wanted)}"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}, and in CI they are not skipped")
        pytest.skip(reason)
    # While developing, a company that runs already can be used again and again.
    if running := os.environ.get("MAMORI_BROWSER_COMPANY"):
        folder, _colon, printed = running.partition(":")
        company = Company(Installation(Path(folder)), Path(printed).read_text())
        with contextlib.closing(company.database):
            yield company
        return
    var = tmp_path_factory.mktemp("browser") / "var"
    with make_run(var, SMALL_DEMO) as instance:
        instance.wait_until_ready()
        company = Company(Installation(var), instance.text)
        with contextlib.closing(company.database):
            yield company


@pytest.fixture(scope="session")
def chromium(company: Company) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # A container has no sandbox of the kernel to offer, and the pages are our own.
        started = playwright.chromium.launch(executable_path=browser.path(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def desk(company: Company, chromium: Browser) -> Iterator[Callable[[str], Desk]]:
    """Sit down as somebody: ``desk("juchu")`` is signed in. When the test ends, whatever was wrong on any page is told."""
    with contextlib.ExitStack() as at_the_end:

        def sit_down(login: str) -> Desk:
            seat = Desk(chromium, company.address, company.looked)
            at_the_end.callback(seat.close)
            seat.sign_in(login, company.password(login))
            return seat

        yield sit_down
