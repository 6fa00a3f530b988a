"""Pieces that should come, and pieces that left before their receipt was known."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Folded
from erp.core.models import Channel
from erp.inventory.models.ledger import StockDocument
from erp.inventory.models.masters import Location


class ExpectedReceipt(models.Model):
    """Pieces that should arrive on a date (入荷予定). Received in parts until nothing is left."""

    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    supplier = models.ForeignKey(
        "catalog.Supplier",
        verbose_name=_("supplier"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    external_id = models.CharField(pgettext_lazy("of a purchase", "order number"), max_length=60)
    line_no = models.PositiveIntegerField(_("line"), default=1)
    quantity = models.PositiveIntegerField(_("quantity"))
    received_quantity = models.PositiveIntegerField(_("received"), default=0)
    unit_cost = FiniteDecimalField(_("unit cost (excl. tax)"), max_digits=14, decimal_places=4, null=True, blank=True)
    expected_date = models.DateField(_("expected date"))
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("expected receipt")
        verbose_name_plural = _("expected receipts")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "external_id", "line_no"],
                name="one_expected_receipt_per_sku_and_order_line",
                violation_error_message=_("This purchase has this line of this SKU already."),
            ),
            models.CheckConstraint(
                condition=Q(received_quantity__lte=F("quantity")),
                name="not_more_than_expected",
                violation_error_message=_("More was received than is expected."),
            ),
            models.CheckConstraint(
                condition=Q(unit_cost__isnull=True) | Q(unit_cost__gte=0),
                name="expected_cost_not_negative",
                violation_error_message=_("A cost is not negative."),
            ),
        ]
        indexes = [
            models.Index(fields=["sku", "expected_date"], name="expected_receipt_by_date"),
            models.Index(fields=["expected_date", "id"], name="expected_receipt_by_day"),
            models.Index(Folded("external_id"), name="expected_receipt_by_paper"),
            models.Index(
                fields=["expected_date", "id"],
                condition=Q(cancelled_at__isnull=True, received_quantity__lt=F("quantity")),
                name="open_expectation_by_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.external_id}-{self.line_no}"


class ProvisionalReceipt(models.Model):
    """Pieces that a physical fact took beyond the books (在庫差異・仮入庫), waiting for the receipt or count that explains them."""

    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    document = models.ForeignKey(
        StockDocument, verbose_name=_("stock document"), on_delete=models.PROTECT, related_name="+"
    )
    document_line = models.BigIntegerField(_("document line"))
    quantity = models.PositiveIntegerField(_("quantity"))
    value = FiniteDecimalField(_("value"), max_digits=16, decimal_places=2)
    settled_quantity = models.PositiveIntegerField(_("explained"), default=0)
    settled_value = FiniteDecimalField(_("explained value"), max_digits=16, decimal_places=2, default=0)
    counted_quantity = models.PositiveIntegerField(
        _("explained by a count alone"), default=0, help_text=_("A receipt of before the count may still be theirs.")
    )
    counted_at = models.DateTimeField(_("counted at"), null=True, blank=True)
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        verbose_name = _("provisional receipt")
        verbose_name_plural = _("provisional receipts")
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_quantity__lte=F("quantity")), name="not_more_explained_than_provisional"
            ),
            models.CheckConstraint(
                condition=Q(counted_quantity__lte=F("settled_quantity")), name="not_more_counted_than_explained"
            ),
        ]
        indexes = [
            models.Index(
                fields=["sku", "location", "id"],
                condition=Q(settled_quantity__lt=F("quantity")),
                name="open_provisional_by_balance",
            ),
            models.Index(
                fields=["-id"], condition=Q(settled_quantity__lt=F("quantity")), name="open_provisional_newest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
