"""What a carrier wants to know of us, and which parcels were handed to its label software when."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.orders.models.shipments import Shipment


class Carrier(models.TextChoices):
    """The carriers whose label software we write files for. The values are what channels send as ``carrier``."""

    YAMATO = "yamato", _("Yamato (B2 Cloud)")
    SAGAWA = "sagawa", _("Sagawa (e-Hiden III)")
    JAPAN_POST = "japanpost", _("Japan Post (Yu-Pri R)")


class CarrierAccount(models.Model):
    """Our contract with a carrier, as its label software asks for it."""

    carrier = models.CharField(_("carrier"), max_length=12, choices=Carrier.choices, unique=True)
    customer_code = models.CharField(
        _("customer code"),
        max_length=15,
        blank=True,
        help_text=_("Yamato: 請求先顧客コード. Sagawa: お客様コード (12 digits)."),
    )
    branch_code = models.CharField(_("branch code"), max_length=3, blank=True, help_text=_("Yamato: 請求先分類コード."))
    freight_number = models.CharField(
        _("freight number"), max_length=2, blank=True, help_text=_("Yamato: 運賃管理番号.")
    )
    goods_name = models.CharField(_("goods on labels"), max_length=25, default="衣料品")
    prepaid_form = models.CharField(
        _("form of prepaid labels"), max_length=20, blank=True, help_text=_("Japan Post: 送り状種別.")
    )
    cod_form = models.CharField(
        _("form of cash-on-delivery labels"), max_length=20, blank=True, help_text=_("Japan Post: 送り状種別.")
    )

    class Meta:
        verbose_name = _("carrier contract")
        verbose_name_plural = _("carrier contracts")

    def __str__(self) -> str:
        return self.get_carrier_display()


class LabelRun(models.Model):
    """One file for the label software of a carrier. Its number is the run number; writing the same parcels again is a run of its own."""

    carrier = models.CharField(_("carrier"), max_length=12, choices=Carrier.choices)
    ship_date = models.DateField(_("ship date"))
    parcel_count = models.PositiveIntegerField(_("parcels"))
    written_at = models.DateTimeField(_("written at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("label file")
        verbose_name_plural = _("label files")
        indexes = [models.Index(fields=["carrier", "-id"], name="label_file_by_carrier")]
        constraints = [models.CheckConstraint(condition=Q(parcel_count__gt=0), name="label_file_has_parcels")]

    def __str__(self) -> str:
        return f"{self.pk}"


class LabelRunLine(models.Model):
    """A parcel in a label file."""

    run = models.ForeignKey(
        LabelRun, verbose_name=_("label file"), on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    shipment = models.ForeignKey(
        Shipment, verbose_name=_("shipment"), on_delete=models.PROTECT, related_name="label_lines"
    )

    class Meta:
        verbose_name = _("parcel of a label file")
        verbose_name_plural = _("parcels of label files")
        constraints = [models.UniqueConstraint(fields=["run", "shipment"], name="one_line_per_label_file_and_shipment")]

    def __str__(self) -> str:
        return f"{self.pk}"
