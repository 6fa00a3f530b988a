"""When to try again: later and later, spread by chance so that what failed together does not return together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 60.0


def next_attempt(*, attempts: int, at: dt.datetime, jitter: Callable[[], float]) -> dt.datetime:
    """After the ``attempts``-th failure. ``jitter`` gives numbers from 0 to 1."""
    pause = min(FIRST_S * 2 ** min(attempts, 20), LONGEST_S)
    return at + dt.timedelta(seconds=pause * (0.5 + 0.5 * jitter()))
