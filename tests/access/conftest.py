"""Somebody of the staff with a password that is quick to check, and what a try to sign in looks like."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from erp.runtime.installation import PROJECT

PASSWORD = "correct-horse-battery"


@pytest.fixture
def mika() -> User:
    user = User.objects.create_user("mika", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="経理"))
    return user


@pytest.fixture
def system() -> User:
    user = User.objects.create_user("sysadmin", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="システム管理"))
    return user


def sign_in(client: Any, name: str = "mika", password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/admin/login/", {"username": name, "password": password}, **more)


@pytest.fixture
def run_settings() -> Any:
    """What the settings of another environment say, asked of a process of its own."""

    def run(*, show: str, **environment: str) -> list[str]:
        code = f"from erp import settings\nfor name in {show.split()!r}: print(getattr(settings, name))"
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "MAMORI_VAR")}
        told = subprocess.run(
            [sys.executable, "-c", code],
            cwd=PROJECT,
            env=kept | {"MAMORI_ENV_FILE": ""} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return told.stdout.splitlines() or [told.stderr]

    return run
