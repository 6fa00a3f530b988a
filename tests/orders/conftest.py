"""Who works at the pages of orders."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def desk(client: Any) -> Any:
    """A client that may do everything, as hanako."""
    client.force_login(User.objects.create_superuser("hanako"))
    return client
