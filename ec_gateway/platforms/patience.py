"""Calls of those who read a lot: they wait for their turn in the rate budget, for a while, instead of coming back later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from ec_gateway.platforms.calling import Line, NotNow
from ec_gateway.platforms.interface import Platform
from ec_gateway.services.admission import Reason

T = TypeVar("T")
Wait = Callable[[float], None]

# What takes longer is left to the next run. With the time-out of a call it stays below the length of a lease.
LONGEST_WAIT_S = 15.0
# As many items as a page of most platforms brings: about one request, so one place in the budget.
PAGE = 1_000


def call_patiently(line: Line, function: Callable[[Platform], T], *, wait: Wait) -> T:
    """As ``line.call``, after waiting for a place in the budget. Raises NotNow for a paused site, and when the wait gets too long."""
    waited = 0.0
    while True:
        try:
            return line.call(function)
        except NotNow as refused:
            waited += refused.refusal.wait_s
            if refused.refusal.reason is not Reason.BUDGET or waited > LONGEST_WAIT_S:
                raise
            wait(refused.refusal.wait_s)


def pages(line: Line, read: Callable[[Platform], Iterator[T]], *, wait: Wait) -> Iterator[list[T]]:
    """What ``read`` goes through, in pages; each is one call, and nothing is held open between two of them."""
    items = read(line.platform)
    while page := call_patiently(line, lambda _platform: list(islice(items, PAGE)), wait=wait):
        yield page
