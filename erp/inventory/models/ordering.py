"""When a SKU is bought again, and how much of it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.naming import by_parts
from erp.inventory.models.masters import Location


class ReorderRule(models.Model):
    """How a SKU is bought again (発注点): for the company, or for one place. What is empty follows from its supplier and its sales."""

    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(
        Location, verbose_name=_("location"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    lead_time_days = models.PositiveSmallIntegerField(_("lead time (days)"), null=True, blank=True)
    lot = models.PositiveIntegerField(_("order lot"), default=1)
    safety_stock = models.PositiveIntegerField(_("safety stock for ordering"), default=0)
    reorder_point = models.PositiveIntegerField(_("reorder point, set by hand"), null=True, blank=True)
    cover_days = models.PositiveSmallIntegerField(_("days of sales that an order covers"), default=28)
    is_active = models.BooleanField(_("bought again"), default=True)

    class Meta:
        verbose_name = _("reorder rule")
        verbose_name_plural = _("reorder rules")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "location"],
                name="one_reorder_rule_per_sku_and_place",
                violation_error_message=_("This SKU has a reorder rule for this place already."),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(lot__gte=1),
                name="order_lot_has_pieces",
                violation_error_message=_("A lot has at least one piece."),
            ),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(is_active=False), name="reorder_rule_out_of_use")]

    def __str__(self) -> str:
        return by_parts(self, "sku", "location")
