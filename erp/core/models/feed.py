"""The change feed: that something changed, in which life of the database."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from erp.core import words
from erp.core.fields import CurrentXid, Xid8Field


class FeedEpoch(models.Model):
    """The current life of this database. A restore starts a new one, so that old cursors are refused instead of missing rows."""

    started_at = models.DateTimeField(_("started at"))
    reason = models.CharField(_("reason"), max_length=100)

    class Meta:
        verbose_name = _("feed epoch")
        verbose_name_plural = _("feed epochs")

    def __str__(self) -> str:
        return f"{self.pk} {words.told('core.feedepoch.reason', self.reason)}"


class FeedCut(models.Model):
    """Old change rows were given up: whoever has not read beyond ``xid`` of this epoch may have missed some and reads the full list."""

    epoch = models.BigIntegerField(_("epoch"))
    xid = Xid8Field(_("transaction"))
    cut_at = models.DateTimeField(_("cut at"))

    class Meta:
        verbose_name = _("feed cut")
        verbose_name_plural = _("feed cuts")

    def __str__(self) -> str:
        return f"{self.epoch}.{self.xid}"


class ChangeRow(models.Model):
    """One line of the change feed: *that* a key changed, written in the transaction of the fact. See ``erp.core.changes``.

    The table is partitioned by month of ``recorded_at``; its real primary key is (recorded_at, id).
    """

    id = models.BigAutoField(primary_key=True)
    epoch = models.BigIntegerField()
    xid = Xid8Field(db_default=CurrentXid())
    topic = models.CharField(_("topic"), max_length=20)
    key = models.CharField(_("key"), max_length=100)
    audience = models.CharField(_("audience"), max_length=30, default="")
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        managed = False
        db_table = "core_changerow"
        verbose_name = _("change row")
        verbose_name_plural = _("change rows")

    def __str__(self) -> str:
        return f"{self.pk} {self.topic} {self.key}"
