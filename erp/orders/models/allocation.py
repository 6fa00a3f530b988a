"""When stock is reserved for an order, and why it is not reserved yet."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.models import Channel
from erp.core.naming import by_parts
from erp.orders.models.orders import Order, OrderType


class AllocationRule(models.Model):
    """How orders are allocated: of a channel, of a kind of order, of an account, or of all (引当ルール). For each setting the most particular
    rule that says something counts: account before kind of order before channel."""

    class Mode(models.TextChoices):
        AT_ACCEPTANCE = "AT_ACCEPTANCE", _("At acceptance")
        BY_HAND = "BY_HAND", _("By hand")
        BEFORE_WISHED_DATE = "BEFORE_WISHED_DATE", _("Days before the wished date")

    class Overdue(models.TextChoices):
        KEEP = "KEEP", _("Keep the reservation")
        RELEASE = "RELEASE", _("Give up the reservation")
        CANCEL = "CANCEL", _("Cancel the order")

    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    order_type = models.CharField(_("order type"), max_length=20, choices=OrderType.choices, blank=True, default="")
    account = models.ForeignKey(
        "customers.Account",
        verbose_name=_("account"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    mode = models.CharField(
        pgettext_lazy("of orders", "allocation"), max_length=20, choices=Mode.choices, blank=True, default=""
    )
    days_before = models.PositiveSmallIntegerField(
        _("days before the wished date"),
        null=True,
        blank=True,
        help_text=_("An order without a wished date is allocated at acceptance."),
    )
    priority = models.PositiveSmallIntegerField(
        _("allocation priority"),
        null=True,
        blank=True,
        help_text=_("Smaller numbers keep their stock longer when pieces run out."),
    )
    overdue = models.CharField(
        _("when money in advance is overdue"),
        max_length=10,
        choices=Overdue.choices,
        blank=True,
        default="",
        help_text=_("Money that comes later still counts: stock is acquired again, or the order waits for it."),
    )
    overdue_days = models.PositiveSmallIntegerField(
        _("days of grace"), default=0, help_text=_("So many days after the money was due.")
    )

    class Meta:
        verbose_name = _("allocation rule")
        verbose_name_plural = _("allocation rules")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "order_type", "account"],
                nulls_distinct=False,
                name="one_allocation_rule_per_scope",
                violation_error_message=_("There is a rule for these orders already."),
            ),
            models.CheckConstraint(
                condition=~Q(mode="BEFORE_WISHED_DATE") | Q(days_before__isnull=False),
                name="allocation_rule_says_how_many_days",
                violation_error_message=_("Say how many days before the wished date."),
            ),
        ]

    def __str__(self) -> str:
        return by_parts(self, "channel", "order_type", "account", otherwise=_("all orders"))


class OrderWait(models.Model):
    """Why stock is not reserved for an order although it may be there (引当待ちの理由). ``due_on`` is the day on which it is reserved by itself."""

    class Reason(models.TextChoices):
        BY_HAND = "BY_HAND", _("Allocated by hand")
        WISHED_DATE = "WISHED_DATE", _("Allocated shortly before the wished date")
        PAYMENT_OVERDUE = "PAYMENT_OVERDUE", _("Payment overdue, reservation given up")
        PAID_LATE = "PAID_LATE", _("Paid after it was due, stock to be had again")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="waits")
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices)
    due_on = models.DateField(_("reserved on"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.CharField(_("opened by"), max_length=100)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=100, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("reason to wait for stock")
        verbose_name_plural = _("reasons to wait for stock")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "reason"], condition=Q(closed_at__isnull=True), name="one_open_wait_per_reason"
            )
        ]
        indexes = [
            models.Index(fields=["reason", "due_on"], condition=Q(closed_at__isnull=True), name="open_wait_by_day"),
            models.Index(fields=["reason", "-id"], name="wait_by_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
