"""Each trigger of stock and orders, alone: what it refuses goes in as soon as it is switched off, and what it does is not done then.

Nobody names the triggers here: they are read from the database. What is attempted is said once per function of triggers (``ATTEMPTS``), so a
table that gets another append-only guard is tried from its first day, and a new function of triggers fails here until somebody says how to try it.
``docs/guards/triggers.md`` keeps what was seen. All happens in a transaction that is rolled back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from erp.runtime.installation import PROJECT
from tests.test_constraints_refuse import COLUMNS, DAY, SAMPLES, Column, Row, act, ask

pytestmark = pytest.mark.django_db
DOCUMENT = PROJECT / "docs" / "guards" / "triggers.md"
# Those on the tables of stock and orders, and those that stock has on tables of others.
TRIGGERS = """
SELECT t.tgrelid::regclass::text, t.tgname::text, p.proname::text,
       ARRAY(SELECT event FROM unnest(ARRAY['INSERT', 'DELETE', 'UPDATE', 'TRUNCATE'], ARRAY[4, 8, 16, 32]) AS known (event, bit)
             WHERE t.tgtype & bit <> 0 ORDER BY bit),
       ARRAY(SELECT a.attname::text FROM unnest(t.tgattr::int[]) WITH ORDINALITY AS named (number, place)
             JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = number ORDER BY place)
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND (t.tgrelid::regclass::text ~ '^(inventory|orders)_' OR p.proname ~ '^(inventory|orders)_')
ORDER BY 1, 2
"""
GUARDS = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I CASCADE', conrelid::regclass, conname) FROM pg_constraint
WHERE conrelid = %s::regclass AND contype IN ('c', 'f', 'p', 'u', 'x') ORDER BY contype
"""
UNIQUE = (
    "SELECT format('DROP INDEX %%s', indexrelid::regclass) FROM pg_index WHERE indrelid = %s::regclass AND indisunique"
)


@dataclass(frozen=True)
class Trigger:
    table: str
    name: str
    function: str
    events: list[str]
    columns: list[str]


@dataclass(frozen=True)
class Attempt:
    """A statement that the trigger refuses, or what ``probe`` finds behind it; ``rows`` are there before."""

    statement: str
    probe: str = ""
    rows: list[tuple[str, Row]] = field(default_factory=list)


@cache
def columns_of(table: str) -> list[Column]:
    return [Column(*found) for found in ask(COLUMNS, table)]


def filled(table: str, **fields: Any) -> Row:
    """A row with a plain value wherever one is needed."""
    needed = {
        each.name: SAMPLES[each.kind][0] for each in columns_of(table) if each.has_no_default and not each.is_nullable
    }
    return needed | fields


def literal(value: Any) -> str:
    return f"'{value}'" if value is not None else "NULL"


def inserting(table: str, **fields: Any) -> str:
    row = filled(table, **fields)
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(literal, row.values()))})"


def bare(table: str) -> None:
    """Take everything away that could refuse or do something instead of the trigger that is tried. Until the end of the test."""
    if not ask("SELECT FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled <> 'D' LIMIT 1", table) and not ask(
        GUARDS, table
    ):
        return
    for (statement,) in ask(GUARDS, table) + ask(UNIQUE, table):
        # Unique keys that belong to a constraint went with it.
        if statement.startswith("ALTER") or ask("SELECT to_regclass(%s)", statement.split()[-1])[0][0]:
            act(statement)
    act(f"ALTER TABLE {table} DISABLE TRIGGER USER")


# What is attempted, by the function of the trigger


def changing(trigger: Trigger) -> str:
    """Set one column, of those that the trigger is about, to another value."""
    for column in columns_of(trigger.table):
        if (not trigger.columns or column.name in trigger.columns) and len(SAMPLES[column.kind]) > 1:
            return f"UPDATE {trigger.table} SET {column.name} = {literal(SAMPLES[column.kind][1])}"
    raise AssertionError(f"{trigger.name}: no column can be changed")


def each_event(trigger: Trigger, *, probe: str = "") -> list[Attempt]:
    """Any row, inserted, changed, deleted or emptied away."""
    there = [(trigger.table, filled(trigger.table))]
    statements = {
        "INSERT": inserting(trigger.table),
        "UPDATE": changing(trigger) if "UPDATE" in trigger.events else "",
        "DELETE": f"DELETE FROM {trigger.table}",
        "TRUNCATE": f"TRUNCATE {trigger.table}",
    }
    return [Attempt(statements[event], probe, [] if event == "INSERT" else there) for event in trigger.events]


AUDIT = "SELECT count(*) FROM core_auditrow WHERE table_name = '{}'"
RULES = "SELECT coalesce(sum(version), 0) FROM inventory_channelrules"


