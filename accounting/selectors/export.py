"""Entries in the shape that accounting packages take: tax folded into the line it belongs to, debit beside credit. Nothing here writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from accounting.models import ExportFormat, ExportTaxLabel, LedgerAccount
from erp.core.money import ZERO, split_by_weight

OUT_OF_SCOPE_LABEL = "対象外"
TAX_ROLES = {"output_tax": ExportTaxLabel.Direction.SALE, "input_tax": ExportTaxLabel.Direction.PURCHASE}


@dataclass(frozen=True, slots=True)
class ExportLine:
    """One side of a slip row. ``amount`` includes ``tax``; ``tax_label`` is the package's name of the tax code."""

    account_code: str
    account_name: str
    side: str
    amount: Decimal
    party: str = ""
    department: str = ""
    tax_code: str = ""
    tax: Decimal = ZERO
    tax_label: str = OUT_OF_SCOPE_LABEL
    description: str = ""


@dataclass(frozen=True, slots=True)
class ExportEntry:
    entry_id: int
    number: str
    entry_date: date
    description: str
    lines: tuple[ExportLine, ...]


class TaxLabels:
    """The package's names of our tax codes on a date."""

    def __init__(self, rows: Iterable[tuple[str, str, date, str]]) -> None:
        self._rows = sorted(rows, key=lambda row: row[2], reverse=True)

    def find(self, tax_code: str, direction: str, on: date) -> str | None:
        for code, side, valid_from, label in self._rows:
            if (code, side) == (tax_code, direction) and valid_from <= on:
                return label
        return None


def tax_labels(format: ExportFormat) -> TaxLabels:  # noqa: A002 - the word of the model's field
    rows = ExportTaxLabel.objects.filter(format=format)
    return TaxLabels(rows.values_list("tax_code", "direction", "valid_from", "label"))


_ENTRIES = """
SELECT e.id, e.number, e.entry_date, e.description, a.code, a.name, a.type, p.side, p.amount, p.tax_code, p.description,
       coalesce(i.party_label, c.name, b.name, s.name, ''), coalesce(d.name, ''),
       coalesce((SELECT min(role) FROM accounting_accountrole r WHERE r.account_id = a.id
                 AND r.role IN ('output_tax', 'input_tax')), '')
FROM accounting_journalentry e
JOIN accounting_posting p ON p.entry_id = e.id
JOIN accounting_ledgeraccount a ON a.id = p.account_id
LEFT JOIN accounting_openitem i ON i.id = p.open_item_id
LEFT JOIN accounting_counterparty c ON p.party_kind = 'COUNTERPARTY' AND c.id = p.party_id
LEFT JOIN customers_billto b ON p.party_kind = 'BILL_TO' AND b.id = p.party_id
LEFT JOIN catalog_supplier s ON p.party_kind = 'SUPPLIER' AND s.id = p.party_id
LEFT JOIN core_department d ON d.id = p.department_id
WHERE e.id = ANY(%s) ORDER BY e.entry_date, e.id, p.line_no
"""
CHUNK = 2_000
Reshape = Callable[[Sequence[ExportLine]], Sequence[ExportLine]]
"""The lines of an entry under another way of keeping books."""


def export_entries(
    entry_ids: Sequence[int], labels: TaxLabels, *, reshape: Reshape | None = None
) -> Iterator[ExportEntry]:
    """The entries in order of date, reshaped, then tax folded in. Memory stays flat: ``CHUNK`` entries at a time."""
    for start in range(0, len(entry_ids), CHUNK):
        with connection.cursor() as cursor:
            cursor.execute(_ENTRIES, [list(entry_ids[start : start + CHUNK])])
            rows = cursor.fetchall()
        by_entry: dict[int, list[tuple[Any, ...]]] = {}
        for row in rows:
            by_entry.setdefault(row[0], []).append(row)
        for entry_id, found in by_entry.items():
            yield _entry(entry_id, found, labels, reshape)


_DIRECTIONS = {True: ExportTaxLabel.Direction.SALE.value, False: ExportTaxLabel.Direction.PURCHASE.value}


def _entry(entry_id: int, rows: Sequence[tuple[Any, ...]], labels: TaxLabels, reshape: Reshape | None) -> ExportEntry:
    number, entry_date, description = rows[0][1:4]
    base: list[ExportLine] = []
    sales: set[str] = set()
    taxes: list[tuple[str, ExportLine]] = []
    for row in rows:
        code, name, kind, side, amount, tax_code, text, party, department, tax_role = row[4:]
        line = ExportLine(code, name, side, amount, party, department, tax_code, description=text)
        if tax_role:
            taxes.append((TAX_ROLES[tax_role].value, line))
        else:
            base.append(line)
            if kind == LedgerAccount.Type.REVENUE:
                sales.add(code)
    if reshape is not None:
        base = list(reshape(base))
    directions = [_DIRECTIONS[line.account_code in sales] for line in base]
    lines = _fold(base, directions, taxes, labels, entry_date)
    return ExportEntry(entry_id, number, entry_date, description, tuple(lines))


def _fold(
    base: Sequence[ExportLine],
    directions: Sequence[str],
    taxes: list[tuple[str, ExportLine]],
    labels: TaxLabels,
    on: date,
) -> list[ExportLine]:
    """Each tax line goes into the lines of its code and side, by their amounts. One that has none stays a line of its own."""
    lines = list(base)
    left = []
    for direction, tax in taxes:
        wanted = [
            index
            for index, line in enumerate(base)
            if line.tax_code and (line.tax_code, line.side, directions[index]) == (tax.tax_code, tax.side, direction)
        ]
        if not wanted:
            left.append(tax)
            continue
        shares = split_by_weight(tax.amount, [base[index].amount for index in wanted])
        for index, share in zip(wanted, shares, strict=True):
            lines[index] = replace(lines[index], amount=lines[index].amount + share, tax=lines[index].tax + share)
    for index, line in enumerate(lines):
        if line.tax_code:
            label = labels.find(line.tax_code, directions[index], on) or OUT_OF_SCOPE_LABEL
            lines[index] = replace(line, tax_label=label)
    return [*lines, *left]


def entries_of(first: date, last: date) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM accounting_journalentry WHERE entry_date BETWEEN %s AND %s ORDER BY entry_date, id",
            [first, last],
        )
        return [row[0] for row in cursor.fetchall()]


def exported_before(entry_ids: Sequence[int], format: ExportFormat) -> Mapping[int, list[str]]:  # noqa: A002
    """Which of the entries an earlier export held, with the names of those exports."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT x.entry_id, array_agg(r.id || ': ' || r.first_date || ' – ' || r.last_date ORDER BY r.id)"
            " FROM accounting_exportedentry x JOIN accounting_exportrun r ON r.id = x.run_id"
            " WHERE x.entry_id = ANY(%s) AND r.format = %s GROUP BY x.entry_id",
            [list(entry_ids), format.value],
        )
        return dict(cursor.fetchall())
