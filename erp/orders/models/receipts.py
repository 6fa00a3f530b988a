"""領収書: what we gave in writing for money that came. Frozen when issued; issuing again is a row of its own."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Pairs
from erp.orders.models.orders import Order


class Receipt(models.Model):
    """One issue of an order's receipt. ``content`` is everything else that it prints, as it was when issued."""

    class Medium(models.TextChoices):
        # No stamp duty: an electronic record is no paper in the sense of the law.
        ELECTRONIC = "ELECTRONIC", _("PDF by mail")
        PAPER = "PAPER", _("On paper")

    number = models.CharField(_("receipt number"), max_length=20, unique=True)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="receipts", db_index=False
    )
    issue = models.PositiveSmallIntegerField(_("issue"))
    medium = models.CharField(_("form of the receipt"), max_length=12, choices=Medium.choices)
    addressee = models.CharField(_("addressee"), max_length=100)
    proviso = models.CharField(_("proviso"), max_length=100)
    issued_on = models.DateField(_("issued on"))
    currency = models.CharField(_("currency"), max_length=3)
    amount = FiniteDecimalField(_("amount received"), max_digits=16, decimal_places=2)
    content = models.JSONField(_("content"))
    reason = models.CharField(_("reason of issuing again"), max_length=200, blank=True)
    token = models.CharField(_("token"), max_length=40)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("official receipt")
        verbose_name_plural = _("official receipts")
        indexes = [
            GinIndex(Pairs("addressee"), name="receipt_by_addressee"),
            models.Index(fields=["medium", "-id"], name="receipt_by_medium"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "issue"], name="one_receipt_per_order_and_issue"),
            models.UniqueConstraint(fields=["order", "token"], name="one_receipt_per_order_and_token"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="receipt_has_an_amount"),
            models.CheckConstraint(
                condition=Q(issue=1) | Q(issue__gt=1) & ~Q(reason=""), name="receipt_issued_again_says_why"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def times_again(self) -> int:
        """0 for the first, 1 for the first 再発行."""
        return self.issue - 1
