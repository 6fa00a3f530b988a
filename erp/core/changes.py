"""The change feed: gap-free, at least once, unordered. Writers call ``record`` in the transaction of the fact; readers keep a ``Cursor``.

A row says only *that* a key changed. Readers see rows whose transaction id lies below the oldest one still running, so a slow commit is
never skipped; that is why no write transaction may last over 5 s, and why the number of a row is no cursor.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _
from psycopg import sql
from psycopg.errors import LockNotAvailable

from erp.core import rows
from erp.core.errors import DomainError

EVERYONE = ""


class CursorExpired(DomainError):
    """The cursor belongs to an earlier life of the database (restore, failover), or what followed it was given up as too old.

    The reader resyncs from the full list."""

    code = "cursor_expired"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a reader stands: all rows of ``epoch`` whose transaction id is below ``xid`` were read."""

    epoch: int
    xid: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.xid}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises CursorExpired for anything that is no cursor of this house: the answer to the reader is the same, resync."""
        epoch, _dot, xid = text.partition(".")
        if not (text.isascii() and epoch.isdecimal() and xid.isdecimal() and len(text) <= 40):
            raise CursorExpired(_("This is not a cursor of this feed."))
        return cls(int(epoch), int(xid))


@dataclass(frozen=True, slots=True)
class Change:
    topic: str
    key: str
    audience: str


_INSERT = """
INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
SELECT (SELECT max(id) FROM core_feedepoch), %s::text, key, %s::text, clock_timestamp() FROM unnest(%s::text[]) AS key
"""


def record(*, topic: str, keys: Iterable[object], audience: str = EVERYONE, batch: rows.Batch | None = None) -> None:
    """Announce that ``keys`` changed. Part of the surrounding transaction: no commit, no announcement.

    With a ``batch`` the announcement goes out with the writes gathered there.
    """
    wanted = list(dict.fromkeys(str(key) for key in keys))
    if wanted:
        own = rows.Batch() if batch is None else batch
        own.add(_INSERT, [topic, audience, rows.array(wanted)])
        if batch is None:
            own.run()
        tell_listeners()


_ANNOUNCED = """
SELECT id, topic, key, audience FROM core_changerow
WHERE epoch = (SELECT max(id) FROM core_feedepoch) AND xid = pg_current_xact_id() AND audience IN ('', %s) ORDER BY id
"""


def announced(*, audience: str) -> dict[int, Change]:
    """What the transaction under way has announced so far to ``audience`` or to everyone, by number: for who looks at what it would tell."""
    with connection.cursor() as cursor:
        cursor.execute(_ANNOUNCED, [audience])
        return {number: Change(*row) for number, *row in cursor.fetchall()}


_INSERT_FOUND = """
INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
SELECT (SELECT max(id) FROM core_feedepoch), %(topic)s::text, key, audience, clock_timestamp() FROM ({query}) AS found (key, audience)
"""


def record_found(*, topic: str, query: str, parameters: Mapping[str, Any]) -> int:
    """The same for what ``query`` finds, rows of key and audience, in one statement however many. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_FOUND.replace("{query}", query), {**parameters, "topic": topic})
        count = int(cursor.rowcount)
    if count:
        tell_listeners()
    return count


# Called after a commit that announced something, at most so often per process. Whoever listens only wakes a reader up: a call that is left
# out, or fails, loses nothing, since readers look again by themselves.
TELL_EVERY_S = 0.3
_listeners: list[Callable[[], None]] = []
_told_at = float("-inf")


def listen(listener: Callable[[], None]) -> None:
    """Be told, soon after it happened, that something was announced by this process. Must return at once; for ``AppConfig.ready``."""
    _listeners.append(listener)


def tell_listeners() -> None:
    """Wake the listeners after the commit. Part of ``record``; for who has the database itself record, in a function of its own."""
    if _listeners and time.monotonic() - _told_at >= TELL_EVERY_S:
        transaction.on_commit(_tell_listeners, robust=True)


def _tell_listeners() -> None:
    global _told_at
    now = time.monotonic()
    if now - _told_at >= TELL_EVERY_S:
        _told_at = now
        for listener in _listeners:
            listener()


def current_cursor() -> Cursor:
    """A cursor for a reader who now reads the full list: taken before that read, so nothing falls between."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT max(id) FROM core_feedepoch), pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        )
        epoch, xid = cursor.fetchone()
    return Cursor(epoch, xid)


_READ = """
SELECT topic, key, audience FROM core_changerow
WHERE epoch = %s AND xid >= %s::text::xid8 AND xid < %s::text::xid8
  AND (cardinality(%s::text[]) = 0 OR topic = ANY(%s)) AND (%s::text IS NULL OR audience IN ('', %s))
