"""How the suite itself is dealt out to its processes."""

import os
import re
import subprocess
import sys

import pytest

from erp.runtime import checks
from erp.runtime.installation import PROJECT


@pytest.mark.xdist_group("faults")
def test_a_group_of_tests_is_told_to_whoever_deals_them_out(request):
    """Otherwise every process starts the systems that a group shares."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process runs all tests")

    assert request.node.nodeid.endswith("@faults")


def test_what_ci_runs_is_everything_each_part_once():
    told = re.findall(r"^(?:exec )?make ([\w-]+)", (PROJECT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)

    parts = [check for suite in told for check in checks.SUITES[suite]()]

    assert parts == checks.SUITES["test-all"]()


RACE = """
import pathlib
from tests.unlocked import fails_without

TRIED = pathlib.Path(__file__).with_suffix(".tried")


@fails_without("orders.receipts.issue_receipt[rows]")
def test_race():
    tries = TRIED.stat().st_size if TRIED.exists() else 0
    TRIED.write_text("x" * (tries + 1))
    assert tries not in {lost}
"""


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        # The first try is the one with all locks.
        ([4], "2 passed, 3 rerun"),
        ([11], "1 failed, 1 passed, 9 rerun"),
        ([0, 1], "1 failed, 1 passed"),
    ],
)
def test_a_race_without_its_lock_is_run_until_it_is_lost_and_one_with_it_once(tmp_path, lost, told):
    (tmp_path / "test_one.py").write_text(RACE.format(lost=lost), encoding="utf-8")

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", PROJECT / "pyproject.toml", tmp_path],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
    )

    assert re.sub(r" in [\d.]+s.*", "", ran.stdout.splitlines()[-1]) == told, ran.stdout
