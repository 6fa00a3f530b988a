"""移動指示: goods that are to go from one place to another, what left, arrived and got lost; and 入荷配分 that asks for many at once."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.folding import Pairs
from erp.inventory.models.ledger import StockDocument
from erp.inventory.models.masters import Location


class DistributionPattern(models.Model):
    """In which shares goods are distributed (配分パターン), such as large shops double."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("distribution pattern")
        verbose_name_plural = _("distribution patterns")

    def __str__(self) -> str:
        return self.name


class PatternShare(models.Model):
    """One destination of a pattern and its weight against the others."""

    pattern = models.ForeignKey(
        DistributionPattern, verbose_name=_("distribution pattern"), on_delete=models.CASCADE, related_name="shares"
    )
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    weight = models.PositiveIntegerField(pgettext_lazy("distribution", "weight"))

    class Meta:
        verbose_name = _("share of a pattern")
        verbose_name_plural = _("shares of a pattern")
        constraints = [
            models.UniqueConstraint(
                fields=["pattern", "location"],
                name="one_share_per_pattern_and_location",
                violation_error_message=_("This location is in the pattern already."),
            ),
            models.CheckConstraint(
                condition=Q(weight__gte=1),
                name="share_has_weight",
                violation_error_message=_("A weight is at least 1."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Distribution(models.Model):
    """Pieces of one place shared out among others (入荷配分). Confirming asks for a transfer per destination, all in one transaction."""

    class State(models.TextChoices):
        DRAFT = "DRAFT", pgettext_lazy("distribution", "Draft")
        CONFIRMED = "CONFIRMED", pgettext_lazy("distribution", "Confirmed")
        UNDONE = "UNDONE", pgettext_lazy("distribution", "Undone")

    external_id = models.CharField(_("distribution number"), max_length=60)
    source = models.ForeignKey(Location, verbose_name=_("distributed from"), on_delete=models.PROTECT, related_name="+")
    purchase = models.CharField(_("expected delivery"), max_length=60, blank=True)
    asked = models.JSONField(_("SKUs and destinations"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.CharField(_("created by"), max_length=100)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    confirmed_by = models.CharField(_("confirmed by"), max_length=100, blank=True)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)

    class Meta:
        verbose_name = _("distribution")
        verbose_name_plural = _("distributions")
        indexes = [
            GinIndex(Pairs("external_id"), name="distribution_by_number"),
            models.Index(fields=["state", "-id"], name="distribution_by_state"),
        ]
        permissions = [("distribute_stock", "Can distribute stock among locations")]
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"],
                name="one_distribution_per_number",
                violation_error_message=_("There is a distribution with this number already."),
            )
        ]

    def __str__(self) -> str:
        return self.external_id


class DistributionLine(models.Model):
    """How many pieces of a SKU go to a destination."""

    distribution = models.ForeignKey(
        Distribution, verbose_name=_("distribution"), on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("pieces"))

    class Meta:
        verbose_name = _("line of a distribution")
        verbose_name_plural = _("lines of distributions")
        constraints = [
            models.UniqueConstraint(fields=["distribution", "sku", "location"], name="one_line_per_sku_and_destination")
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class TransferOrder(models.Model):
    """Goods that are to go from one place to another (移動指示). They are claimed when asked for, on the road when shipped, and done when
    every piece has arrived or its loss was approved."""

    class State(models.TextChoices):
        REQUESTED = "REQUESTED", pgettext_lazy("transfer", "To be shipped")
        SHIPPED = "SHIPPED", pgettext_lazy("transfer", "On the road")
        DONE = "DONE", pgettext_lazy("transfer", "Done")
        CANCELLED = "CANCELLED", pgettext_lazy("transfer", "Cancelled")

    external_id = models.CharField(_("transfer number"), max_length=80)
    from_location = models.ForeignKey(
        Location, verbose_name=_("moved from"), on_delete=models.PROTECT, related_name="+"
    )
    to_location = models.ForeignKey(Location, verbose_name=_("moved to"), on_delete=models.PROTECT, related_name="+")
    distribution = models.ForeignKey(
        Distribution,
        verbose_name=_("distribution"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="transfers",
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.REQUESTED)
    note = models.CharField(_("note"), max_length=200, blank=True)
    requested_at = models.DateTimeField(_("asked for at"))
    requested_by = models.CharField(_("asked for by"), max_length=100)
    shipped_at = models.DateTimeField(_("left at"), null=True, blank=True)
    shipped_by = models.CharField(_("shipped by"), max_length=100, blank=True)
    document = models.ForeignKey(
        StockDocument,
        verbose_name=_("stock document"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    received_at = models.DateTimeField(_("arrived at"), null=True, blank=True)
    received_by = models.CharField(_("received by"), max_length=100, blank=True)
    reported_at = models.DateTimeField(_("missing reported at"), null=True, blank=True)
    reported_by = models.CharField(_("missing reported by"), max_length=100, blank=True)
    loss_approved_by = models.CharField(_("loss approved by"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("transfer order")
        verbose_name_plural = _("transfer orders")
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"],
                name="one_transfer_order_per_number",
                violation_error_message=_("There is a transfer with this number already."),
            ),
            models.CheckConstraint(
                condition=~Q(from_location=F("to_location")),
                name="transfer_goes_elsewhere",
                violation_error_message=_("The pieces are there already."),
            ),
            models.CheckConstraint(
                condition=Q(loss_approved_by="")
                | (
                    ~Q(loss_approved_by=F("reported_by"))
                    & ~Q(loss_approved_by=F("received_by"))
                    & ~Q(loss_approved_by=F("shipped_by"))
                ),
                name="loss_approved_by_another",
                violation_error_message=_("Whoever shipped, received or reported it does not approve the loss."),
            ),
        ]
        indexes = [
            models.Index(fields=["state", "to_location"], name="transfer_order_by_state"),
            GinIndex(Pairs("external_id"), name="transfer_order_by_number"),
        ]

    def __str__(self) -> str:
        return self.external_id


class TransferOrderLine(models.Model):
    """One SKU of a transfer: asked for, shipped, arrived, lost."""

    order = models.ForeignKey(
        TransferOrder, verbose_name=_("transfer order"), on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(pgettext_lazy("transfer", "asked for"))
    shipped = models.PositiveIntegerField(pgettext_lazy("transfer", "shipped"), default=0)
    received = models.PositiveIntegerField(pgettext_lazy("transfer", "arrived"), default=0)
    lost = models.PositiveIntegerField(pgettext_lazy("transfer", "lost"), default=0)

    class Meta:
        verbose_name = _("line of a transfer order")
        verbose_name_plural = _("lines of transfer orders")
        constraints = [
            models.UniqueConstraint(fields=["order", "sku"], name="one_line_per_transfer_order_and_sku"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, shipped__lte=F("quantity")), name="not_more_shipped_than_asked"
            ),
            models.CheckConstraint(
                condition=Q(shipped__gte=F("received") + F("lost")), name="not_more_arrived_than_shipped"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
