"""From rows that differ to rows with a cause: the second reading, our figure with its terms, what we told the site, orders that are missing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from catalog.selectors import sku_facts_by_id
from ec_gateway.models import EcSite, ReconciliationRow, ReconciliationRun, SitePush
from ec_gateway.reconciliation.causes import Drift, Told, judge
from ec_gateway.reconciliation.staging import second_figures
from erp.core.rows import update as write_rows
from erp.inventory.selectors import Availability, available_to_promise

Cause, Kind = ReconciliationRow.Cause, ReconciliationRow.Kind
CHUNK = 1_000


def codes_to_read_again(run: ReconciliationRun) -> set[str]:
    """The codes whose figures differed and are listed on both sides."""
    return set(_undecided(run).values_list("external_code", flat=True))


def name_causes(
    *, run: ReconciliationRun, site: EcSite, missing: Mapping[int, Mapping[str, int]], at: dt.datetime
) -> None:
    """Give every row its second figures, cause and evidence, chunk by chunk."""
    after = 0
    while rows := list(_undecided(run).filter(pk__gt=after).order_by("pk")[:CHUNK]):
        _name(rows, run, site, missing, at)
        after = rows[-1].pk


def _undecided(run: ReconciliationRun) -> Any:
    return ReconciliationRow.objects.filter(run=run, kind=Kind.STOCK, cause=Cause.TIMING_ONLY)


def _name(
    rows: Sequence[ReconciliationRow],
    run: ReconciliationRun,
    site: EcSite,
    missing: Mapping[int, Mapping[str, int]],
    at: dt.datetime,
) -> None:
    sku_ids = [row.sku_id for row in rows if row.sku_id is not None]
    again = second_figures(run_id=run.pk, codes=[row.external_code for row in rows])
    pushes = {push.sku_id: push for push in SitePush.objects.filter(site=site, sku__in=sku_ids)}
    figures = available_to_promise(channel_id=site.channel_id, sku_ids=sku_ids, at=at)
    facts = sku_facts_by_id(sku_ids)
    for row in rows:
        assert row.sku_id is not None, "both sides list it"
        figure, push = figures[row.sku_id], pushes.get(row.sku_id)
        drift = Drift(
            ours_first=row.ours or 0,
            theirs_first=row.theirs or 0,
            ours=figure.available,
            # A figure that was gone at the second reading counts as it was at the first.
            theirs=again.get(row.external_code, row.theirs or 0),
            told=None if push is None else _told(push),
            is_kit=facts[row.sku_id].is_kit,
            is_publishing=site.is_publishing,
            missing=missing.get(row.sku_id, {}),
        )
        row.cause, row.evidence = judge(drift, at=at)
        row.ours, row.theirs, row.terms = drift.ours, drift.theirs, _terms(figure)
        row.told = None if push is None else push.shown
    with transaction.atomic():
        write_rows(
            ReconciliationRow,
            "id",
            ["cause", "evidence", "ours", "theirs", "terms", "told"],
            [
                (row.pk, row.cause, json.dumps(row.evidence), row.ours, row.theirs, json.dumps(row.terms), row.told)
                for row in rows
            ],
        )


def _told(push: SitePush) -> Told:
    return Told(
        push.shown, push.shown_at, push.dirty_since, push.due_at, push.attempts, push.error, push.sent_at, push.recent,
        push.edited_quantity, push.edited_at,
    )  # fmt: skip


def _terms(figure: Availability) -> list[dict[str, Any]]:
    return [
        {"kind": term.kind.value, "quantity": term.quantity, "location": term.location_code} for term in figure.terms
    ]
