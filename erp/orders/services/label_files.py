"""送り状データ: parcels for the label software of a carrier. Each file is a run that says which parcels it holds, who wrote it and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType

from django.utils.translation import gettext as _

from erp.core.actors import Actor
from erp.core.clock import written_day
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.orders.models import CarrierAccount, LabelRun, LabelRunLine
from erp.orders.models.carriers import Carrier
from erp.orders.selectors.carriers import carrier_name
from erp.orders.selectors.labels import Label, labels
from erp.orders.services.carriers import japan_post, sagawa, yamato
from erp.orders.services.carriers.layout import Row, as_csv

LAYOUTS: dict[str, ModuleType] = {
    Carrier.YAMATO.value: yamato,
    Carrier.SAGAWA.value: sagawa,
    Carrier.JAPAN_POST.value: japan_post,
}
# Yu-Pri R reads by position and would take a row of names for a parcel.
WITHOUT_NAMES = frozenset({Carrier.JAPAN_POST.value})


@dataclass(frozen=True, slots=True)
class LabelFile:
    run_id: int
    name: str
    content: bytes


def find_label_problems(
    *, shipment_ids: Sequence[int], carrier: str, ship_date: dt.date
) -> dict[int, tuple[Problem, ...]]:
    """Why shipments cannot be written into a file of this carrier, by id; those without a fault have none. Writes nothing."""
    return {label.shipment_id: tuple(row.problems) for label, row in _rows(shipment_ids, carrier, ship_date)}


@use_case
def write_label_file(
    *, shipment_ids: Sequence[int], carrier: str, ship_date: dt.date, at: dt.datetime, by: Actor
) -> LabelFile:
    """The file of these shipments for the carrier's software, and the run that says so. The same again is a run of its own.

    Raises InvalidInput naming every field of every order that the carrier would not take; then nothing is written.
    """
    found = _rows(shipment_ids, carrier, ship_date)
    problems = [problem for _label, row in found for problem in row.problems]
    if missing := len(set(shipment_ids)) - len(found):
        problems.append(Problem("", "gone", _("%(count)d of them were called back.") % {"count": missing}))
    if not found:
        problems.append(Problem("", "empty", _("Choose at least one shipment.")))
    if problems:
        raise InvalidInput(problems)
    run = LabelRun.objects.create(
        carrier=carrier, ship_date=ship_date, parcel_count=len(found), written_at=at, actor=str(by)
    )
    LabelRunLine.objects.bulk_create([LabelRunLine(run=run, shipment_id=label.shipment_id) for label, _row in found])
    header = LAYOUTS[carrier].HEADER
    rows = [[row.cells.get(name, "") for name in header] for _label, row in found]
    names = [] if carrier in WITHOUT_NAMES else [list(header)]
    return LabelFile(run.pk, f"{carrier}-{run.pk}-{ship_date:%Y%m%d}.csv", as_csv([*names, *rows]))


def _rows(shipment_ids: Iterable[int], carrier: str, ship_date: dt.date) -> list[tuple[Label, Row]]:
    account = CarrierAccount.objects.filter(carrier=carrier).first() or CarrierAccount(carrier=carrier)
    write: Callable[..., Row] = LAYOUTS[carrier].row_of
    found = []
    for label in labels(shipment_ids):
        row = write(label, account, ship_date=ship_date)
        if label.carrier and label.carrier != carrier:
            row.fault(
                _("carrier"),
                "other_carrier",
                _("the order asks for %(carrier)s") % {"carrier": carrier_name(label.carrier)},
            )
        if label.wish_date and label.wish_date < ship_date:
            row.fault(
                _("wished date"),
                "past",
                _("%(day)s is before the day of shipping") % {"day": written_day(label.wish_date)},
            )
        found.append((label, row))
    return found
