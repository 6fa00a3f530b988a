"""How the suite itself is dealt out to its processes."""

import os

import pytest


@pytest.mark.xdist_group("faults")
def test_a_group_of_tests_is_told_to_whoever_deals_them_out(request):
    """Otherwise every process starts the systems that a group shares."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process runs all tests")

    assert request.node.nodeid.endswith("@faults")
