"""Goods and money that came back."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Folded
from erp.core.models import Channel
from erp.orders.models.orders import Order, OrderFee
from erp.orders.models.shipments import ShipmentLine


class Return(models.Model):
    """Goods or money that came back: a return, a refused parcel, a refund without goods. The only document that re-stocks."""

    class Kind(models.TextChoices):
        RETURN = "RETURN", _("Return")
        REFUSED = "REFUSED", _("Refused on delivery")
        REFUND_ONLY = "REFUND_ONLY", _("Refund without goods")

    number = models.CharField(_("return number"), max_length=20, unique=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(_("external id"), max_length=100)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), null=True, blank=True, on_delete=models.PROTECT, related_name="returns"
    )
    customer_record = models.ForeignKey(
        "customers.CustomerRecord",
        verbose_name=_("customer record"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    has_original = models.BooleanField(
        _("original sale known"),
        default=True,
        help_text=_("No: sold before these books began; said so on the document."),
    )
    return_date = models.DateField(_("return date"))
    # Its day in the books: a later one where the month of the return was closed.
    posted_date = models.DateField(_("posted on"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    cost_amount = FiniteDecimalField(_("cost"), max_digits=16, decimal_places=2, default=0)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="one_return_per_channel_and_external_id")
        ]
        indexes = [
            models.Index(Folded("external_id"), name="return_by_external_id"),
            models.Index(fields=["kind", "id"], condition=~Q(kind="RETURN"), name="return_of_rare_kind"),
            models.Index(fields=["id"], condition=Q(has_original=False), name="return_without_original"),
            models.Index(fields=["posted_date"], name="return_by_posting_day"),
        ]

    def __str__(self) -> str:
        return self.number


class ReturnLine(models.Model):
    """Units that came back, at the rate and amount of their sale and the cost of their issue."""

    class Condition(models.TextChoices):
        SELLABLE = "SELLABLE", _("Sellable")
        DEFECTIVE = "DEFECTIVE", _("Defective")
        NOT_RETURNED = "NOT_RETURNED", _("Nothing came back")

    document = models.ForeignKey(Return, verbose_name=_("return"), on_delete=models.PROTECT, related_name="lines")
    shipment_line = models.ForeignKey(
        ShipmentLine,
        verbose_name=_("shipment line"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="returns",
    )
    fee = models.ForeignKey(
        OrderFee, verbose_name=_("fee"), null=True, blank=True, on_delete=models.PROTECT, related_name="refunds"
    )
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    description = models.CharField(_("description"), max_length=300, blank=True)
    condition = models.CharField(_("condition"), max_length=12, choices=Condition.choices)
    quantity = models.PositiveIntegerField(_("quantity"))
    is_unsold = models.BooleanField(
        _("came back unsold"), default=False, db_default=False, help_text=_("Its sale had not been posted.")
    )
    tax_code = models.CharField(_("tax code"), max_length=20)
    tax_percent = FiniteDecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2)
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    cost_amount = FiniteDecimalField(_("cost"), max_digits=16, decimal_places=2, default=0)

    class Meta:
        verbose_name = _("return line")
        verbose_name_plural = _("return lines")

    def __str__(self) -> str:
        return f"{self.pk}"