def rules_of_a_place(trigger: Trigger) -> list[Attempt]:
    place, sold = filled(trigger.table, id=1, is_active=True), filled("inventory_channellocation", location_id=1)
    return [
        Attempt(
            "UPDATE inventory_location SET is_active = false", RULES,
            [("inventory_location", place), ("inventory_channellocation", sold)],
        )
    ]  # fmt: skip


def rules_of_moved_goods(trigger: Trigger) -> list[Attempt]:
    column = trigger.columns[0]
    known = filled(trigger.table, **{column: 1})
    policy = filled("inventory_channelpolicy", product_id=1)
    rows = [(trigger.table, known), ("inventory_channelpolicy", policy)]
    return [Attempt(f"UPDATE {trigger.table} SET {column} = 2", RULES, rows)]


def rules_of_quotas(trigger: Trigger) -> list[Attempt]:
    channel = ("core_channel", filled("core_channel", id=1))
    quota = (trigger.table, filled(trigger.table, quantity=1))
    statements = {
        "INSERT": inserting(trigger.table),
        "UPDATE": f"UPDATE {trigger.table} SET quantity = 2",
        "DELETE": f"DELETE FROM {trigger.table}",
    }
    return [
        Attempt(statements[event], RULES, [channel] if event == "INSERT" else [channel, quota])
        for event in trigger.events
    ]


def due_dates(trigger: Trigger) -> list[Attempt]:
    probe = f"SELECT max(due_at) FROM {trigger.table}"
    if trigger.events == ["INSERT"]:
        return [Attempt(inserting(trigger.table, starts_at=DAY), probe)]
    return [Attempt(f"UPDATE {trigger.table} SET starts_at = '{DAY}'", probe, [(trigger.table, filled(trigger.table))])]


def use_of_quotas(trigger: Trigger) -> list[Attempt]:
    quota = ("inventory_channelquota", filled("inventory_channelquota", id=1, used=0))
    probe = "SELECT used FROM inventory_channelquota"
    claim = {"quota_id": 1, "quantity": 3, "consumed": 0}
    if trigger.events == ["INSERT"]:
        return [Attempt(inserting(trigger.table, **claim), probe, [quota])]
    there = (trigger.table, filled(trigger.table, **claim))
    return [Attempt(f"UPDATE {trigger.table} SET quantity = 5", probe, [quota, there])]


EXPECTED = ("inventory_expectedreceipt", 1)


def expected(pieces: int) -> tuple[str, Row]:
    table, key = EXPECTED
    return table, filled(table, id=key, quantity=pieces, received_quantity=0)


def promises_beyond(trigger: Trigger) -> list[Attempt]:
    if trigger.events == ["INSERT"]:
        return [Attempt(inserting(trigger.table, expected_receipt_id=1, quantity=2), rows=[expected(1)])]
    there = (trigger.table, filled(trigger.table, expected_receipt_id=1, quantity=1))
    return [Attempt(f"UPDATE {trigger.table} SET quantity = 2", rows=[expected(1), there])]


def promises_of_less(trigger: Trigger) -> list[Attempt]:
    promise = ("inventory_promise", filled("inventory_promise", expected_receipt_id=1, quantity=2, arrived=0))
    probe = "SELECT sum(quantity) FROM inventory_promise"
    return [Attempt(f"UPDATE {trigger.table} SET quantity = 1", probe, [expected(2), promise])]


def standard_outside(trigger: Trigger) -> list[Attempt]:
    pool, place = "inventory_costpool", "inventory_location"
    if trigger.table == place:
        kept = (pool, filled(pool, id=1, costing_method="STANDARD"))
        inside = (place, filled(place, id=1, kind="SHOP", cost_pool_id=1))
        return [
            Attempt(inserting(place, kind="IN_TRANSIT", cost_pool_id=1), rows=[kept]),
            Attempt(f"UPDATE {place} SET kind = 'CONSIGNED'", rows=[kept, inside]),
        ]
    outside = (place, filled(place, kind="CONSIGNED", cost_pool_id=1))
    average = (pool, filled(pool, id=1, costing_method="MOVING_AVERAGE"))
    return [
        Attempt(inserting(pool, id=1, costing_method="STANDARD"), rows=[outside]),
        Attempt(f"UPDATE {pool} SET costing_method = 'STANDARD'", rows=[outside, average]),
    ]


def kit_with_stock(trigger: Trigger) -> list[Attempt]:
    there = (trigger.table, filled(trigger.table, id=1, code="A-1", is_kit=False))
    pieces = ("inventory_stockbalance", filled("inventory_stockbalance", sku_id=1, on_hand=1))
    return [Attempt(f"UPDATE {trigger.table} SET is_kit = true", rows=[there, pieces])]


def approval_by_who_counted(trigger: Trigger) -> list[Attempt]:
    count = (trigger.table, filled(trigger.table, id=1, approved_by=""))
    entry = ("inventory_stockcountentry", filled("inventory_stockcountentry", count_id=1, actor="staff:hanako"))
    return [Attempt(f"UPDATE {trigger.table} SET approved_by = 'staff:hanako'", rows=[count, entry])]


