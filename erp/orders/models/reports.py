"""What an account that holds our goods reports as sold (販売報告). Until then the goods are 委託先在庫."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Folded
from erp.core.models import Channel
from erp.orders.models.shipments import ShipmentLine


class SalesReport(models.Model):
    """One report, under the reporter's own id. Final: a wrong one is put right by a return of what it sold."""

    number = models.CharField(_("sales report number"), max_length=20, unique=True)
    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(_("external id"), max_length=100)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    report_date = models.DateField(_("sold on"))
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    cost_amount = FiniteDecimalField(_("cost"), max_digits=16, decimal_places=2)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("sales report")
        verbose_name_plural = _("sales reports")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "external_id"], name="one_sales_report_per_channel_and_external_id"
            ),
            models.CheckConstraint(
                condition=Q(gross_amount=models.F("net_amount") + models.F("tax_amount")),
                name="sales_report_net_and_tax_make_gross",
            ),
        ]
        indexes = [
            models.Index(Folded("external_id"), name="sales_report_by_external_id"),
            models.Index(fields=["report_date", "-id"], name="sales_report_by_day"),
        ]

    def __str__(self) -> str:
        return self.number


class SalesReportLine(models.Model):
    """Units of one shipment line that were sold, at their part of its amounts and of what they left with."""

    report = models.ForeignKey(
        SalesReport, verbose_name=_("sales report"), on_delete=models.PROTECT, related_name="lines"
    )
    shipment_line = models.ForeignKey(
        ShipmentLine, verbose_name=_("shipment line"), on_delete=models.PROTECT, related_name="reports"
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    cost_amount = FiniteDecimalField(_("cost"), max_digits=16, decimal_places=2)

    class Meta:
        verbose_name = _("line of a sales report")
        verbose_name_plural = _("lines of sales reports")
        constraints = [
            models.UniqueConstraint(fields=["report", "shipment_line"], name="one_report_line_per_shipment_line"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="report_line_has_pieces"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
