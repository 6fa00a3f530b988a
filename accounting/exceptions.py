"""What accounting refuses. A refusal changed nothing; the books are as they were."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from erp.core.clock import written_day
from erp.core.errors import Conflict, DomainError, NotAllowedNow, Problem
from erp.core.money import written


class PeriodClosed(NotAllowedNow):
    """The books of these dates are closed. Post on an open date, or have the period reopened."""

    code = "period_closed"

    def __init__(self, dates: Iterable[date]) -> None:
        self.dates = tuple(sorted(set(dates)))
        super().__init__(
            _("The books of these dates are closed: %(dates)s.") % {"dates": ", ".join(map(written_day, self.dates))}
        )


class PeriodOutOfOrder(NotAllowedNow):
    """Periods close from the oldest on and reopen from the newest on."""

    code = "period_out_of_order"


class OverSettled(NotAllowedNow):
    """More would be settled than an open item has left. ``problems`` names every such item."""

    code = "over_settled"

    def __init__(self, excesses: Iterable[tuple[int, Decimal, Decimal]]) -> None:
        self.excesses = tuple(excesses)
        super().__init__(
            _("More would be settled than is open."),
            problems=[
                Problem(
                    f"/items/{item_id}",
                    "over_settled",
                    _("%(wanted)s wanted, %(left)s left.") % {"wanted": written(wanted), "left": written(left)},
                )
                for item_id, wanted, left in self.excesses
            ],
        )


class ControlAccount(NotAllowedNow):
    """A control account takes only what its sub-ledger knows (open items, stock)."""

    code = "control_account"


class NotReversible(NotAllowedNow):
    """This entry cannot be reversed as it stands."""

    code = "not_reversible"


class DoesNotAddUp(DomainError):
    """The parts of a settlement differ from what they settle."""

    code = "does_not_add_up"

    def __init__(self, *, received: Decimal, settled: Decimal) -> None:
        self.difference = received - settled
        super().__init__(
            _("Bank, fee and deductions make %(received)s, but the items make %(settled)s: %(difference)s apart.")
            % {"received": written(received), "settled": written(settled), "difference": written(self.difference)}
        )


class AlreadyExported(Conflict):
    """Entries of these dates were handed over before. Ask for the new ones only, or for all again."""

    code = "already_exported"

    def __init__(self, entry_count: int, runs: Iterable[str]) -> None:
        self.entry_count = entry_count
        super().__init__(
            _("%(count)s entries of these dates were exported before (%(runs)s).")
            % {"count": entry_count, "runs": "; ".join(runs)}
        )
