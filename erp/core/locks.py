"""Locks by name, for things that have no row yet. Released by the transaction.

The house's lock order: document (here, by name) → customer identity → credit group → balances by primary key → hold lines → cost rows by
SKU → open items → number counter. Whoever needs an earlier level from a later one writes a task row instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from erp.core import rows


def hold(*names: str) -> None:
    """Wait for, and keep until the end of the transaction, the lock of every name. Many names are taken in one order, so callers queue."""
    hold_all(names)


def hold_all(names: Iterable[str]) -> None:
    wanted = list(set(names))
    if not wanted:
        return
    if not connection.in_atomic_block:
        raise AssertionError("a lock by name needs a transaction to hold it")
    with connection.cursor() as cursor:
        # The hash is what is locked, so the hash is what is sorted: two names that collide must not be taken in two orders.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(key) FROM (SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(%s::text[]) AS name"
            " ORDER BY key) AS keys",
            [rows.array(wanted)],
        )