def late_lines(trigger: Trigger) -> list[Attempt]:
    header = ("inventory_stockdocument", filled("inventory_stockdocument", id=1, created_xid="3"))
    return [Attempt(inserting(trigger.table, document_id=1), rows=[header])]


def forged_sums(trigger: Trigger) -> list[Attempt]:
    return [Attempt(inserting(trigger.table, after_seq=0, through_seq=1))]


ATTEMPTS: dict[str, Callable[[Trigger], list[Attempt]]] = {
    "mamori_refuse_change": each_event,
    "mamori_audit": lambda trigger: each_event(trigger, probe=AUDIT.format(trigger.table)),
    "mamori_born_with_header": late_lines,
    "inventory_rules_changed": lambda trigger: each_event(trigger, probe=RULES),
    "inventory_place_changed": rules_of_a_place,
    "inventory_goods_moved": rules_of_moved_goods,
    "inventory_quota_changed": rules_of_quotas,
    "inventory_quota_used": use_of_quotas,
    "inventory_policy_is_due": due_dates,
    "inventory_promises_fit": promises_beyond,
    "inventory_promises_trimmed": promises_of_less,
    "inventory_standard_in_house": standard_outside,
    "inventory_kit_without_stock": kit_with_stock,
    "inventory_count_approver": approval_by_who_counted,
    "inventory_snapshot_is_true": forged_sums,
}


def seen(attempt: Attempt) -> str:
    """What PostgreSQL says to it, or what the probe finds before and after."""
    before = ask(attempt.probe)[0][0] if attempt.probe else None
    try:
        with transaction.atomic():
            act(attempt.statement)
            found = f"{before} → {ask(attempt.probe)[0][0]}" if attempt.probe else "goes in"
            transaction.set_rollback(True)
    except IntegrityError as refusal:
        return str(refusal).splitlines()[0]
    return found


def proof(trigger: Trigger, attempt: Attempt) -> tuple[str, str]:
    """With the trigger alone, and without it."""
    for table in dict.fromkeys([trigger.table, *(table for table, _row in attempt.rows)]):
        bare(table)
    with transaction.atomic():
        # The tests of the house may empty tables; here nobody may.
        act("SELECT set_config('mamori.allow_truncate', '', true)")
        for table, row in attempt.rows:
            act(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(literal, row.values()))})")
        act(f"ALTER TABLE {trigger.table} ENABLE TRIGGER {trigger.name}")
        with_it = seen(attempt)
        act(f"ALTER TABLE {trigger.table} DISABLE TRIGGER {trigger.name}")
        without_it = seen(attempt)
        transaction.set_rollback(True)
    return with_it, without_it


def told(trigger: Trigger, attempt: Attempt, with_it: str, without_it: str) -> str:
    statement = re.sub(r"\s+", " ", attempt.statement)
    if statement.startswith("INSERT"):
        statement = "INSERT"
    what = f"{statement}; {attempt.probe}" if attempt.probe else statement
    return f"| `{trigger.table}` | `{trigger.name}` | `{what}` | `{with_it}` | `{without_it}` |"


def test_each_trigger_refuses_or_does_by_itself_what_is_missing_without_it():
    triggers = [Trigger(*found) for found in ask(TRIGGERS)]
    assert {"inventory_stockmovement_append_only", "orders_order_audit"} <= {trigger.name for trigger in triggers}
    unknown = {trigger.function for trigger in triggers} - ATTEMPTS.keys()
    assert not unknown, f"nobody says how triggers of these functions are tried: {unknown}"

    lines = []
    for trigger in triggers:
        attempts = ATTEMPTS[trigger.function](trigger)
        assert len(attempts) == len(trigger.events), f"{trigger.name} acts at {trigger.events}"
        for attempt in attempts:
            with_it, without_it = proof(trigger, attempt)
            assert with_it != "goes in", f"{trigger.name} refuses nothing: {attempt.statement}"
            refused = not attempt.probe
            assert refused or "→" in with_it, f"{trigger.name}: {with_it}"
            assert with_it != without_it, f"{trigger.name} does nothing: {attempt.statement}: {with_it}"
            assert "→" in without_it or without_it == "goes in", f"without {trigger.name}, still: {without_it}"
            lines.append(told(trigger, attempt, with_it, without_it))

    typed, mark, kept = DOCUMENT.read_text(encoding="utf-8").partition("|---|---|---|---|---|\n")
    if os.environ.get("WRITE_GUARDS"):
        DOCUMENT.write_text(typed + mark + "\n".join(lines) + "\n", encoding="utf-8")
        return
    named = set(re.findall(r"^\| `\w+` \| `(\w+)`", kept, re.MULTILINE))
    assert named == {trigger.name for trigger in triggers}, (
        "docs/guards/triggers.md is behind; run this test with WRITE_GUARDS=1"
    )
