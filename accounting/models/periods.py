"""Months of the books, what closed ones moved, and the seals over what was written."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounting.models.chart import LedgerAccount
from erp.core.clock import written_day
from erp.core.fields import FiniteDecimalField, days
from erp.core.models import Channel, Department


class Period(models.Model):
    """A month of the books. A closed one refuses entries; reopening is a privileged act and audited."""

    class State(models.TextChoices):
        OPEN = "OPEN", pgettext_lazy("accounting period", "Open")
        CLOSED = "CLOSED", _("Closed")

    starts_on = models.DateField(_("starts on"), unique=True)
    ends_on = models.DateField(_("ends on"), unique=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.OPEN)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("accounting period")
        verbose_name_plural = _("accounting periods")
        permissions = [("reopen_period", "Can reopen a closed accounting period")]
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="period_ends_after_it_starts"),
            ExclusionConstraint(
                name="periods_do_not_overlap",
                expressions=[(days("starts_on", "ends_on"), RangeOperators.OVERLAPS)],
            ),
        ]

    def __str__(self) -> str:
        return f"{written_day(self.starts_on)} – {written_day(self.ends_on)}"


class PeriodTotal(models.Model):
    """What a closed period moved, per account and dimension: ledgers read these plus the postings of open periods."""

    period = models.ForeignKey(Period, verbose_name=_("period"), on_delete=models.CASCADE, related_name="totals")
    account = models.ForeignKey(
        LedgerAccount, verbose_name=_("ledger account"), on_delete=models.PROTECT, related_name="+"
    )
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    department = models.ForeignKey(
        Department, verbose_name=_("department"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    currency = models.CharField(_("currency"), max_length=3)
    debit = FiniteDecimalField(_("debit"), max_digits=18, decimal_places=2)
    credit = FiniteDecimalField(_("credit"), max_digits=18, decimal_places=2)

    class Meta:
        verbose_name = _("period total")
        verbose_name_plural = _("period totals")
        constraints = [
            models.UniqueConstraint(
                fields=["period", "account", "channel", "department", "currency"],
                name="one_total_per_period_and_dimension",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Seal(models.Model):
    """One link of the hash chain over the books: SHA-256 over the entries of a batch and the link before it.

    A batch is what the transactions of [from_xid, until_xid) wrote: below the feed horizon nothing can join it any more, whereas an entry
    with a smaller number may still commit later.
    """

    from_xid = models.BigIntegerField(_("from transaction"), unique=True)
    until_xid = models.BigIntegerField(_("until transaction"), unique=True)
    first_entry_id = models.BigIntegerField(_("first entry"))
    last_entry_id = models.BigIntegerField(_("last entry"))
    entry_count = models.PositiveIntegerField(_("entries"))
    previous_hash = models.CharField(_("previous hash"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)
    sealed_at = models.DateTimeField(_("sealed at"))

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")

    def __str__(self) -> str:
        return f"{self.pk}"