GROUP BY topic, key, audience
"""

_CUTS = "SELECT EXISTS (SELECT FROM core_feedcut WHERE epoch = %s AND xid >= %s::text::xid8)"

# The transaction in which row number ``limit`` + 1 lies, and the first one: a page ends before the one, but never within the other.
_BOUND = """
SELECT max(xid::text::bigint) FILTER (WHERE place > %s), min(xid::text::bigint)
FROM (
    SELECT xid, row_number() OVER (ORDER BY xid) AS place FROM core_changerow
    WHERE epoch = %s AND xid >= %s::text::xid8 AND xid < %s::text::xid8
      AND (cardinality(%s::text[]) = 0 OR topic = ANY(%s)) AND (%s::text IS NULL OR audience IN ('', %s))
    ORDER BY xid LIMIT %s
) AS page
"""


@dataclass(frozen=True, slots=True)
class Page:
    """``cursor`` continues behind ``changes``; ``has_more``: there is more to read at once."""

    changes: list[Change]
    cursor: Cursor
    has_more: bool


def read(after: Cursor, *, topics: Iterable[str] = (), audience: str | None = None) -> tuple[list[Change], Cursor]:
    """All changes behind the horizon since ``after``, each key once, and the cursor to continue from.

    ``audience`` is a channel code, which sees its own rows and everyone's; ``None`` sees all. Raises CursorExpired.
    """
    horizon = _horizon(after)
    return _read(after, horizon, list(topics), audience), horizon


def read_page(after: Cursor, *, limit: int, topics: Iterable[str] = (), audience: str | None = None) -> Page:
    """The same, at most ``limit`` rows of them, unless one transaction alone wrote more: pages are cut between transactions."""
    horizon, wanted = _horizon(after), list(topics)
    with connection.cursor() as cursor:
        cursor.execute(
            _BOUND,
            [limit, after.epoch, str(after.xid), str(horizon.xid), wanted, wanted, audience, audience, limit + 1],
        )
        beyond, first = cursor.fetchone()
    end = horizon if beyond is None else Cursor(after.epoch, max(beyond, first + 1))
    return Page(_read(after, end, wanted, audience), end, has_more=end.xid < horizon.xid)


def _horizon(after: Cursor) -> Cursor:
    now = current_cursor()
    if after.epoch != now.epoch or after.xid > now.xid:
        raise CursorExpired(_("The database was restored since. Read the full list again."))
    return now


def _read(after: Cursor, until: Cursor, topics: list[str], audience: str | None) -> list[Change]:
    with connection.cursor() as cursor:
        cursor.execute(_READ, [after.epoch, str(after.xid), str(until.xid), topics, topics, audience, audience])
        found = [Change(*row) for row in cursor.fetchall()]
        # Asked after the rows: what went while they were being read is noticed too.
        cursor.execute(_CUTS, [after.epoch, str(after.xid)])
        if cursor.fetchone()[0]:
            raise CursorExpired(_("What changed since is too old and was given up. Read the full list again."))
    return found


@dataclass(frozen=True, slots=True)
class Lag:
    """How far readers are behind writers: the age of the oldest row they cannot see yet, and of the transaction that holds them back."""

    behind_s: float
    oldest_transaction_s: float


# A transaction that took an id, here or on another database of the cluster, or one that waits for its second phase.
_LAG = """
SELECT coalesce((SELECT extract(epoch FROM clock_timestamp() - min(recorded_at)) FROM core_changerow
                 WHERE epoch = (SELECT max(id) FROM core_feedepoch) AND xid >= pg_snapshot_xmin(pg_current_snapshot())), 0)::float8,
       coalesce(extract(epoch FROM clock_timestamp() - least(
           (SELECT min(xact_start) FROM pg_stat_activity WHERE backend_xid IS NOT NULL),
           (SELECT min(prepared) FROM pg_prepared_xacts))), 0)::float8
