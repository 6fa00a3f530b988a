"""One practice site: who it is, what it knows, which calls it received."""

from __future__ import annotations

import datetime as dt
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from ec_gateway.sandbox.database import Database
from ec_gateway.sandbox.faults import FaultBoard

CALLS_KEPT = 300


@dataclass(frozen=True)
class Options:
    """How the site is joined to Mamori. ``api_key`` set: orders are written to Mamori's API instead of sent as webhooks."""

    name: str
    data: Path
    host: str
    port: int
    mamori: str
    channel: str
    secret: str
    token: str
    control_token: str
    api_key: str = ""
    seed: int = 1

    @property
    def prefix(self) -> str:
        """Begins every order number of the site."""
        return "".join(letter for letter in self.channel.upper() if letter.isalnum())[:12] or "EC"


@dataclass(frozen=True)
class Call:
    """A call from Mamori and what came of it."""

    at: dt.datetime
    name: str
    path: str
    status: int
    fault: str
    seconds: float
    summary: str


@dataclass
class Site:
    options: Options
    database: Database
    faults: FaultBoard
    # Set after each commit that left something to send.
    has_news: threading.Event = field(default_factory=threading.Event)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))

    @classmethod
    def open(cls, options: Options) -> Site:
        database = Database(options.data / "site.sqlite3")
        return cls(options, database, FaultBoard(database, seed=options.seed))


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
