"""Whether ``make run`` founds the demo company in a new installation, how large, and how far that has come."""

from __future__ import annotations

import os
from pathlib import Path

from erp.runtime.installation import Installation

ORDERS = 5_000


def is_wanted() -> bool:
    return os.environ.get("MAMORI_DEMO", "true").lower() not in ("false", "0", "no", "off")


def orders() -> int:
    return int(os.environ.get("MAMORI_DEMO_ORDERS") or ORDERS)


def progress_file(installation: Installation) -> Path:
    """Holds the percentage done while the company is loaded."""
    return installation.folder(installation.run) / "demo_progress"


def percent_done(installation: Installation) -> int | None:
    """None while nothing is loaded."""
    try:
        return int(progress_file(installation).read_text())
    except (FileNotFoundError, ValueError):
        return None
