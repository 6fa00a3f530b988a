"""What happens to an order on its way: reasons to wait, events, messages that came before it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.models import Channel
from erp.orders.models.orders import Order, OrderState

# The kind of the task that a cancellation leaves while the warehouse picks. As long as one is open, no parcel of the order leaves.
CANCEL_WHILE_PICKING = "CANCEL_WHILE_PICKING"
CANCEL_AFTER_PART_LEFT = "CANCEL_AFTER_PART_LEFT"
PAID_AGAIN = "PAID_AGAIN"


class OrderHold(models.Model):
    """One reason why an order waits for a person (確認待ち)."""

    class Reason(models.TextChoices):
        UNKNOWN_SKU = "UNKNOWN_SKU", _("Unknown SKU")
        TOTAL_MISMATCH = "TOTAL_MISMATCH", _("Totals do not add up")
        AMOUNT_UNKNOWN = "AMOUNT_UNKNOWN", _("Amount not yet known")
        CREDIT_EXCEEDED = "CREDIT_EXCEEDED", _("Credit limit exceeded")
        CREDIT_WARNING = "CREDIT_WARNING", _("Credit warning line crossed")
        UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT", _("Unknown account")
        SUSPICIOUS_ADDRESS = "SUSPICIOUS_ADDRESS", _("Address needs a look")
        CUSTOMER_NOTE = "CUSTOMER_NOTE", _("Customer left a note")
        PAYMENT_FAILED = "PAYMENT_FAILED", _("Payment failed")
        PAYMENT_DIFFERENCE = "PAYMENT_DIFFERENCE", _("Not all of it is paid")
        LATE_REVISION = "LATE_REVISION", _("A newer revision waits")
        NO_PAYMENT_ROUTE = "NO_PAYMENT_ROUTE", _("Payment method not configured")
        TAX_RATE = "TAX_RATE", _("Tax rate differs from ours")
        CURRENCY = "CURRENCY", _("Currency not kept in the books")
        MANUAL = "MANUAL", _("Held by staff")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="holds")
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.CharField(_("opened by"), max_length=100)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    resolved_by = models.CharField(_("resolved by"), max_length=100, blank=True)
    resolution = models.CharField(_("resolution"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("hold reason")
        verbose_name_plural = _("hold reasons")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "reason"], condition=Q(resolved_at__isnull=True), name="one_open_hold_per_reason"
            )
        ]
        indexes = [
            models.Index(
                fields=["opened_at", "id"], condition=Q(resolved_at__isnull=True), name="unresolved_order_hold_by_time"
            ),
            models.Index(fields=["opened_at", "id"], name="order_hold_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def tells_amounts(self) -> bool:
        """Whether ``detail`` says what the order, its credit or its payments amount to."""
        reasons = self.Reason
        return self.reason in (
            reasons.TOTAL_MISMATCH,
            reasons.CREDIT_EXCEEDED,
            reasons.PAYMENT_DIFFERENCE,
            reasons.LATE_REVISION,
        )


class OrderEvent(models.Model):
    """What happened to an order, who did it and why. Append-only."""

    class Kind(models.TextChoices):
        PLACED = "PLACED", _("Placed")
        AMENDED = "AMENDED", _("Amended")
        STATE = "STATE", _("State changed")
        HELD = "HELD", _("Put on hold")
        HOLD_RESOLVED = "HOLD_RESOLVED", _("Hold resolved")
        ALLOCATED = "ALLOCATED", _("Allocated")
        OVERSOLD = "OVERSOLD", _("Oversold")
        PROMISED = "PROMISED", _("Expected arrival")
        MOVED = "MOVED", _("Reservation moved")
        UNRESERVED = "UNRESERVED", _("Reservation given up")
        PRIORITY = "PRIORITY", _("Priority set")
        RELEASED = "RELEASED", _("Released to the warehouse")
        SHIPPED = "SHIPPED", _("Shipped")
        TRACKING = "TRACKING", _("Tracking number")
        DELIVERED = "DELIVERED", _("Delivered")
        ACCEPTED = "ACCEPTED", _("Accepted")
        PAYMENT = "PAYMENT", _("Payment")
        REPORTED = "REPORTED", _("Reported sold")
        RETURNED = "RETURNED", _("Returned")
        CANCELLED = "CANCELLED", _("Cancelled")
        MEMO = "MEMO", _("Staff memo")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    from_state = models.CharField(pgettext_lazy("state", "from"), max_length=25, choices=OrderState.choices, blank=True)
    to_state = models.CharField(pgettext_lazy("state", "to"), max_length=25, choices=OrderState.choices, blank=True)
    detail = models.CharField(_("detail"), max_length=1000, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("order event")
        verbose_name_plural = _("order events")

    def __str__(self) -> str:
        return f"{self.pk}"


class LateRevision(models.Model):
    """A revision that came when its order could not be amended any more, and what it says. Final: staff decide, the task says whether they did."""

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="late_revisions", db_index=False
    )
    revision = models.PositiveIntegerField(_("revision"))
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    # The validated order as the services take it, so that it can still be applied.
    content = models.JSONField(_("content"))
    message_id = models.BigIntegerField(_("message"))
    reason = models.CharField(_("reason"), max_length=300)
    changes = models.TextField(_("what it changes"))
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("late revision")
        verbose_name_plural = _("late revisions")
        constraints = [
            models.UniqueConstraint(fields=["order", "revision"], name="one_late_revision_per_order_and_number")
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class ParkedMessage(models.Model):
    """A message about an order that has not come yet (a cancel before its order). Applied in the transaction that brings the order."""

    class Kind(models.TextChoices):
        CANCEL = "CANCEL", _("Cancellation")
        PAYMENT = "PAYMENT", _("Payment event")
        RETURN = "RETURN", _("Return")

    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    external_id = models.CharField(_("channel's order number"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    message_id = models.CharField(_("message id"), max_length=100)
    body = models.JSONField(_("body"))
    parked_at = models.DateTimeField(_("parked at"))
    applied_at = models.DateTimeField(_("applied at"), null=True, blank=True)
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("parked message")
        verbose_name_plural = _("parked messages")
        indexes = [
            models.Index(fields=["kind", "-id"], name="parked_message_by_kind"),
            models.Index(fields=["-id"], condition=models.Q(applied_at__isnull=True), name="parked_message_that_waits"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "external_id", "kind", "message_id"], name="one_parked_message_per_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
