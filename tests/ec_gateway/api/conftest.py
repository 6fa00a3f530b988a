"""The company of the examples, and its moment: the API asks the clock at the edge, and here the clock stands."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests.ec_gateway.api import world as worlds


@pytest.fixture
def noon(monkeypatch):
    """The time of every request."""
    moment = {"now": worlds.NOON}
    monkeypatch.setattr(timezone, "now", lambda: moment["now"])
    return moment


@pytest.fixture
def world(db, noon) -> worlds.World:
    return worlds.build()
