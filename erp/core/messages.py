"""The message log: every raw message beside its effect, so that nothing that came in is lost and everything can be replayed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction

from erp.core import rows
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.models import MessageLog


@dataclass(frozen=True, slots=True)
class Message:
    kind: str
    external_id: str
    revision: int
    body: Any
    fingerprint: str
    outcome: str
    detail: str = ""


_COLUMNS = (
    "direction", "channel_id", "kind", "external_id", "revision", "body", "fingerprint", "outcome", "detail", "recorded_at",
    "actor",
)  # fmt: skip


def store(
    messages: Sequence[Message],
    *,
    channel_id: int | None,
    at: dt.datetime,
    by: Actor,
    direction: str = "IN",
    batch: rows.Batch | None = None,
) -> None:
    """Keep raw messages, with the writes of a ``batch`` if one is given. Part of the surrounding transaction; for a message whose
    effect failed, call it in a second one."""
    own = rows.Batch() if batch is None else batch
    own.insert(
        MessageLog,
        _COLUMNS,
        [
            (
                direction, channel_id, item.kind, cleaned(item.external_id), item.revision, encode(item.body),
                item.fingerprint, item.outcome, cleaned(item.detail), at, str(by),
            )
            for item in messages
        ],
    )  # fmt: skip
    if batch is None:
        own.run()


def outcome_of(why: Exception) -> str:
    """Of a message from which nothing came: the house said no, or something broke here."""
    return MessageLog.Outcome.REFUSED if isinstance(why, DomainError) else MessageLog.Outcome.FAILED


def reason_of(why: Exception) -> str:
    return str(why) if isinstance(why, DomainError) else f"{type(why).__name__}: {why}"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body that is canonical JSON already."""

    text: str


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def encode(body: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, decimals and dates as text. What PostgreSQL cannot store (NUL, half a surrogate pair)
    becomes U+FFFD or a question mark, so that even a broken message is kept."""
    if isinstance(body, Encoded):
        return body.text
    try:
        text = msgspec.json.encode(body, enc_hook=str, order="deterministic").decode()
    except (UnicodeEncodeError, OverflowError):
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
        text = text.encode("utf-8", "replace").decode()
    return _NUL.sub("\\1\ufffd", text) if "\\u0000" in text else text


def cleaned(text: str) -> str:
    """What PostgreSQL can keep of a text."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def may_be_unstorable(body: Any) -> bool:
    """Whether some text of ``body`` may hold what PostgreSQL cannot store (see ``encode``). Quick, for hot paths; sure only when it says no."""
    try:
        return b"\\u0000" in msgspec.json.encode(body, enc_hook=str)
    except (UnicodeEncodeError, OverflowError):
        return True


def fingerprint(body: Any) -> str:
    """SHA-256 of the canonical form, for telling a repeat from other content under the same key."""
    return hashlib.sha256(encode(body).encode()).hexdigest()


_PRUNE = """
DELETE FROM core_messagelog WHERE id IN (
    SELECT id FROM core_messagelog WHERE direction = 'OUT' AND recorded_at < %s ORDER BY recorded_at LIMIT %s)
"""


def prune_sent(*, at: dt.datetime, by: Actor, limit: int = 5_000) -> int:
    """A job: forget what we sent longer ago than ``SENT_MESSAGES_KEPT_DAYS``, in short transactions. What we received is kept for ever."""
    before = at - dt.timedelta(days=settings.SENT_MESSAGES_KEPT_DAYS)
    pruned = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('mamori.prune', 'on', true)")
            cursor.execute(_PRUNE, [before, limit])
            gone = int(cursor.rowcount)
        pruned += gone
        if gone < limit:
            return pruned
