"""What the kernel keeps: messages as they came, tasks, the audit trail, numbers, and what its jobs did."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core import words
from erp.core.fields import CurrentXid, Xid8Field
from erp.core.folding import Pairs
from erp.core.models.masters import Channel


class MessageLog(models.Model):
    """A raw message, in or out, as it came over the wire. Stored in the transaction of its effect, so it can be replayed."""

    class Direction(models.TextChoices):
        IN = "IN", _("Received")
        OUT = "OUT", _("Sent")

    class Outcome(models.TextChoices):
        DONE = "DONE", _("Done")
        REPLAYED = "REPLAYED", _("Repeated, nothing changed")
        PARKED = "PARKED", _("Parked until its order comes")
        STALE = "STALE", _("Older than what is known")
        TASK = "TASK", _("Left to staff")
        REFUSED = "REFUSED", _("Refused")
        FAILED = "FAILED", _("Failed")

    direction = models.CharField(_("direction"), max_length=3, choices=Direction.choices)
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=40)
    external_id = models.CharField(_("external id"), max_length=100, blank=True)
    revision = models.PositiveIntegerField(_("revision"), default=1)
    body = models.JSONField(_("body"))
    fingerprint = models.CharField(_("fingerprint"), max_length=64, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    detail = models.TextField(_("detail"), blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("message log")
        indexes = [
            models.Index(fields=["external_id", "channel"], name="message_by_external_id"),
            models.Index(fields=["channel", "-id"], name="message_by_channel"),
            models.Index(fields=["outcome", "id"], condition=~Q(outcome="DONE"), name="message_not_done"),
            models.Index(fields=["recorded_at"], condition=Q(direction="OUT"), name="message_sent_at"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {words.told('core.messagelog.kind', self.kind)} {self.external_id}"


class StaffTask(models.Model):
    """Something a person has to look at: an exception on one document. It never stops the company."""

    kind = models.CharField(_("kind"), max_length=40)
    subject_type = models.CharField(_("subject type"), max_length=20)
    subject_id = models.BigIntegerField(_("subject id"))
    subject_label = models.CharField(_("subject"), max_length=100, blank=True)
    detail = models.TextField(_("detail"))
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.CharField(_("opened by"), max_length=100)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=100, blank=True)
    resolution = models.TextField(_("resolution"), blank=True)

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_type", "subject_id"],
                condition=Q(closed_at__isnull=True),
                name="one_open_task_per_kind_and_subject",
            )
        ]
        indexes = [
            GinIndex(Pairs("subject_label"), name="task_by_subject_label"),
            models.Index(fields=["kind", "id"], name="task_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {words.told('core.stafftask.kind', self.kind)} {self.subject_label}"


class AuditRow(models.Model):
    """What a trigger saw happen to a row of an audited table, whoever did it: service, bulk write or plain SQL."""

    class Action(models.TextChoices):
        INSERT = "INSERT", _("Created")
        UPDATE = "UPDATE", _("Changed")
        DELETE = "DELETE", _("Deleted")
        TRUNCATE = "TRUNCATE", _("Emptied")

    table_name = models.CharField(_("table"), max_length=63)
    row_id = models.CharField(_("row"), max_length=64)
    action = models.CharField(_("action"), max_length=8, choices=Action.choices)
    before = models.JSONField(_("before"), null=True)
    after = models.JSONField(_("after"), null=True)
    actor = models.CharField(_("actor"), max_length=100)
    source = models.CharField(_("source"), max_length=200)
    recorded_at = models.DateTimeField(_("recorded at"))
    xid = Xid8Field(db_default=CurrentXid())

    class Meta:
        verbose_name = _("audit row")
        verbose_name_plural = _("audit trail")
        indexes = [
            models.Index(fields=["table_name", "row_id", "id"], name="audit_by_row"),
            models.Index(fields=["actor", "id"], name="audit_by_actor"),
            models.Index(
                fields=["action", "id"], condition=Q(action__in=["DELETE", "TRUNCATE"]), name="audit_of_losses"
            ),
            models.Index(fields=["recorded_at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.table_name} {self.row_id}"


class GaplessCounter(models.Model):
    """A number series that may have no holes. Locked last in a transaction; see ``erp.core.numbering``."""

    series = models.CharField(_("series"), max_length=40, primary_key=True)
    last_number = models.PositiveBigIntegerField(_("last number"), default=0)

    class Meta:
        verbose_name = _("gapless counter")
        verbose_name_plural = _("gapless counters")

    def __str__(self) -> str:
        return f"{self.series} {self.last_number}"


class VerifyRun(models.Model):
    """What one run of ``manage.py verify`` found, for the health page and the nightly job."""

    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"))
    rows_checked = models.JSONField(_("rows checked"))
    faults = models.JSONField(_("faults"))

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")

    def __str__(self) -> str:
        return f"{self.pk}"


class BackupRun(models.Model):
    """One backup, restore or drill (復元訓練): what it did and how it ended.

    Whoever runs holds the lease of its row (``backup_runs.lease_of``). A row that runs and whose lease nobody holds was killed: broken off.
    The run of a backup lies in that backup as running; the restore ends it, so that a restored house knows its last backup. The row of a
    restore comes with what it restored, as not settled: the tables are those of the backup, and nobody verified them yet.
    """

    class Kind(models.TextChoices):
        BACKUP = "BACKUP", _("Backup")
        DRILL = "DRILL", _("Restore drill")
        RESTORE = "RESTORE", _("Restore")

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Finished")
        FAILED = "FAILED", _("Failed")
        UNSETTLED = "UNSETTLED", _("Restored, not settled yet")
        BROKEN_OFF = "BROKEN_OFF", _("Broken off")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    file = models.CharField(_("file"), max_length=500)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    file_bytes = models.BigIntegerField(_("size of the file"), null=True, blank=True)
    row_count = models.BigIntegerField(_("rows"), null=True, blank=True)
    faults = models.JSONField(_("faults"), default=list, blank=True)
    detail = models.TextField(_("detail"), blank=True)
    actor = models.CharField(_("actor"), max_length=100)
    leaves = models.CharField(_("leaves when killed"), max_length=600, blank=True, db_default="")

    class Meta:
        verbose_name = _("backup or restore")
        verbose_name_plural = _("backups and restores")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["RUNNING", "UNSETTLED"]) | Q(finished_at__isnull=False),
                name="a_backup_run_that_ended_says_when",
            )
        ]
        indexes = [models.Index(fields=["kind", "-started_at"], name="backup_run_by_kind")]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_kind_display()}"


class JobRun(models.Model):
    """One slot of a periodic job. The unique key lets a doubled beat run it once. ``error`` is why it ended without being finished."""

    job = models.CharField(_("job"), max_length=60)
    slot = models.DateTimeField(_("slot"))
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    detail = models.TextField(_("detail"), blank=True)
    error = models.TextField(_("error"), blank=True, db_default="")

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        constraints = [models.UniqueConstraint(fields=["job", "slot"], name="one_run_per_job_and_slot")]
        indexes = [models.Index(fields=["-id"], condition=~Q(error=""), name="job_run_with_error")]

    def __str__(self) -> str:
        return f"{self.pk} {words.told('job', self.job)}"
