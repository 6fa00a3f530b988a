"""Credit (与信): what a credit group owes and will owe, against its limit on a date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from django.db.models import Sum

from customers.models import CreditGroup, ExposureEntry


class CreditVerdict(StrEnum):
    OK = "OK"
    WARNING = "WARNING"
    EXCEEDED = "EXCEEDED"


@dataclass(frozen=True, slots=True)
class CreditStanding:
    """One credit group on one date, in its currency. ``limit`` includes the temporary addition where it is valid."""

    credit_group_id: int
    policy: str
    limit: Decimal
    exposure: Decimal
    warning_percent: int
    is_frozen: bool
    limit_expired: bool
    currency: str = "JPY"

    @property
    def available(self) -> Decimal:
        """What may still be sold on account; negative when the limit is exceeded already."""
        return self.limit - self.exposure

    def judge(self, amount: Decimal) -> CreditVerdict:
        """What a new claim of ``amount`` (tax-inclusive) meets.

        A frozen group is refused whatever its policy says. Under WARN nothing else is worse than a warning; under NONE nothing is checked.
        """
        if self.is_frozen:
            return CreditVerdict.EXCEEDED
        if self.policy == CreditGroup.Policy.NONE or amount <= 0:
            return CreditVerdict.OK
        if self.limit_expired or amount > self.available:
            return CreditVerdict.EXCEEDED if self.policy == CreditGroup.Policy.HOLD else CreditVerdict.WARNING
        beyond_line = (self.exposure + amount) * 100 > self.limit * self.warning_percent
        return CreditVerdict.WARNING if beyond_line else CreditVerdict.OK


def standing_of(group: CreditGroup, *, on: date) -> CreditStanding:
    has_addition = group.temporary_limit_until is not None and on <= group.temporary_limit_until
    return CreditStanding(
        credit_group_id=group.pk,
        policy=group.policy,
        limit=group.credit_limit + (group.temporary_limit if has_addition else 0),
        exposure=group.exposure,
        warning_percent=group.warning_percent,
        is_frozen=group.is_frozen,
        limit_expired=group.limit_valid_until is not None and group.limit_valid_until < on,
        currency=group.currency,
    )


def credit_standings(credit_group_ids: Iterable[int], *, on: date) -> dict[int, CreditStanding]:
    """For looking only: whoever decides by it takes ``services.lock_credit`` instead."""
    groups = CreditGroup.objects.filter(pk__in=set(credit_group_ids))
    return {group.pk: standing_of(group, on=on) for group in groups}


def exposure_terms(credit_group_id: int) -> dict[str, Decimal]:
    """The terms that add up to the group's exposure, by kind; each drills down to the ledger's rows of that kind."""
    rows = ExposureEntry.objects.filter(credit_group_id=credit_group_id).values("kind").annotate(total=Sum("amount"))
    return {row["kind"]: row["total"] for row in rows.order_by("kind")}
