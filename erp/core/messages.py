"""The message log: every raw message beside its effect, so that nothing that came in is lost and everything can be replayed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from erp.core.actors import Actor


@dataclass(frozen=True, slots=True)
class Message:
    kind: str
    external_id: str
    revision: int
    body: Any
    fingerprint: str
    outcome: str
    detail: str = ""


_STORE = """
INSERT INTO core_messagelog (direction, channel_id, recorded_at, actor, kind, external_id, revision, body, fingerprint, outcome, detail)
SELECT %s::text, %s::bigint, %s::timestamptz, %s::text, * FROM unnest(%s::text[], %s::text[], %s::int[], %s::jsonb[], %s::text[], %s::text[], %s::text[])
"""


def store(
    messages: Sequence[Message], *, channel_id: int | None, at: dt.datetime, by: Actor, direction: str = "IN"
) -> None:
    """Keep raw messages. Part of the surrounding transaction; for a message whose effect failed, call it in a second one."""
    if messages:
        columns = zip(
            *[
                (
                    item.kind,
                    item.external_id,
                    item.revision,
                    encode(item.body),
                    item.fingerprint,
                    item.outcome,
                    item.detail,
                )
                for item in messages
            ],
            strict=True,
        )
        with connection.cursor() as cursor:
            cursor.execute(_STORE, [direction, channel_id, at, str(by), *(list(column) for column in columns)])


def encode(body: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, decimals and dates as text. NUL, which PostgreSQL cannot store, becomes U+FFFD."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str).replace(
        "\\u0000", "�"
    )


def fingerprint(body: Any) -> str:
    """SHA-256 of the canonical form, for telling a repeat from other content under the same key."""
    return hashlib.sha256(encode(body).encode("utf-8", "surrogatepass")).hexdigest()
