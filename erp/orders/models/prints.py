"""Which shipments stand on which paper: who printed a picking list or delivery notes, and when."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.orders.models.shipments import Shipment


class PrintRun(models.Model):
    """One paper that was made. The same shipments again are a run of their own; a picking list says so, what the shopper gets does not."""

    class Kind(models.TextChoices):
        PICKING_LIST = "PICKING_LIST", _("Picking list")
        DELIVERY_NOTE = "DELIVERY_NOTE", _("Delivery note")
        GIFT_NOTE = "GIFT_NOTE", _("Delivery note without prices")

    kind = models.CharField(_("paper"), max_length=15, choices=Kind.choices)
    parcel_count = models.PositiveIntegerField(_("parcels"))
    printed_at = models.DateTimeField(_("printed at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("print run")
        verbose_name_plural = _("print runs")
        indexes = [models.Index(fields=["kind", "-id"], name="print_run_by_kind")]
        constraints = [models.CheckConstraint(condition=Q(parcel_count__gt=0), name="print_run_has_parcels")]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_kind_display()}"


class PrintRunLine(models.Model):
    """A shipment on a paper."""

    run = models.ForeignKey(
        PrintRun, verbose_name=_("print run"), on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    shipment = models.ForeignKey(
        Shipment, verbose_name=_("shipment"), on_delete=models.PROTECT, related_name="print_lines"
    )

    class Meta:
        verbose_name = _("shipment of a print run")
        verbose_name_plural = _("shipments of print runs")
        constraints = [models.UniqueConstraint(fields=["run", "shipment"], name="one_line_per_print_run_and_shipment")]

    def __str__(self) -> str:
        return f"{self.pk}"
