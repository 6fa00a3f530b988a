"""Pieces and value: two balances, and the append-only documents and movements that they sum up."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.fields import CurrentXid, FiniteDecimalField, Xid8Field
from erp.core.folding import Folded
from erp.core.models import Channel
from erp.inventory.models.masters import CostPool, Location, Reason


class StockBalance(models.Model):
    """What one location holds of one SKU, in whole pieces. Written only by ``inventory.services``."""

    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    on_hand = models.IntegerField(_("on hand"), default=0)
    allocated = models.IntegerField(_("allocated"), default=0)
    unclaimed = models.GeneratedField(  # internal: what may be sold is asked of the selector
        verbose_name=_("unclaimed"),
        expression=F("on_hand") - F("allocated"),
        db_persist=True,
        output_field=models.IntegerField(),
    )
    # An index may ask it without being written whenever a piece is sold.
    has_pieces = models.GeneratedField(
        verbose_name=_("has pieces"),
        expression=Q(on_hand__gt=0),  # type: ignore[arg-type]
        db_persist=True,
        output_field=models.BooleanField(),
    )
    balance_seq = models.BigIntegerField(_("movements so far"), default=0)
    version = models.BigIntegerField(_("version"), default=1)
    # That of the newest count on record: which of all balances nobody has counted for long is asked at once.
    last_counted_at = models.DateTimeField(_("last counted"), null=True, blank=True)

    class Meta:
        verbose_name = _("stock balance")
        verbose_name_plural = _("stock balances")
        # Of two ways to the rows of a few SKUs in one place, both lead straight there.
        indexes = [
            models.Index(fields=["location", "sku"], name="balance_by_location_and_sku"),
            models.Index(fields=["last_counted_at", "id"], condition=Q(has_pieces=True), name="balance_by_last_count"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["sku", "location"], name="one_balance_per_sku_location"),
            models.CheckConstraint(condition=Q(allocated__gte=0), name="allocated_not_negative"),
            models.CheckConstraint(condition=Q(on_hand__gte=F("allocated")), name="never_oversold"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class CostBalance(models.Model):
    """Pieces and value of one SKU in one cost pool. The value is carried, not the unit cost: the last piece takes the rest, no residue stays."""

    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    cost_pool = models.ForeignKey(CostPool, verbose_name=_("cost pool"), on_delete=models.PROTECT, related_name="+")
    quantity = models.IntegerField(_("quantity"), default=0)
    value = FiniteDecimalField(_("value"), max_digits=16, decimal_places=2, default=0)
    version = models.BigIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("stock value")
        verbose_name_plural = _("stock values")
        constraints = [
            models.UniqueConstraint(fields=["sku", "cost_pool"], name="one_cost_balance_per_sku_pool"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="cost_quantity_not_negative"),
            models.CheckConstraint(condition=Q(value__gte=0), name="cost_value_not_negative"),
            models.CheckConstraint(condition=~Q(quantity=0) | Q(value=0), name="no_value_without_pieces"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class StockDocument(models.Model):
    """The header of movements that belong together: one receipt, one shipment's issue, one adjustment. Append-only."""

    class Kind(models.TextChoices):
        RECEIPT = "RECEIPT", _("Receipt")
        ISSUE = "ISSUE", pgettext_lazy("stock", "Issue")
        TRANSFER = "TRANSFER", _("Transfer")
        ADJUSTMENT = "ADJUSTMENT", _("Adjustment")
        REVALUATION = "REVALUATION", _("Revaluation")

    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    source_type = models.CharField(_("source document"), max_length=20)
    source_id = models.BigIntegerField(_("source id"))
    external_id = models.CharField(_("external id"), max_length=100, blank=True)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    supplier = models.ForeignKey(
        "catalog.Supplier",
        verbose_name=_("supplier"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    # Where a transfer over the road is to arrive; a change of it is a document of its own (TRANSFER_REDIRECT).
    destination = models.ForeignKey(
        Location,
        verbose_name=pgettext_lazy("transfer", "destination"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    awaits_invoice = models.BooleanField(_("received before its invoice"), default=False, db_default=False)
    note = models.CharField(_("note"), max_length=200, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)
    created_xid = Xid8Field(db_default=CurrentXid(), editable=False)

    class Meta:
        verbose_name = _("stock document")
        verbose_name_plural = _("stock documents")
        # What moves or values stock is a page of its own, and each asks its own permission.
        permissions = [
            ("receive_stock", "Can receive stock"),
            ("adjust_stock", "Can adjust stock"),
            ("transfer_stock", "Can transfer stock and record its arrival"),
            ("count_stock", "Can record a stock count"),
            ("return_stock", "Can return goods to a supplier"),
            ("invoice_stock", "Can book a supplier's invoice"),
            ("write_down_stock", "Can write stock down"),
            ("add_late_cost", "Can add a late cost"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source_type", "external_id"],
                condition=~Q(external_id=""),
                name="one_stock_document_per_external_id",
            )
        ]
        indexes = [
            models.Index(fields=["source_type", "source_id"], name="stock_document_by_source"),
            models.Index(
                fields=["occurred_at", "id"], condition=Q(awaits_invoice=True), name="receipt_before_its_invoice"
            ),
            models.Index(Folded("external_id"), condition=Q(external_id__gt=""), name="stock_document_by_paper"),
            models.Index(fields=["kind", "id"], condition=~Q(kind="ISSUE"), name="stock_document_by_kind"),
            BrinIndex(fields=["recorded_at"], name="stock_document_by_record"),
            # What one person has adjusted on a day.
            models.Index(fields=["actor", "recorded_at"], condition=Q(kind="ADJUSTMENT"), name="adjustment_by_actor"),
            models.Index(
                fields=["destination", "id"], condition=Q(destination__isnull=False), name="transfer_by_destination"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class StockMovement(models.Model):
    """One append-only change of ``on_hand`` and of value. ``balance_seq`` numbers the movements of one balance without a gap."""

    document = models.ForeignKey(
        StockDocument,
        verbose_name=_("stock document"),
        on_delete=models.PROTECT,
        related_name="movements",
        db_index=False,
    )
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    quantity = models.IntegerField(_("quantity"), help_text=_("Signed: pieces in are positive, pieces out negative."))
    balance_seq = models.BigIntegerField(_("number on its balance"))
    on_hand_after = models.IntegerField(_("on hand after"))
    value = FiniteDecimalField(_("value"), max_digits=16, decimal_places=2)
    document_line = models.BigIntegerField(_("document line"))
    reason = models.ForeignKey(
        Reason, verbose_name=_("reason"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "location", "balance_seq"], name="one_movement_per_balance_and_number"
            ),
            models.CheckConstraint(condition=~Q(quantity=0) | ~Q(value=0), name="movement_moves_something"),
            models.CheckConstraint(condition=Q(on_hand_after__gte=0), name="stock_never_negative"),
        ]
        indexes = [
            models.Index(fields=["document"], name="movement_by_document"),
            # A place that has no movements, or few, would else be looked for among the newest of all.
            models.Index(fields=["location", "id"], name="movement_by_location"),
            # With all that is summed up of a past moment: the movements of a SKU that sells lie each on a page of its own.
            models.Index(
                fields=["sku", "occurred_at"],
                include=["location", "balance_seq", "recorded_at", "quantity", "value"],
                name="movement_by_sku_time_summed",
            ),
            # Movements are written much in the order in which they happen: a few pages that say from when till when are enough to find the rows
            # of a month, and the few that came late do not widen them.
            BrinIndex(
                fields=["occurred_at"],
                opclasses=["timestamptz_minmax_multi_ops"],
                autosummarize=True,
                name="movement_by_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
