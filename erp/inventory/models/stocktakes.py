"""棚卸: what is to be counted, what was seen by whom, and the differences that were posted."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Pairs
from erp.inventory.models.ledger import StockDocument
from erp.inventory.models.masters import Location


class StockCount(models.Model):
    """A stocktake of one location (棚卸): its list is frozen at a moment, counted by many, compared with the books of each count, and posted."""

    class State(models.TextChoices):
        PREPARING = "PREPARING", pgettext_lazy("stocktake", "Preparing")
        COUNTING = "COUNTING", pgettext_lazy("stocktake", "Counting")
        REVIEW = "REVIEW", pgettext_lazy("stocktake", "Looking at differences")
        APPROVAL = "APPROVAL", pgettext_lazy("stocktake", "Waiting for approval")
        POSTING = "POSTING", pgettext_lazy("stocktake", "Being posted")
        POSTED = "POSTED", pgettext_lazy("stocktake", "Posted")
        CANCELLED = "CANCELLED", pgettext_lazy("stocktake", "Cancelled")

    class Scope(models.TextChoices):
        WHOLE = "WHOLE", pgettext_lazy("stocktake", "Everything at the location")
        PRODUCTS = "PRODUCTS", pgettext_lazy("stocktake", "Some styles")
        SHELVES = "SHELVES", pgettext_lazy("stocktake", "A range of shelves")
        SAMPLE = "SAMPLE", pgettext_lazy("stocktake", "A random sample")
        SKUS = "SKUS", pgettext_lazy("stocktake", "Some SKUs")

    class Uncounted(models.TextChoices):
        LEAVE = "LEAVE", pgettext_lazy("stocktake", "Left as the books say")
        ZERO = "ZERO", pgettext_lazy("stocktake", "Taken for gone")

    external_id = models.CharField(_("stocktake number"), max_length=60)
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    scope = models.CharField(pgettext_lazy("stocktake", "what is counted"), max_length=10, choices=Scope.choices)
    asked = models.JSONField(_("details of the list"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PREPARING)
    uncounted = models.CharField(_("what nobody counted"), max_length=5, choices=Uncounted.choices, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))
    opened_by = models.CharField(_("opened by"), max_length=100)
    frozen_at = models.DateTimeField(_("list frozen at"), null=True, blank=True)
    started_by = models.CharField(_("started by"), max_length=100, blank=True)
    closed_at = models.DateTimeField(_("counting ended at"), null=True, blank=True)
    closed_by = models.CharField(_("counting ended by"), max_length=100, blank=True)
    requested_by = models.CharField(_("posting asked for by"), max_length=100, blank=True)
    needs_approval = models.BooleanField(_("needs approval"), default=False)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    approved_by = models.CharField(_("approved by"), max_length=100, blank=True)
    posted_at = models.DateTimeField(_("posted at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    difference_pieces = models.PositiveIntegerField(_("pieces that differ"), default=0)
    difference_value = FiniteDecimalField(_("value that differs"), max_digits=16, decimal_places=2, default=0)
    chunks = models.PositiveIntegerField(_("documents posted"), default=0)
    # How far a comparison has come that is not at its end, by the id of the SKU, and the last entry when it began.
    compared_to = models.BigIntegerField(_("compared up to"), null=True, blank=True, editable=False)
    compared_entry = models.BigIntegerField(_("last entry when compared"), default=0, editable=False)

    class Meta:
        verbose_name = _("stocktake")
        verbose_name_plural = _("stocktakes")
        permissions = [("approve_count", "Can approve differences of a stocktake and losses on the road")]
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"],
                name="one_stocktake_per_number",
                violation_error_message=_("There is a stocktake with this number already."),
            ),
            models.CheckConstraint(
                condition=Q(approved_by="")
                | (
                    ~Q(approved_by=F("requested_by")) & ~Q(approved_by=F("started_by")) & ~Q(approved_by=F("closed_by"))
                ),
                name="stocktake_approved_by_another",
                violation_error_message=_("Whoever started, ended or asks for a stocktake does not approve it."),
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["POSTING", "POSTED"]) | Q(needs_approval=False) | ~Q(approved_by=""),
                name="stocktake_posted_when_approved",
                violation_error_message=_("This stocktake waits for its approval."),
            ),
            models.CheckConstraint(
                condition=Q(state__in=["PREPARING", "CANCELLED"]) | Q(frozen_at__isnull=False),
                name="stocktake_counted_when_frozen",
                violation_error_message=_("The list of this stocktake is not frozen yet."),
            ),
        ]
        indexes = [
            models.Index(fields=["state", "location"], name="stocktake_by_state"),
            GinIndex(Pairs("external_id"), name="stocktake_by_number"),
        ]

    def __str__(self) -> str:
        return self.external_id


class StockCountLine(models.Model):
    """One SKU of a stocktake: what the books said when the list was frozen, what was seen, and how that differs from the books of its moment.

    Made anew from the entries whenever the differences are looked at; final once posted.
    """

    count = models.ForeignKey(
        StockCount, verbose_name=_("stocktake"), on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    is_listed = models.BooleanField(_("on the list"), default=True)
    shelf = models.CharField(_("shelf"), max_length=30, blank=True)
    frozen_on_hand = models.IntegerField(_("on hand when frozen"), default=0)
    frozen_seq = models.BigIntegerField(_("movements when frozen"), default=0)
    entries = models.PositiveIntegerField(_("times counted"), default=0)
    counted = models.PositiveIntegerField(_("counted"), null=True, blank=True)
    counted_at = models.DateTimeField(_("counted at"), null=True, blank=True)
    book = models.IntegerField(_("books at that moment"), null=True, blank=True)
    difference = models.IntegerField(_("difference"), null=True, blank=True)
    value = FiniteDecimalField(_("value of the difference"), max_digits=16, decimal_places=2, null=True, blank=True)
    has_moved = models.BooleanField(_("moved between its counts"), default=False)
    is_superseded = models.BooleanField(_("counted again elsewhere since"), default=False)
    posted_difference = models.IntegerField(_("posted difference"), null=True, blank=True)
    document = models.ForeignKey(
        StockDocument,
        verbose_name=_("stock document"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    posted_at = models.DateTimeField(_("posted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("line of a stocktake")
        verbose_name_plural = _("lines of stocktakes")
        constraints = [
            models.UniqueConstraint(fields=["count", "sku"], name="one_line_per_stocktake_and_sku"),
            models.CheckConstraint(
                condition=Q(posted_at__isnull=True)
                | Q(counted__isnull=False, posted_difference__isnull=False, document__isnull=False),
                name="posted_line_was_counted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class StockCountEntry(models.Model):
    """What somebody saw of a SKU on a sheet at a moment. Append-only: a slip is corrected by fewer pieces, or by counting the SKU again."""

    class Kind(models.TextChoices):
        ADD = "ADD", pgettext_lazy("stocktake", "Counted")
        RECOUNT = "RECOUNT", pgettext_lazy("stocktake", "Counted again from nothing")

    class Way(models.TextChoices):
        SCAN = "SCAN", pgettext_lazy("stocktake", "Scanned")
        TYPED = "TYPED", pgettext_lazy("stocktake", "Typed")
        FILE = "FILE", pgettext_lazy("stocktake", "From a file")

    count = models.ForeignKey(
        StockCount, verbose_name=_("stocktake"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    sheet = models.CharField(_("counting sheet"), max_length=40)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.ADD)
    way = models.CharField(_("entered by"), max_length=5, choices=Way.choices, default=Way.SCAN)
    quantity = models.IntegerField(_("pieces"))
    counted_at = models.DateTimeField(_("counted at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)
    key = models.CharField(_("key of the entry"), max_length=60)

    class Meta:
        verbose_name = _("entry of a stocktake")
        verbose_name_plural = _("entries of stocktakes")
        constraints = [
            models.UniqueConstraint(fields=["count", "key"], name="one_entry_per_stocktake_and_key"),
            models.CheckConstraint(condition=~Q(kind="RECOUNT") | Q(quantity__gte=0), name="recount_not_negative"),
        ]
        indexes = [
            models.Index(fields=["count", "sku"], name="count_entry_by_sku"),
            models.Index(fields=["count", "sheet", "id"], name="count_entry_by_sheet"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class CountRecord(models.Model):
    """That a SKU was counted at a location: what was seen and what the books said of that moment, also where nothing differed. Append-only.

    Left behind by every count that is booked, a single one or a stocktake. A later record knows better than an earlier count.
    """

    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    counted = models.PositiveIntegerField(_("counted"))
    book = models.IntegerField(_("books at that moment"))
    counted_at = models.DateTimeField(_("counted at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    document = models.ForeignKey(
        StockDocument, verbose_name=_("stock document"), on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("count on record")
        verbose_name_plural = _("counts on record")
        constraints = [models.UniqueConstraint(fields=["document", "sku"], name="one_record_per_count_and_sku")]
        indexes = [models.Index(fields=["sku", "location", "counted_at"], name="count_record_by_moment")]

    def __str__(self) -> str:
        return f"{self.pk}"
