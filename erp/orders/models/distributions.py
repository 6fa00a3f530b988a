"""入荷配分(受注): what lies at a place shared out among accounts, and which lines of their orders got what of it."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.folding import Pairs
from erp.orders.models.orders import Order, OrderLine


class OrderDistribution(models.Model):
    """Pieces of one place shared out among what accounts have ordered and lack. Confirming reserves them, undoing gives them back.

    ``version`` counts what was said of it: who confirms has seen what is confirmed. ``kept_back`` is by SKU id what stays free at the place,
    ``ended_waits`` what confirming ended and undoing begins again, (order, reason, day).
    """

    class State(models.TextChoices):
        DRAFT = "DRAFT", pgettext_lazy("distribution", "Draft")
        CONFIRMING = "CONFIRMING", pgettext_lazy("distribution", "Being confirmed")
        CONFIRMED = "CONFIRMED", pgettext_lazy("distribution", "Confirmed")
        UNDONE = "UNDONE", pgettext_lazy("distribution", "Undone")

    class Rule(models.TextChoices):
        """In which shares goods are proposed."""

        PRIORITY = "PRIORITY", pgettext_lazy("distribution", "By priority")
        ARRIVAL = "ARRIVAL", pgettext_lazy("distribution", "In order of the orders' arrival")
        WANTED = "WANTED", pgettext_lazy("distribution", "In proportion to what is lacking")
        EQUAL = "EQUAL", pgettext_lazy("distribution", "Equally")

    external_id = models.CharField(_("distribution number"), max_length=60)
    source = models.ForeignKey(
        "inventory.Location", verbose_name=_("distributed from"), on_delete=models.PROTECT, related_name="+"
    )
    purchase = models.CharField(_("expected delivery"), max_length=60, blank=True)
    asked = models.JSONField(_("SKUs and accounts"), default=dict, blank=True)
    kept_back = models.JSONField(_("kept back"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    version = models.PositiveIntegerField(_("version"), default=1)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.CharField(_("created by"), max_length=100)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    confirmed_by = models.CharField(_("confirmed by"), max_length=100, blank=True)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)
    undone_by = models.CharField(_("undone by"), max_length=100, blank=True)
    ended_waits = models.JSONField(_("reasons to wait that it ended"), default=list, blank=True)

    class Meta:
        verbose_name = _("distribution to orders")
        verbose_name_plural = _("distributions to orders")
        indexes = [
            GinIndex(Pairs("external_id"), name="order_distribution_by_number"),
            models.Index(fields=["state", "-id"], name="order_distribution_by_state"),
        ]
        permissions = [("distribute_to_orders", "Can distribute stock among the orders of accounts")]
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"],
                name="one_order_distribution_per_number",
                violation_error_message=_("There is a distribution with this number already."),
            ),
            models.CheckConstraint(
                condition=Q(state="DRAFT", confirmed_at__isnull=True)
                | (~Q(state="DRAFT") & Q(confirmed_at__isnull=False) & ~Q(confirmed_by="")),
                name="order_distribution_confirmed_by_somebody",
                violation_error_message=_("A distribution that is no draft says who confirmed it, and when."),
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class OrderDistributionShare(models.Model):
    """How many pieces of a SKU an account is to get: what staff decided."""

    distribution = models.ForeignKey(
        OrderDistribution,
        verbose_name=_("distribution to orders"),
        on_delete=models.CASCADE,
        related_name="shares",
        db_index=False,
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(
        "customers.Account", verbose_name=_("account"), on_delete=models.PROTECT, related_name="+"
    )
    quantity = models.PositiveIntegerField(_("pieces"))

    class Meta:
        verbose_name = _("share of an account")
        verbose_name_plural = _("shares of accounts")
        constraints = [
            models.UniqueConstraint(fields=["distribution", "sku", "account"], name="one_share_per_sku_and_account")
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderDistributionLine(models.Model):
    """What a line of an order is to get of a distribution, what was ``reserved`` for it (None: not yet), and what undoing gave back: less where
    the rest had left already. Without ``order_line`` where a newer revision of the order has replaced it: it wants, and has, what that says."""

    distribution = models.ForeignKey(
        OrderDistribution,
        verbose_name=_("distribution to orders"),
        on_delete=models.PROTECT,
        related_name="lines",
        db_index=False,
    )
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="+")
    order_line = models.ForeignKey(
        OrderLine, verbose_name=_("order line"), on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("pieces"))
    reserved = models.PositiveIntegerField(pgettext_lazy("distribution", "reserved"), null=True, blank=True)
    released = models.PositiveIntegerField(pgettext_lazy("distribution", "given back"), default=0)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)

    class Meta:
        verbose_name = _("order line of a distribution")
        verbose_name_plural = _("order lines of distributions")
        constraints = [
            models.UniqueConstraint(
                fields=["distribution", "order_line", "sku"], name="one_line_per_distribution_and_order_line"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1) & (Q(reserved__isnull=True) | Q(reserved__lte=F("quantity"))),
                name="not_more_reserved_than_distributed",
            ),
            models.CheckConstraint(
                condition=Q(released=0) | Q(undone_at__isnull=False, released__lte=F("reserved")),
                name="not_more_given_back_than_reserved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
