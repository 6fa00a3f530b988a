"""What was handed to the accounting package, entry by entry, and the names it uses for our tax codes."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounting.models.ledger import JournalEntry
from erp.core.clock import written_day
from erp.core.tax import code_in_words


class ExportFormat(models.TextChoices):
    YAYOI = "YAYOI", _("Yayoi (弥生)")


class ExportTaxLabel(models.Model):
    """What the accounting package calls a tax code from a date on (税区分). Data, since packages rename with every reform."""

    class Direction(models.TextChoices):
        SALE = "SALE", _("Sale")
        PURCHASE = "PURCHASE", _("Purchase")

    format = models.CharField(_("format"), max_length=10, choices=ExportFormat.choices)
    tax_code = models.CharField(_("tax code"), max_length=20)
    direction = models.CharField(_("direction"), max_length=10, choices=Direction.choices)
    valid_from = models.DateField(_("valid from"))
    label = models.CharField(_("label"), max_length=50)

    class Meta:
        verbose_name = _("tax label for export")
        verbose_name_plural = _("tax labels for export")
        constraints = [
            models.UniqueConstraint(
                fields=["format", "tax_code", "direction", "valid_from"],
                name="one_tax_label_per_code_and_start",
                violation_error_message=_("This tax code has a label from this date already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_format_display()} {code_in_words(self.tax_code)} {self.get_direction_display()} {written_day(self.valid_from)}"


class ExportRun(models.Model):
    """One file that was handed over. Its entries are remembered, so that the same month is not booked twice by accident."""

    class Scope(models.TextChoices):
        ALL = "ALL", _("All entries of the dates")
        NEW_ONLY = "NEW_ONLY", _("Only entries not exported before")

    class Method(models.TextChoices):
        PERPETUAL = "PERPETUAL", _("Cost of sales with each sale (売上原価対立法)")
        THREE_PART = "THREE_PART", _("Purchases and stock at closing (三分法)")

    format = models.CharField(_("format"), max_length=10, choices=ExportFormat.choices)
    method = models.CharField(_("method for goods"), max_length=10, choices=Method.choices, default=Method.PERPETUAL)
    has_closing = models.BooleanField(_("with stock at closing"), default=False)
    first_date = models.DateField(_("from"))
    last_date = models.DateField(_("to"))
    scope = models.CharField(_("scope"), max_length=10, choices=Scope.choices)
    entry_count = models.PositiveIntegerField(_("entries"))
    sha256 = models.CharField(_("SHA-256 of the file"), max_length=64)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        constraints = [
            models.CheckConstraint(
                condition=Q(last_date__gte=F("first_date")),
                name="export_ends_after_it_starts",
                violation_error_message=_("It ends before it starts."),
            ),
            models.CheckConstraint(
                condition=Q(has_closing=False) | Q(method="THREE_PART", scope="ALL"),
                name="stock_at_closing_needs_a_whole_three_part_export",
                violation_error_message=_("Stock at closing goes with all entries of the dates, in 三分法."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_format_display()} {written_day(self.first_date)} – {written_day(self.last_date)}"


class ExportedEntry(models.Model):
    """That an entry was part of an export."""

    run = models.ForeignKey(ExportRun, verbose_name=_("export"), on_delete=models.PROTECT, related_name="entries")
    entry = models.ForeignKey(JournalEntry, verbose_name=_("entry"), on_delete=models.PROTECT, related_name="exports")

    class Meta:
        verbose_name = _("exported entry")
        verbose_name_plural = _("exported entries")
        constraints = [models.UniqueConstraint(fields=["run", "entry"], name="one_exported_entry_per_run")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.entry_id}"
