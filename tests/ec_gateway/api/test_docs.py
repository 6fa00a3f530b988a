"""The small client runs as it is printed in both guides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections

from ec_gateway.api.order_examples import ORDER
from erp.core import changes
from tests.ec_gateway.api.caller import api_key, site
from tests.ec_gateway.api.world import NOON
from tests.inventory.factories import stock

pytestmark = pytest.mark.django_db(transaction=True)
DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(params=["api.md", "manual/ja/api.md"])
def printed(request) -> Iterator[dict[str, Any]]:
    """The names of the page's Python, calling this process instead of a network, without waiting."""
    page = DOCS / request.param
    [source] = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(source, str(page), "exec"), names)
    application = get_wsgi_application()

    def connect(**options: Any) -> httpx.Client:
        return httpx.Client(transport=httpx.WSGITransport(app=application), **options)

    names["httpx"] = type("httpx", (), {"Client": staticmethod(connect), "TransportError": httpx.TransportError})
    names["time"] = type("time", (), {"sleep": staticmethod(lambda seconds: None)})
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield names
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def mamori(printed, world) -> Any:
    return printed["Mamori"]("http://localhost", api_key(site(world.channel))[1])


def test_the_client_places_an_order_once(mamori, printed):
    first, again = mamori.place(ORDER), mamori.place(ORDER)

    assert first["number"] == again["number"]
    with pytest.raises(printed["Refused"], match=r"400 invalid_input: .*\n  /total: "):
        mamori.place({**ORDER, "total": "many"})


def test_the_client_tells_why_it_is_refused(printed, world):
    mamori = printed["Mamori"]("http://localhost", "no.key")

    with pytest.raises(printed["Refused"], match=r"^401 key_unknown: この") as refused:
        next(mamori.follow_stock(None))
    assert refused.value.problem["status"] == 401


def test_the_client_follows_stock_through_a_restore(mamori, world):
    news = mamori.follow_stock(None)

    def until_cursor() -> tuple[dict[str, int], str]:
        seen: dict[str, int] = {}
        for item, cursor in news:
            if cursor:
                return seen, cursor
            seen[item["sku"]] = item["available"]
        raise AssertionError("it follows for ever")

    everything, _cursor = until_cursor()
    assert everything["TS-001-WH-M"] == 10
    stock(world.shirt, world.warehouse, 5)
    assert until_cursor()[0]["TS-001-WH-M"] == 15
    changes.start_epoch(reason="restore", at=NOON)
    again, _cursor = until_cursor()
    assert again["TS-001-WH-M"] == 15
