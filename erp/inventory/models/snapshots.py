"""What the ledger said of a span of time, summed once, so that the past need not be added up from the first movement."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.inventory.models.masters import Location


class StockSnapshot(models.Model):
    """The sum of some movements of one balance: those numbered above ``after_seq`` up to ``through_seq`` that happened in one span of time.

    Numbers on a balance are given under its row lock, so they are committed in their order and without a gap: what has a number up to
    ``through_seq`` was all there when the snapshot was cut, and whatever comes later, however far back-dated, has a higher one.
    Append-only, and refused where it differs from the ledger. Written by ``inventory.services.snapshots`` only.
    """

    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    after_seq = models.BigIntegerField(_("after number"))
    through_seq = models.BigIntegerField(_("through number"))
    begins_at = models.DateTimeField(_("happened from"))
    ends_at = models.DateTimeField(_("happened before"))
    movements = models.IntegerField(_("movements"))
    quantity = models.BigIntegerField(_("quantity"))
    value = FiniteDecimalField(_("value"), max_digits=18, decimal_places=2)
    recorded_from = models.DateTimeField(_("first recorded"))
    recorded_until = models.DateTimeField(_("last recorded"))
    taken_at = models.DateTimeField(_("summed at"))

    class Meta:
        verbose_name = _("stock snapshot")
        verbose_name_plural = _("stock snapshots")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "location", "through_seq", "begins_at"], name="one_snapshot_per_balance_number_span"
            ),
            models.CheckConstraint(condition=Q(through_seq__gt=F("after_seq")), name="snapshot_takes_numbers"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("begins_at")), name="snapshot_spans_time"),
        ]
        # A place without any, or with few: the newest rows of all were read until its own were found.
        indexes = [models.Index(fields=["location", "-id"], name="snapshot_by_location")]

    def __str__(self) -> str:
        return f"{self.pk}"
