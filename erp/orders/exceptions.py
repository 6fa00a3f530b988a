"""Refusals of the order room."""

from __future__ import annotations

from erp.core.errors import Conflict, DomainError, NotAllowedNow, NotFound


class OrderConflict(Conflict):
    """Other content came under a name that is already recorded: a revision of an order, a return, news about a payment."""

    code = "idempotency_conflict"


class SaleConflict(OrderConflict):
    """Other content came under the number of a sale of a till: a task of the sale itself."""


class StaleRevision(DomainError):
    """An older revision than the recorded one. It is kept in the message log and changes nothing."""

    code = "stale_revision"


class OrderNotFound(NotFound):
    code = "order_not_found"


class NotReleasable(NotAllowedNow):
    """Not every order can go to the warehouse; ``problems`` names each with what it waits for."""

    code = "not_releasable"


class NotShippable(NotAllowedNow):
    code = "not_shippable"


class NotReturnable(NotAllowedNow):
    code = "not_returnable"


class AlreadyTakenBack(Conflict):
    """Somebody else booked a return of this parcel after the caller had looked at it; the answer says who, what and when."""

    code = "already_taken_back"


class NotReportable(NotAllowedNow):
    """More was reported sold than an account holds; ``problems`` names every line."""

    code = "not_reportable"


class NotReceiptable(NotAllowedNow):
    """No receipt can be issued; ``problems`` names every reason."""

    code = "not_receiptable"


class ReceiptIssued(Conflict):
    """The order has its receipt, and nobody said why it is issued again."""

    code = "receipt_issued"


class NotCancellable(NotAllowedNow):
    code = "not_cancellable"
