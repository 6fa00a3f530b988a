"""Entries, postings and open items: append-only, the database refuses change, corrections are reversals."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounting.models.chart import LedgerAccount, PartyKind, Side
from erp.core.fields import CurrentXid, FiniteDecimalField, Xid8Field
from erp.core.folding import Folded, Pairs
from erp.core.models import Channel, Department


class JournalEntry(models.Model):
    """A balanced fact (仕訳). The database demands lines and balance per currency at commit, and refuses any change after."""

    class Kind(models.TextChoices):
        AUTOMATIC = "AUTOMATIC", _("Automatic")
        MANUAL = "MANUAL", _("Manual voucher")
        REVERSAL = "REVERSAL", _("Reversal")

    number = models.CharField(_("number"), max_length=20, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    entry_date = models.DateField(_("entry date"))
    description = models.CharField(_("description"), max_length=200, blank=True)
    source_type = models.CharField(_("source document"), max_length=20)
    source_id = models.BigIntegerField(_("source id"))
    reversal_of = models.OneToOneField(
        "self",
        verbose_name=_("reversal of"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reversed_by",
    )
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)
    created_xid = Xid8Field(db_default=CurrentXid(), editable=False)

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        indexes = [
            models.Index(fields=["entry_date", "id"], name="entry_by_date"),
            models.Index(fields=["source_type", "source_id"], name="entry_by_source"),
            models.Index(fields=["created_xid"], name="entry_by_xid"),
            models.Index(fields=["kind", "id"], condition=~Q(kind="AUTOMATIC"), name="entry_made_by_hand"),
            GinIndex(Pairs("description"), name="entry_by_description"),
        ]

    def __str__(self) -> str:
        return self.number


class OpenItem(models.Model):
    """What a debtor owes us or we owe (未消込明細).

    Its balance is the sum of the postings that name it; ``settled_amount`` is kept under its lock.
    """

    account = models.ForeignKey(
        LedgerAccount, verbose_name=_("ledger account"), on_delete=models.PROTECT, related_name="+"
    )
    side = models.CharField(_("side"), max_length=6, choices=Side.choices)
    party_kind = models.CharField(_("party kind"), max_length=15, choices=PartyKind.choices)
    party_id = models.BigIntegerField(_("party id"))
    party_label = models.CharField(_("party"), max_length=150)
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    document_type = models.CharField(_("document type"), max_length=20)
    document_id = models.BigIntegerField(_("document id"))
    document_label = models.CharField(_("document"), max_length=100, blank=True)
    item_date = models.DateField(_("date"))
    due_date = models.DateField(_("due date"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    amount = FiniteDecimalField(_("amount"), max_digits=16, decimal_places=2)
    settled_amount = FiniteDecimalField(_("settled"), max_digits=16, decimal_places=2, default=0)
    remaining_amount = models.GeneratedField(
        verbose_name=_("remaining"),
        expression=F("amount") - F("settled_amount"),
        db_persist=True,
        output_field=models.DecimalField(max_digits=16, decimal_places=2),
    )
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("open item")
        verbose_name_plural = _("open items")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="open_item_has_an_amount"),
            models.CheckConstraint(
                condition=Q(settled_amount__gte=0, settled_amount__lte=F("amount")), name="open_item_not_oversettled"
            ),
        ]
        indexes = [
            models.Index(fields=["document_type", "document_id"], name="open_item_by_document"),
            models.Index(
                fields=["party_kind", "party_id", "due_date"],
                condition=~Q(settled_amount=F("amount")),
                name="open_item_by_party",
            ),
            models.Index(fields=["due_date"], condition=~Q(settled_amount=F("amount")), name="open_item_by_due_date"),
            models.Index(Folded("document_label"), condition=Q(document_label__gt=""), name="open_item_by_label"),
            GinIndex(Pairs("party_label"), name="open_item_by_party_label"),
            # PostgreSQL cannot know how few of the items are open; this is where they stand, the newest last.
            models.Index(fields=["id"], condition=~Q(settled_amount=F("amount")), name="open_item_still_open"),
            models.Index(fields=["party_kind", "id"], name="open_item_by_kind_of_party"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.document_label}".strip()


class Posting(models.Model):
    """One debit or credit. ``amount`` is positive, ``side`` carries the sign. Born with its entry, final ever after."""

    entry = models.ForeignKey(JournalEntry, verbose_name=_("entry"), on_delete=models.PROTECT, related_name="postings")
    line_no = models.PositiveIntegerField(_("line"))
    entry_date = models.DateField(_("entry date"))
    account = models.ForeignKey(
        LedgerAccount, verbose_name=_("ledger account"), on_delete=models.PROTECT, related_name="postings"
    )
    side = models.CharField(_("side"), max_length=6, choices=Side.choices)
    amount = FiniteDecimalField(_("amount"), max_digits=16, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    department = models.ForeignKey(
        Department, verbose_name=_("department"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    party_kind = models.CharField(_("party kind"), max_length=15, choices=PartyKind.choices, blank=True)
    party_id = models.BigIntegerField(_("party id"), null=True, blank=True)
    tax_code = models.CharField(_("tax code"), max_length=20, blank=True)
    source_line = models.BigIntegerField(_("source line"), null=True, blank=True)
    open_item = models.ForeignKey(
        OpenItem, verbose_name=_("open item"), null=True, blank=True, on_delete=models.PROTECT, related_name="postings"
    )
    description = models.CharField(_("description"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        constraints = [
            models.UniqueConstraint(fields=["entry", "line_no"], name="one_posting_per_entry_and_line"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="posting_has_an_amount"),
        ]
        indexes = [
            models.Index(fields=["account", "entry_date", "id"], name="posting_by_account"),
            # Postings lie in the order of their dates, nearly: a few pages of index say where.
            BrinIndex(fields=["entry_date"], name="posting_by_date"),
            models.Index(
                fields=["party_kind", "party_id", "entry_date", "id"],
                condition=Q(party_id__isnull=False),
                name="posting_by_party",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
