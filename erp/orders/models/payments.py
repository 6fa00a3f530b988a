"""How an order is paid, and what was heard of it."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Folded
from erp.core.money import ZERO
from erp.orders.models.orders import Order


class PaymentMethod(models.TextChoices):
    CARD = "CARD", _("Card")
    COD = "COD", _("Cash on delivery")
    BANK_TRANSFER = "BANK_TRANSFER", _("Bank transfer in advance")
    CONVENIENCE_STORE = "CONVENIENCE_STORE", _("Convenience store")
    DEFERRED = "DEFERRED", _("Deferred payment")
    WALLET = "WALLET", _("Wallet")
    CARRIER_BILLING = "CARRIER_BILLING", _("Carrier billing")
    MALL = "MALL", _("Mall")
    GIFT_CARD = "GIFT_CARD", _("Gift card")
    ON_ACCOUNT = "ON_ACCOUNT", _("On account")
    CASH = "CASH", _("Cash")
    FUNDER = "FUNDER", _("Paid by the funder of a discount")
    NONE = "NONE", _("None")


class PaymentStatus(models.TextChoices):
    PENDING = "PENDING", _("Pending")
    AUTHORIZED = "AUTHORIZED", _("Authorized")
    CAPTURED = "CAPTURED", _("Captured")
    PAID = "PAID", _("Paid")
    FAILED = "FAILED", _("Failed")
    REFUNDED = "REFUNDED", _("Refunded")


def is_of_funder(method: str, provider: str) -> bool:
    """Of a payment: what a mall or a maker pays of a discount; the order's adjustments say it, not its payments."""
    return method == PaymentMethod.FUNDER or (method, provider) == (PaymentMethod.MALL, "mall")


class OrderPayment(models.Model):
    """One way in which an order is paid, and how far: received before shipment, applied to shipments, refunded.

    A revision of the order goes on with the payments that it still names; what it names no more and has money or news is set aside, with
    amount 0 and a number from ``SET_ASIDE`` on.
    """

    SET_ASIDE = 1001

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="payments", db_index=False
    )
    line_no = models.PositiveIntegerField(_("line"))
    method = models.CharField(_("payment method"), max_length=20, choices=PaymentMethod.choices)
    provider = models.CharField(_("provider"), max_length=50, blank=True)
    amount = FiniteDecimalField(_("amount"), max_digits=16, decimal_places=2)
    status = models.CharField(_("status"), max_length=12, choices=PaymentStatus.choices)
    # What the channel last wrote in the order. The same again under another revision is no news, whatever was heard meanwhile.
    sent_status = models.CharField(
        _("status as sent"), max_length=12, choices=PaymentStatus.choices, blank=True, default="", db_default=""
    )
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    authorization_expires_at = models.DateTimeField(_("authorization expires at"), null=True, blank=True)
    must_be_paid_first = models.BooleanField(_("paid before shipment"), default=False)
    role = models.CharField(_("role"), max_length=40, blank=True)
    counterparty_id = models.BigIntegerField(_("counterparty"), null=True, blank=True)
    received_amount = FiniteDecimalField(_("received in advance"), max_digits=16, decimal_places=2, default=0)
    applied_amount = FiniteDecimalField(_("applied to shipments"), max_digits=16, decimal_places=2, default=0)
    # Of what was applied: what had not come when the goods were sold. Whoever pays owes it since, and what comes for it is no deposit.
    owed_amount = FiniteDecimalField(
        _("owed since the sale"), max_digits=16, decimal_places=2, default=0, db_default=0, editable=False
    )
    refunded_amount = FiniteDecimalField(_("refunded"), max_digits=16, decimal_places=2, default=0)
    surplus_refunded_amount = FiniteDecimalField(
        _("refunded, being more than was to be paid"), max_digits=16, decimal_places=2, default=0, db_default=0
    )
    # Of what came back before it was sold: what was to be paid for it and had not come. Nobody owes it, and sales that follow begin behind it.
    unsold_amount = FiniteDecimalField(
        _("not to be paid any more, came back unsold"),
        max_digits=16,
        decimal_places=2,
        default=0,
        db_default=0,
        editable=False,
    )
    # What news of money add up to, the same money told twice included; begins with what is here when a revision amends the order.
    told_amount = FiniteDecimalField(
        _("told as received"), max_digits=16, decimal_places=2, default=0, db_default=0, editable=False
    )
    # What was told and is not in the books, as long as somebody is asked whether it came (``PAID_AGAIN`` is open for the order).
    not_booked_amount = FiniteDecimalField(
        _("told and not booked"), max_digits=16, decimal_places=2, default=0, db_default=0, editable=False
    )
    # Where a revision asked for more than was here: what was here, and when it came. Late news of just that is no further money.
    carried_amount = FiniteDecimalField(
        _("received under earlier revisions"), max_digits=16, decimal_places=2, default=0, db_default=0, editable=False
    )
    carried_at = models.DateTimeField(_("came at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [models.UniqueConstraint(fields=["order", "line_no"], name="one_payment_per_order_and_line")]
        indexes = [
            models.Index(Folded("reference"), condition=Q(reference__gt=""), name="payment_by_reference"),
            models.Index(fields=["status", "id"], name="payment_by_status"),
            models.Index(fields=["method", "id"], name="payment_by_method"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def is_of_funder(self) -> bool:
        return is_of_funder(self.method, self.provider)

    @property
    def attached_amount(self) -> Decimal:
        """What was received in advance, less what went back because it was more than was to be paid."""
        return self.received_amount - self.surplus_refunded_amount

    @property
    def beyond_amount(self) -> Decimal:
        """What was received in advance beyond what was to be paid so: what is owed since its sale is paid for, or will be, by other money."""
        return max(self.attached_amount - max(self.amount - self.owed_amount, ZERO), ZERO)

    @property
    def to_be_paid(self) -> Decimal:
        """What has to come for it to be whole: all of it but what is not to be paid any more, since its goods came back unsold."""
        return self.amount - self.unsold_amount

    @property
    def to_be_applied(self) -> Decimal:
        """What is left of it to pay for sales to come."""
        return max(self.amount - self.applied_amount - self.unsold_amount, ZERO)


class PaymentEvent(models.Model):
    """News about a payment from the EC site or its provider, kept once per event id."""

    class Kind(models.TextChoices):
        AUTHORIZED = "AUTHORIZED", _("Authorized")
        FAILED = "FAILED", _("Failed")
        PAID = "PAID", _("Paid")
        CAPTURED = "CAPTURED", _("Captured")
        REFUNDED = "REFUNDED", _("Refunded")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="payment_events")
    payment = models.ForeignKey(
        OrderPayment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="events"
    )
    event_id = models.CharField(_("event id"), max_length=100)
    # As the news said it: revisions may number the payments of an order anew.
    line_no = models.PositiveIntegerField(_("line"), default=1, db_default=1)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    amount = FiniteDecimalField(_("amount"), max_digits=16, decimal_places=2, null=True, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    # What the provider calls this one movement of money, where the news says it.
    reference = models.CharField(_("reference"), max_length=300, blank=True, default="", db_default="")
    # Money that was not booked when it was told: told again it is no replay, since a revision may have made room for it.
    is_news_only = models.BooleanField(_("kept as news, not booked"), default=False, db_default=False)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("payment event")
        verbose_name_plural = _("payment events")
        constraints = [models.UniqueConstraint(fields=["order", "event_id"], name="one_payment_event_per_id")]

    def __str__(self) -> str:
        return f"{self.pk}"
