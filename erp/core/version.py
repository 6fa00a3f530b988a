"""Which Mamori this is. The number stands in ``pyproject.toml`` and nowhere else."""

from __future__ import annotations

import tomllib

from django.conf import settings


def _read() -> str:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


VERSION = _read()
