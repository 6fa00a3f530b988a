"""What ``manage.py verify`` asks of the books: P5, the accounting part of P6, and the hash chain. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounting.models import JournalEntry, OpenItem, PeriodTotal, Seal
from erp.core.checks import Check, Fault, register


@dataclass(frozen=True, slots=True)
class Batch:
    count: int
    first_id: int
    last_id: int
    hash: str


# Computed where the rows are. Canonical JSON per entry: no separator inside a text can be taken for one between columns.
_BATCH = """
SELECT count(*), min(id), max(id),
       encode(sha256(convert_to(%(previous)s || coalesce(string_agg(line, E'\\n' ORDER BY id), ''), 'UTF8')), 'hex')
FROM (
    SELECT e.id, jsonb_build_array(e.id, e.number, e.kind, e.entry_date, e.description, e.source_type, e.source_id,
        e.reversal_of_id, extract(epoch FROM e.recorded_at), e.actor,
        (SELECT jsonb_agg(jsonb_build_array(p.line_no, p.entry_date, p.account_id, p.side, p.amount, p.currency, p.channel_id,
             p.department_id, p.party_kind, p.party_id, p.tax_code, p.source_line, p.open_item_id, p.description)
             ORDER BY p.line_no, p.id)
         FROM accounting_posting p WHERE p.entry_id = e.id))::text AS line
    FROM accounting_journalentry e
    WHERE e.created_xid >= %(first)s::text::xid8 AND e.created_xid < %(until)s::text::xid8) AS entries
"""


def hash_of_batch(*, from_xid: int, until_xid: int, previous: str) -> Batch:
    """SHA-256 over the entries that the transactions of [from_xid, until_xid) wrote, chained to ``previous``."""
    with connection.cursor() as cursor:
        cursor.execute(_BATCH, {"first": from_xid, "until": until_xid, "previous": previous})
        count, first_id, last_id, digest = cursor.fetchone()
    return Batch(count, first_id or 0, last_id or 0, digest)


_UNSOUND_ENTRIES = """
SELECT e.id, e.number, coalesce(sums.text, 'no lines') FROM accounting_journalentry e
LEFT JOIN LATERAL (
    SELECT string_agg(currency || ' ' || difference, ', ') AS text, bool_and(difference = 0) AS balances FROM (
        SELECT currency, sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END) AS difference
        FROM accounting_posting WHERE entry_id = e.id GROUP BY currency) AS by_currency) AS sums ON true
WHERE sums.balances IS NOT TRUE
"""
_CONTROL_BALANCES = """
SELECT a.id, a.code, coalesce(ledger.amount, 0), coalesce(items.amount, 0)
FROM accounting_ledgeraccount a
LEFT JOIN (SELECT account_id, sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END) AS amount
           FROM accounting_posting GROUP BY account_id) AS ledger ON ledger.account_id = a.id
LEFT JOIN (SELECT account_id, sum(CASE side WHEN 'DEBIT' THEN remaining_amount ELSE -remaining_amount END) AS amount
           FROM accounting_openitem GROUP BY account_id) AS items ON items.account_id = a.id
WHERE a.control = 'OPEN_ITEM' AND coalesce(ledger.amount, 0) <> coalesce(items.amount, 0)
"""
_ITEMS_UNLIKE_POSTINGS = """
SELECT i.id, i.document_label, i.remaining_amount, coalesce(posted.amount, 0)
FROM accounting_openitem i
LEFT JOIN (SELECT p.open_item_id, sum(CASE WHEN p.side = item.side THEN p.amount ELSE -p.amount END) AS amount
           FROM accounting_posting p JOIN accounting_openitem item ON item.id = p.open_item_id
           GROUP BY p.open_item_id) AS posted ON posted.open_item_id = i.id
WHERE i.remaining_amount <> coalesce(posted.amount, 0)
"""
_TOTALS_UNLIKE_POSTINGS = """
SELECT p.id, p.starts_on, a.code, t.debit - t.credit, s.debit - s.credit
FROM (SELECT * FROM accounting_period WHERE state = 'CLOSED') p
JOIN LATERAL (
    SELECT account_id, channel_id, department_id, currency, sum(amount) FILTER (WHERE side = 'DEBIT') AS debit,
           sum(amount) FILTER (WHERE side = 'CREDIT') AS credit
    FROM accounting_posting WHERE entry_date BETWEEN p.starts_on AND p.ends_on
    GROUP BY account_id, channel_id, department_id, currency) AS found ON true
JOIN accounting_ledgeraccount a ON a.id = found.account_id
LEFT JOIN accounting_periodtotal t ON t.period_id = p.id AND t.account_id = found.account_id
     AND t.channel_id IS NOT DISTINCT FROM found.channel_id AND t.department_id IS NOT DISTINCT FROM found.department_id
     AND t.currency = found.currency
