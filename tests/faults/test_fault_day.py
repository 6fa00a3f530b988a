"""A fault day of a minute with real processes; and that none of them, nor their folder, outlives it, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from erp.runtime import leash
from erp.runtime.installation import PROJECT
from tests.runtime.families import family_of, wait_until, wait_until_gone

pytestmark = pytest.mark.xdist_group("faults")
SEED, STOPPED = 20261127, 130
GIVE_UP_AFTER_S = 900


class Day:
    """The command in a temporary folder of its own, where whatever it leaves behind is seen."""

    def __init__(self, reports: Path, *arguments: str) -> None:
        # Short, because sockets live below it.
        self.folder = Path(tempfile.mkdtemp(prefix="fd-", dir="/tmp"))
        self.reports, self.printed = reports, reports.with_suffix(".out")
        command = [sys.executable, "manage.py", "fault_day", "--reports", str(reports), *arguments]
        with self.printed.open("wb") as output:
            self.process = leash.start(
                command, cwd=PROJECT, env={**os.environ, "TMPDIR": str(self.folder)}, output=output
            )

    @property
    def text(self) -> str:
        return self.printed.read_text()

    def wait_for(self, words: str) -> None:
        def said() -> bool:
            assert self.process.poll() is None, self.text
            return words in self.text

        wait_until(said, timeout_s=240)

    def left_behind(self) -> list[str]:
        return [path.name for path in self.folder.iterdir()]

    def clear(self) -> None:
        self.process.kill()
        self.process.wait()
        subprocess.run(["rm", "-rf", str(self.folder)], check=True)


@pytest.fixture
def start(tmp_path):
    days: list[Day] = []

    def begin(*arguments: str) -> Day:
        days.append(Day(tmp_path / f"reports-{len(days)}", *arguments))
        return days[-1]

    yield begin
    for day in days:
        day.clear()


@pytest.mark.slow
@pytest.mark.faults
def test_a_minute_of_every_fault_loses_nothing_and_leaves_nothing(start):
    day = start("--seed", str(SEED), "--minutes", "1")

    code = day.process.wait(timeout=GIVE_UP_AFTER_S)

    assert code == 0, day.text
    assert "Everything above is true." in day.text
    kills = re.findall(r"^  kill (\w+) +(\d+)", day.text, re.MULTILINE)
    assert {what for what, done in kills if int(done)} == {
        "web", "worker", "gateway", "beat", "postgresql", "valkey", "site",
    }  # fmt: skip
    (report,) = day.reports.iterdir()
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d{{6}}Z-seed-{SEED}\.txt", report.name)
    assert "drift 0" in report.read_text()
    assert day.left_behind() == []


@pytest.mark.slow
@pytest.mark.faults
def test_a_day_that_is_stopped_takes_everything_with_it(start):
    day = start("--minutes", "5")
    day.wait_for("the sites know their first figures")
    family = family_of(day.process.pid)
    assert len(family) > 10

    day.process.send_signal(signal.SIGTERM)

    assert day.process.wait(timeout=120) == STOPPED, day.text
    wait_until_gone(family)
    assert day.left_behind() == []
    assert "Stopped before its end." in next(day.reports.iterdir()).read_text()


def test_a_day_that_is_killed_leaves_no_process(start):
    day = start("--minutes", "5")
    day.wait_for("Preparing the database")
    family = wait_until(lambda: len(found := family_of(day.process.pid)) > 5 and found)

    day.process.kill()

    day.process.wait()
    wait_until_gone(family)
