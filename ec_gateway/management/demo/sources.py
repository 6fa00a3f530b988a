"""Where everything invented comes from: the demo's own tables, and chance that the same seed repeats."""

from __future__ import annotations

import csv
import random
from pathlib import Path

DATA = Path(__file__).parent / "data"


def table(name: str) -> list[dict[str, str]]:
    """The rows of one of the demo's own CSV files."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def dice(*names: object) -> random.Random:
    """Chance of its own for each purpose, so that one more question here changes no answer there."""
    return random.Random(" ".join(map(str, names)))  # noqa: S311 - nothing here is secret