CROSS JOIN LATERAL (SELECT coalesce(found.debit, 0) AS debit, coalesce(found.credit, 0) AS credit) AS s
WHERE t.id IS NULL OR t.debit <> s.debit OR t.credit <> s.credit
"""
_EXPOSURE_UNLIKE_ITEMS = """
SELECT g.id, g.code, coalesce(told.amount, 0), coalesce(items.amount, 0)
FROM customers_creditgroup g
LEFT JOIN (SELECT credit_group_id, sum(amount) AS amount FROM customers_exposureentry
           WHERE kind IN ('RECEIVABLE', 'DEPOSIT') GROUP BY credit_group_id) AS told ON told.credit_group_id = g.id
LEFT JOIN (SELECT b.credit_group_id, sum(CASE i.side WHEN 'DEBIT' THEN i.remaining_amount ELSE -i.remaining_amount END) AS amount
           FROM accounting_openitem i JOIN customers_billto b ON i.party_kind = 'BILL_TO' AND b.id = i.party_id
           JOIN accounting_ledgeraccount a ON a.id = i.account_id
           WHERE a.type = 'ASSET' OR a.id IN (SELECT account_id FROM accounting_accountrole WHERE role = 'deposits')
           GROUP BY b.credit_group_id) AS items ON items.credit_group_id = g.id
WHERE coalesce(told.amount, 0) <> coalesce(items.amount, 0)
"""


def _rows(statement: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        yield from cursor.fetchall()


def _unsound_entries() -> Iterator[Fault]:
    for pk, number, sums in _rows(_UNSOUND_ENTRIES):
        yield Fault("P5", "ENTRY", pk, number, _("has no lines or does not balance: %(sums)s") % {"sums": sums})


def _control_accounts() -> Iterator[Fault]:
    for pk, code, ledger, items in _rows(_CONTROL_BALANCES):
        detail = _("the ledger says %(ledger)s, its open items %(items)s") % {"ledger": ledger, "items": items}
        yield Fault("P6", "LEDGER_ACCOUNT", pk, code, detail)


def _items() -> Iterator[Fault]:
    for pk, label, remaining, posted in _rows(_ITEMS_UNLIKE_POSTINGS):
        detail = _("%(left)s left, but its postings leave %(posted)s") % {"left": remaining, "posted": posted}
        yield Fault("P6", "OPEN_ITEM", pk, label, detail)


def _period_totals() -> Iterator[Fault]:
    for pk, month, code, total, posted in _rows(_TOTALS_UNLIKE_POSTINGS):
        detail = _("account %(code)s: total %(total)s, postings %(posted)s") % {
            "code": code,
            "total": total,
            "posted": posted,
        }
        yield Fault("P5", "PERIOD", pk, str(month), detail)


def _exposure() -> Iterator[Fault]:
    for pk, code, told, items in _rows(_EXPOSURE_UNLIKE_ITEMS):
        detail = _("credit control knows %(told)s, open items make %(items)s") % {"told": told, "items": items}
        yield Fault("P6", "CREDIT_GROUP", pk, code, detail)


def _seals() -> Iterator[Fault]:
    previous = None
    for seal in Seal.objects.order_by("until_xid").iterator():
        batch = hash_of_batch(from_xid=seal.from_xid, until_xid=seal.until_xid, previous=seal.previous_hash)
        broken = previous is not None and (previous.hash, previous.until_xid) != (seal.previous_hash, seal.from_xid)
        if broken or (batch.hash, batch.count) != (seal.hash, seal.entry_count):
            detail = _("entries %(first)s to %(last)s are not what was sealed") % {
                "first": seal.first_entry_id,
                "last": seal.last_entry_id,
            }
            yield Fault("P5", "SEAL", seal.pk, str(seal.pk), detail)
        previous = seal


def register_checks() -> None:
    for promise, title, model, find in (
        ("P5", gettext_noop("Entries have lines and balance per currency"), JournalEntry, _unsound_entries),
        ("P5", gettext_noop("Totals of closed periods equal their postings"), PeriodTotal, _period_totals),
        ("P5", gettext_noop("The seals over the books are intact"), Seal, _seals),
        ("P6", gettext_noop("Control accounts equal their open items"), OpenItem, _control_accounts),
        ("P6", gettext_noop("Open items equal the postings that name them"), OpenItem, _items),
        ("P6", gettext_noop("Credit control knows what bill-tos owe"), OpenItem, _exposure),
    ):
        register(Check(promise, title, model.objects.count, find))
