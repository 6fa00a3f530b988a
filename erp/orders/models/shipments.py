"""Parcels of an order and what is in them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Folded
from erp.core.models import RevenueBasis
from erp.orders.models.orders import Delivery, Order, OrderLine


class Shipment(models.Model):
    """One parcel's worth of an order: instructed (出荷指示), shipped (出荷確定), then delivered and accepted where revenue waits for it."""

    class State(models.TextChoices):
        INSTRUCTED = "INSTRUCTED", _("Being picked")
        SHIPPED = "SHIPPED", _("Shipped")
        DELIVERED = "DELIVERED", _("Delivered")
        ACCEPTED = "ACCEPTED", _("Accepted")
        RETURNED = "RETURNED", _("Refused and returned")
        CANCELLED = "CANCELLED", _("Cancelled")

    number = models.CharField(_("shipment number"), max_length=20, unique=True)
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="shipments")
    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), on_delete=models.PROTECT, related_name="shipments"
    )
    state = models.CharField(_("state"), max_length=12, choices=State.choices)
    revenue_basis = models.CharField(_("revenue basis"), max_length=20, choices=RevenueBasis.choices)
    instructed_at = models.DateTimeField(_("instructed at"))
    shipped_at = models.DateTimeField(_("shipped at"), null=True, blank=True)
    ship_date = models.DateField(_("ship date"), null=True, blank=True)
    delivered_date = models.DateField(_("delivered on"), null=True, blank=True)
    accepted_date = models.DateField(_("accepted on"), null=True, blank=True)
    revenue_date = models.DateField(_("revenue recognised on"), null=True, blank=True)
    carrier = models.CharField(_("carrier"), max_length=30, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=60, blank=True)
    # 代引 of the whole order is collected with this parcel; where none says so, with the first.
    collects_cod = models.BooleanField(_("cash on delivery is collected with it"), default=False, db_default=False)
    # What its label asked for when it left: what the driver collects, whatever becomes of the order afterwards.
    cod_amount = FiniteDecimalField(
        _("to be collected"), max_digits=16, decimal_places=2, default=0, db_default=0, editable=False
    )
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2, default=0)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2, default=0)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2, default=0)
    cost_amount = FiniteDecimalField(_("cost"), max_digits=16, decimal_places=2, default=0)
    actor = models.CharField(_("actor"), max_length=100)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["INSTRUCTED", "CANCELLED"]) | Q(ship_date__isnull=False),
                name="shipped_shipment_has_a_date",
            ),
            models.UniqueConstraint(
                fields=["order"], condition=Q(collects_cod=True), name="one_parcel_of_an_order_collects"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "id"], name="shipment_by_state"),
            models.Index(
                fields=["revenue_basis", "id"], condition=~Q(revenue_basis="SHIPMENT"), name="shipment_sold_later"
            ),
            models.Index(Folded("tracking_number"), condition=Q(tracking_number__gt=""), name="shipment_by_tracking"),
            models.Index(fields=["ship_date", "id"], name="shipment_by_date"),
            models.Index(
                fields=["revenue_date"], condition=Q(revenue_date__isnull=False), name="shipment_by_revenue_date"
            ),
        ]

    def __str__(self) -> str:
        return self.number


class ShipmentLine(models.Model):
    """Units of one order line in one shipment, with their part of the line's amounts and what they cost."""

    shipment = models.ForeignKey(
        Shipment, verbose_name=_("shipment"), on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    order_line = models.ForeignKey(
        OrderLine, verbose_name=_("order line"), on_delete=models.PROTECT, related_name="shipment_lines"
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    returned_quantity = models.PositiveIntegerField(_("returned"), default=0)
    # Of consigned goods: units whose sale was reported. Of goods that came back before their sale was posted: those units.
    reported_quantity = models.PositiveIntegerField(_("reported sold"), default=0, db_default=0)
    unsold_quantity = models.PositiveIntegerField(_("returned unsold"), default=0, db_default=0)
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2, default=0)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2, default=0)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2, default=0)
    cost_amount = FiniteDecimalField(_("cost"), max_digits=16, decimal_places=2, default=0)
    # Of goods whose SKU was known only after they were sold; the cost of all others is posted with their revenue.
    cost_date = models.DateField(_("cost posted later, on"), null=True, blank=True)

    class Meta:
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "order_line"], name="one_shipment_line_per_order_line"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="shipment_line_has_pieces"),
            models.CheckConstraint(
                condition=Q(returned_quantity__lte=F("quantity")), name="not_more_returned_than_in_the_parcel"
            ),
            models.CheckConstraint(
                condition=Q(
                    unsold_quantity__lte=F("returned_quantity"),
                    reported_quantity__lte=F("quantity") - F("unsold_quantity"),
                ),
                name="not_more_reported_or_unsold_than_in_the_parcel",
            ),
        ]
        indexes = [
            models.Index(fields=["cost_date"], condition=Q(cost_date__isnull=False), name="shipment_line_by_cost_date"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