"""


def lag() -> Lag:
    """For probes: what is committed and not seen is not shown, since nobody may read it before its turn."""
    with connection.cursor() as cursor:
        cursor.execute(_LAG)
        behind, oldest = cursor.fetchone()
    return Lag(max(behind, 0.0), max(oldest, 0.0))


# A number counted up would come again: a backup of epoch 1 that is restored twice would begin epoch 2 twice, and cursors of the first 2 would
# skip rows of the second. The moment in seconds is never given twice.
_START_EPOCH = """
INSERT INTO core_feedepoch (id, started_at, reason)
VALUES (greatest((SELECT coalesce(max(id), 0) + 1 FROM core_feedepoch), extract(epoch FROM {at}::timestamptz)::bigint), {at}, {reason})
"""


def start_epoch(*, reason: str, at: dt.datetime) -> None:
    """Begin a new life of the feed, after a restore or a failover that may have lost commits. Every old cursor is refused from now on."""
    with connection.cursor() as cursor:
        cursor.execute(epoch_statement(reason=reason, at=at))


def epoch_statement(*, reason: str, at: dt.datetime) -> str:
    """What ``start_epoch`` does, for whoever restores with another program and begins the epoch in the same transaction."""
    return sql.SQL(_START_EPOCH).format(at=sql.Literal(at), reason=sql.Literal(reason)).as_string()


def ensure_partitions(*, first: dt.date, months: int = 3) -> list[str]:
    """Create the monthly partitions from ``first`` on where they are missing; gives their names.

    Rows of a month without one fall into the default partition, which is sound but slower; such a month stays there.
    """
    created = []
    month = first.replace(day=1)
    for _step in range(months):
        following = (month + dt.timedelta(days=32)).replace(day=1)
        name = f"core_changerow_{month:%Y%m}"
        if _make_partition(name, f"{month} 00:00:00+00", f"{following} 00:00:00+00"):
            created.append(name)
        month = following
    return created


def _make_partition(name: str, begin: str, end: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass(%s) IS NULL AND NOT EXISTS"
            " (SELECT FROM core_changerow_default WHERE recorded_at >= %s AND recorded_at < %s)",
            [name, begin, end],
        )
        is_wanted = bool(cursor.fetchone()[0])
        if is_wanted:
            # A table's definition takes no parameters; the bounds are dates that we wrote ourselves.
            cursor.execute(f"CREATE TABLE {name} PARTITION OF core_changerow FOR VALUES FROM ('{begin}') TO ('{end}')")
    return is_wanted


def keep_partitions(*, at: dt.datetime) -> None:
    """The daily job: this month and the next two have their partition."""
    with transaction.atomic():
        ensure_partitions(first=at.astimezone(dt.UTC).date())


_OLD_PARTITIONS = """
SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = 'core_changerow'::regclass AND child.relname ~ '^core_changerow_[0-9]{6}$' AND child.relname < %s ORDER BY 1
"""


def forget(*, before: dt.datetime, at: dt.datetime) -> list[str]:
    """Drop the partitions of months that ended before ``before``; gives their names. A reader who still stood there is refused from now on.

    Rows of such months in the default partition go too. A partition that is in use stays until the next time: nobody waits for this.
    """
    # Sorted as text, a month lies before another exactly when its name does.
    first_kept = f"core_changerow_{before.astimezone(dt.UTC):%Y%m}"
    with connection.cursor() as cursor:
        cursor.execute(_OLD_PARTITIONS, [first_kept])
        old = [row[0] for row in cursor.fetchall()]
    dropped = [name for name in old if _drop_partition(name, at=at)]
    month = before.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FORGET_STRAYS, [month, _STRAYS_AT_ONCE, at])
    return dropped


def _drop_partition(name: str, *, at: dt.datetime) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Whoever writes to the feed would queue behind us while we wait for a reader.
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            cursor.execute(f"LOCK TABLE core_changerow, {name} IN ACCESS EXCLUSIVE MODE")
            cursor.execute(_CUT.format(name=name), [at])
            cursor.execute(f"DROP TABLE {name}")
    except OperationalError as fault:
        if isinstance(fault.__cause__, LockNotAvailable):
            return False
        raise
    return True


_CUT = """
INSERT INTO core_feedcut (epoch, xid, cut_at)
SELECT epoch, xid, %s FROM {name} WHERE epoch = (SELECT max(id) FROM core_feedepoch) ORDER BY xid DESC LIMIT 1
"""

# As many as go in a second or two: no write transaction lasts longer.
_STRAYS_AT_ONCE = 100_000
_FORGET_STRAYS = """
WITH gone AS (
    DELETE FROM core_changerow_default WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM core_changerow_default WHERE recorded_at < %s LIMIT %s))
    RETURNING epoch, xid
)
INSERT INTO core_feedcut (epoch, xid, cut_at)
SELECT epoch, xid, %s FROM gone WHERE epoch = (SELECT max(id) FROM core_feedepoch) ORDER BY xid DESC LIMIT 1
"""
