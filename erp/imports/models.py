"""Runs of imports, with the file as it came, and what was found and done row by row. A run is a document: it stays."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class ImportRun(models.Model):
    """One file: uploaded, mapped, checked, executed, undone. A worker does what its state says, in chunks, under a claim that runs out."""

    class State(models.TextChoices):
        MAPPING = "MAPPING", _("Columns to be named")
        CHECKING = "CHECKING", _("Being checked")
        CHECKED = "CHECKED", _("Checked, not executed")
        APPLYING = "APPLYING", _("Being executed")
        STOPPED = "STOPPED", _("Stopped halfway")
        APPLIED = "APPLIED", _("Executed")
        UNDOING = "UNDOING", _("Being undone")
        UNDONE = "UNDONE", _("Undone")
        FAILED = "FAILED", _("Broken off by a fault")

    class Format(models.TextChoices):
        CSV = "CSV", "CSV"
        XLSX = "XLSX", "Excel"

    class Blanks(models.TextChoices):
        KEEP = "KEEP", _("leave what is there")
        CLEAR = "CLEAR", _("empty the field")

    kind = models.CharField(_("kind"), max_length=40)
    file_name = models.CharField(_("file"), max_length=200)
    file_bytes = models.PositiveIntegerField(_("size of the file"))
    content = models.BinaryField(_("content"), editable=False)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    format = models.CharField(_("format"), max_length=4, choices=Format.choices)
    encoding = models.CharField(_("encoding"), max_length=20, blank=True)
    headings = models.JSONField(_("headings"), default=list)
    mapping = models.JSONField(_("columns"), default=list)
    blanks = models.CharField(_("empty cells"), max_length=5, choices=Blanks.choices, default=Blanks.KEEP)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.MAPPING)
    # What was under way when it was stopped or broke off.
    broken_off_in = models.CharField(_("broken off in"), max_length=10, choices=State.choices, blank=True)
    error = models.TextField(_("error"), blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="+"
    )
    actor = models.CharField(_("actor"), max_length=100)
    undone_by = models.CharField(_("undone by"), max_length=100, blank=True)
    uploaded_at = models.DateTimeField(_("uploaded at"))
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)
    row_count = models.PositiveIntegerField(_("rows"), default=0)
    # Of the rows, or of the rows to be written, how many the present stage is done with.
    done_count = models.PositiveIntegerField(_("done"), default=0)
    todo_count = models.PositiveIntegerField(_("to do"), default=0)
    new_count = models.PositiveIntegerField(_("new"), default=0)
    changed_count = models.PositiveIntegerField(_("changed"), default=0)
    unchanged_count = models.PositiveIntegerField(_("unchanged"), default=0)
    refused_count = models.PositiveIntegerField(_("refused"), default=0)
    applied_count = models.PositiveIntegerField(_("written"), default=0)
    undone_count = models.PositiveIntegerField(_("undone rows"), default=0)
    kept_count = models.PositiveIntegerField(_("left alone when undone"), default=0)
    # Whoever works on the run, until when nobody else does.
    holder = models.CharField(_("holder"), max_length=40, blank=True)
    claimed_until = models.DateTimeField(_("claimed until"), null=True, blank=True)

    class Meta:
        verbose_name = _("import of masters")
        verbose_name_plural = _("imports of masters")
        constraints = [
            models.CheckConstraint(
                condition=Q(done_count__lte=F("todo_count")),
                name="an_import_does_not_more_than_there_is",
                violation_error_message=_("An import does no more rows than there are."),
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["STOPPED", "FAILED"]) | ~Q(broken_off_in=""),
                name="a_broken_off_import_says_in_what",
                violation_error_message=_("An import that was broken off says in what."),
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(state__in=["CHECKING", "APPLYING", "UNDOING"]), name="import_run_to_work_on"
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.file_name}"


class ImportRow(models.Model):
    """A row of a file: its cells as they came, what an import of it changes or why it is refused, and what was written.

    ``before`` and ``after`` are the whole row of the master around the write, for undoing it exactly.
    """

    class Outcome(models.TextChoices):
        NEW = "NEW", pgettext_lazy("row of a file", "New")
        CHANGED = "CHANGED", _("Changed")
        UNCHANGED = "UNCHANGED", _("Unchanged")
        REFUSED = "REFUSED", pgettext_lazy("row of a file", "Refused")

    class Undo(models.TextChoices):
        RESTORED = "RESTORED", _("Restored")
        REMOVED = "REMOVED", _("Removed")
        KEPT = "KEPT", _("Left alone")

    run = models.ForeignKey(
        ImportRun, verbose_name=_("import"), on_delete=models.CASCADE, related_name="rows", db_index=False
    )
    number = models.PositiveIntegerField(_("row"))
    label = models.CharField(_("key"), max_length=200, blank=True)
    outcome = models.CharField(_("result"), max_length=10, choices=Outcome.choices)
    cells = models.JSONField(_("cells"))
    changes = models.JSONField(_("changes"), default=dict)
    problems = models.JSONField(_("problems"), default=list)
    target_id = models.BigIntegerField(_("target"), null=True, blank=True)
    is_applied = models.BooleanField(_("written"), default=False)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    undo = models.CharField(_("undone"), max_length=10, choices=Undo.choices, blank=True)
    undo_detail = models.TextField(_("why it was left alone"), blank=True)

    class Meta:
        verbose_name = _("row of an import")
        verbose_name_plural = _("rows of imports")
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_row_per_import_and_number")]
        indexes = [models.Index(fields=["run", "outcome", "number"], name="import_rows_by_outcome")]

    def __str__(self) -> str:
        return f"{self.pk}"


class ColumnMapping(models.Model):
    """How a user named the columns of a kind of file the last time: plain heading → field, or nothing for a column that is left out."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+"
    )
    kind = models.CharField(_("kind"), max_length=40)
    columns = models.JSONField(_("columns"), default=dict)

    class Meta:
        verbose_name = _("remembered columns")
        verbose_name_plural = _("remembered columns")
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="one_mapping_per_user_and_kind")]

    def __str__(self) -> str:
        return f"{self.pk}"
