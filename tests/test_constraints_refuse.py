"""Each CHECK, unique key and exclusion of stock and orders, alone: a row that it refuses, and that goes in as soon as the guard is taken away.

Nobody names them here: they are read from the database, so a new one is proven from its first day, or this file says that it cannot be broken.
``docs/guards/constraints.md`` keeps what was seen. All happens in a transaction that is rolled back.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from psycopg import Error as DriverError

from erp.runtime.installation import PROJECT

pytestmark = pytest.mark.django_db
DOCUMENT = PROJECT / "docs" / "guards" / "constraints.md"
RULES = """
SELECT c.conrelid::regclass::text, c.conname::text, c.contype IN ('u', 'x'), pg_get_constraintdef(c.oid), false
FROM pg_constraint c WHERE c.contype IN ('c', 'u', 'x') AND c.conrelid::regclass::text ~ '^(inventory|orders)_'
UNION ALL
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, true, pg_get_indexdef(i.indexrelid), true
FROM pg_index i WHERE i.indisunique AND NOT i.indisprimary AND i.indrelid::regclass::text ~ '^(inventory|orders)_'
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
ORDER BY 1, 2
"""
COLUMNS = """
SELECT column_name, udt_name, is_nullable = 'YES', column_default IS NULL
FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public'
  AND is_generated = 'NEVER' AND is_identity = 'NO' ORDER BY ordinal_position
"""
DAY = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
SAMPLES: dict[str, list[Any]] = {
    "int2": [1, 0, -1, 2], "int4": [1, 0, -1, 2], "int8": [1, 0, -1, 2], "numeric": ["1", "0", "-1", "2", "NaN"],
    "bool": [False, True], "date": [DAY.date(), DAY.date() + dt.timedelta(days=1)], "timestamptz": [DAY, DAY + dt.timedelta(days=1)],
    "jsonb": ["{}", "[]"], "varchar": ["x", ""], "text": ["x", ""], "uuid": ["00000000-0000-0000-0000-000000000001"],
    "daterange": ["[2026-01-01,2026-02-01)"], "tstzrange": ["[2026-01-01,2026-02-01)"],
}  # fmt: skip
Row = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    table: str
    name: str
    is_key: bool
    definition: str
    is_index: bool

    @property
    def removal(self) -> str:
        return (
            f"DROP INDEX {self.name}"
            if self.is_index
            else f"ALTER TABLE {self.table} DROP CONSTRAINT {self.name} CASCADE"
        )


@dataclass(frozen=True)
class Column:
    name: str
    kind: str
    is_nullable: bool
    has_no_default: bool


@dataclass(frozen=True)
class Seen:
    """What a guard refused, and the words of PostgreSQL."""

    row: Row
    words: str


def ask(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return cursor.fetchall()


def act(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))


def insert(table: str, row: Row) -> None:
    act(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", *row.values())


def refusal(rule: Rule, row: Row) -> str | None:
    """What PostgreSQL says to this row, or None when it takes it. A key is asked with the row twice."""
    refused = None
    try:
        with transaction.atomic():
            for _time in range(2 if rule.is_key else 1):
                insert(rule.table, row)
            transaction.set_rollback(True)
    except IntegrityError as error:
        refused = error
    if refused is None:
        return None
    assert isinstance(refused.__cause__, DriverError)
    assert refused.__cause__.diag.constraint_name == rule.name, f"{rule.name}: {refused}"
    return str(refused).splitlines()[0]


def rows(rule: Rule, columns: list[Column]) -> Iterator[Row]:
    """A row that fills what must be filled, with every combination of plain values in the columns that the rule speaks of."""
    spoken = [each for each in columns if re.search(rf"\b{each.name}\b", rule.definition)]
    texts = re.findall(r"'([^']+)'::", rule.definition)
    # A limit is named in the rule; what lies just above it breaks it.
    numbers = [int(limit) + 1 for limit in re.findall(r"\b\d+\b", rule.definition)]
    named = {"varchar": texts, "text": texts, "int2": numbers, "int4": numbers, "int8": numbers, "numeric": numbers}
    base = {each.name: SAMPLES[each.kind][0] for each in columns if each.has_no_default and not each.is_nullable}
    choices = [
        [*SAMPLES[each.kind], *named.get(each.kind, ()), *([None] if each.is_nullable else ())] for each in spoken
    ]
    for values in itertools.islice(itertools.product(*choices), 5000):
        yield base | dict(zip([each.name for each in spoken], values, strict=True))


def proof(rule: Rule, others: list[Rule], columns: list[Column]) -> Seen:
    """Take the others away, find a row that this one refuses and one that it takes; without it, both go in."""
    with transaction.atomic():
        act(f"ALTER TABLE {rule.table} DISABLE TRIGGER USER")
        for other in others:
            act(other.removal)
        refused, taken = None, False
        for row in rows(rule, columns):
            words = refusal(rule, row)
            refused = refused or (Seen(row, words) if words else None)
            taken = taken or words is None
            # A key takes the first of two rows, or it would not have seen the second.
            if refused and (taken or rule.is_key):
                break
        assert refused is not None, f"{rule.name} refuses nothing: {rule.definition}"
        act(rule.removal)
        assert refusal(rule, refused.row) is None, f"{rule.name} is gone, and still something refuses"
        transaction.set_rollback(True)
    spoken = {name: value for name, value in refused.row.items() if re.search(rf"\b{name}\b", rule.definition)}
    return Seen(spoken, refused.words)


def told(rule: Rule, seen: Seen) -> str:
    row = ", ".join(f"{name} {'NULL' if value is None else repr(str(value))}" for name, value in seen.row.items())
    words = seen.words.replace("|", "/")
    return f"| `{rule.table}` | `{rule.name}` | {row}{', twice' if rule.is_key else ''} | `{words}` | taken |"


def test_each_constraint_refuses_by_itself_what_goes_in_without_it():
    rules = [Rule(*found) for found in ask(RULES)]
    assert {"never_oversold", "one_stock_document_per_external_id"} <= {rule.name for rule in rules}

    lines = []
    for table, group in itertools.groupby(rules, key=lambda rule: rule.table):
        of_table = list(group)
        columns = [Column(*found) for found in ask(COLUMNS, table)]
        lines += [
            told(rule, proof(rule, [each for each in of_table if each is not rule], columns)) for rule in of_table
        ]

    typed, mark, kept = DOCUMENT.read_text(encoding="utf-8").partition("|---|---|---|---|---|\n")
    now = "\n".join(lines) + "\n"
    if os.environ.get("WRITE_GUARDS"):
        DOCUMENT.write_text(typed + mark + now, encoding="utf-8")
        return
    named = set(re.findall(r"^\| `\w+` \| `(\w+)`", kept, re.MULTILINE))
    assert named == {rule.name for rule in rules}, (
        "docs/guards/constraints.md is behind; run this test with WRITE_GUARDS=1"
    )
