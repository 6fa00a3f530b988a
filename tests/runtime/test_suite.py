"""How the suite itself is dealt out to its processes."""

import os
import re

import pytest

from erp.runtime import checks
from erp.runtime.installation import PROJECT


@pytest.mark.xdist_group("faults")
def test_a_group_of_tests_is_told_to_whoever_deals_them_out(request):
    """Otherwise every process starts the systems that a group shares."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process runs all tests")

    assert request.node.nodeid.endswith("@faults")


def test_what_ci_runs_is_everything_but_the_slow_tests_each_part_once():
    told = re.findall(r"^(?:exec )?make ([\w-]+)", (PROJECT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)

    parts = [check for suite in told for check in checks.SUITES[suite]()]

    assert parts == [check for check in checks.SUITES["test-all"]() if check not in checks.SUITES["test-slow"]()]
