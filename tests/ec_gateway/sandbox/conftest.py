import pytest

from tests.ec_gateway.sandbox.stage import practice_site


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with practice_site(tmp_path_factory.mktemp("site") / "data") as site:
        yield site


@pytest.fixture
def site(running):
    """The running site of the module with all its faults off."""
    running.remote.all_faults_off()
    yield running
    running.remote.all_faults_off()
