"""What stock refuses. Each refusal names every culprit, not only the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from erp.core.errors import Conflict, DomainError, Problem


@dataclass(frozen=True, slots=True)
class Shortage:
    """``wanted`` pieces of a SKU against the ``left`` ones."""

    sku_id: int
    sku_code: str
    wanted: int
    left: int


class InsufficientStock(DomainError):
    """Some SKU has too few pieces. Nothing was taken of any."""

    code = "insufficient_stock"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = tuple(shortages)
        super().__init__(
            _("Not enough stock."),
            problems=[
                Problem(
                    f"/sku/{item.sku_code}",
                    self.code,
                    _("%(wanted)d wanted, %(left)d left.") % {"wanted": item.wanted, "left": item.left},
                )
                for item in self.shortages
            ],
        )


class OtherHold(Conflict):
    """The reference of a hold came again with other lines."""

    code = "idempotency_conflict"


class NeedsTwoPeople(DomainError):
    """One person would lose or find more than the limit of the place. Nothing was booked. ``value`` is for those only who may know costs."""

    code = "needs_two_people"

    def __init__(self, detail: str, *, location_id: int, sku_ids: Sequence[int], pieces: int, value: Decimal) -> None:
        self.location_id, self.sku_ids, self.pieces, self.value = location_id, tuple(sku_ids), pieces, value
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """An issue that reservations do not cover."""

    source_id: int
    source_line: int
    sku_id: int
    wanted: int
    reserved: int


class NotReserved(DomainError):
    """What is to be issued was not reserved, wholly or in part. Nothing was issued."""

    code = "not_reserved"

    def __init__(self, uncovered: Sequence[Uncovered]) -> None:
        self.uncovered = tuple(uncovered)
        super().__init__(
            _("Some lines are not reserved."),
            problems=[
                Problem(
                    f"/lines/{item.source_line}",
                    self.code,
                    _("SKU %(sku)d: %(wanted)d to issue, %(reserved)d reserved.")
                    % {"sku": item.sku_id, "wanted": item.wanted, "reserved": item.reserved},
                )
                for item in self.uncovered
            ],
        )
