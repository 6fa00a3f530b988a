"""What a comparison with a site's own numbers found: one run, and one row per difference with its cause, evidence and repair."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ec_gateway.models.sites import EcSite
from erp.core.clock import written_moment


class ReconciliationRun(models.Model):
    """One comparison with one site. Its rows count only when it is DONE; one that broke off counts for nothing."""

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Finished")
        BROKEN_OFF = "BROKEN_OFF", _("Broken off")

    site = models.ForeignKey(
        EcSite, verbose_name=_("EC site"), on_delete=models.PROTECT, related_name="reconciliations"
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    is_dry_run = models.BooleanField(_("without repair"), default=False)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    orders_since = models.DateTimeField(_("orders since"))
    listings_compared = models.PositiveIntegerField(_("listings compared"), default=0)
    orders_compared = models.PositiveIntegerField(_("orders compared"), default=0)
    stock_rows = models.PositiveIntegerField(_("stock differences"), default=0)
    order_rows = models.PositiveIntegerField(_("order differences"), default=0)
    error = models.TextField(_("why it broke off"), blank=True)
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        constraints = [
            models.UniqueConstraint(
                fields=["site"], condition=Q(state="RUNNING"), name="one_running_reconciliation_per_site"
            ),
            models.CheckConstraint(
                condition=Q(state="RUNNING") | Q(finished_at__isnull=False),
                name="a_reconciliation_that_ended_says_when",
            ),
        ]
        indexes = [models.Index(fields=["site", "-id"], name="reconciliation_latest")]

    def __str__(self) -> str:
        return f"{self.pk} {written_moment(self.started_at)}"


class ReconciliationRow(models.Model):
    """One difference. ``ours`` is what we allow with its ``terms``, ``theirs`` what the site shows, ``told`` what it acknowledged last."""

    class Kind(models.TextChoices):
        STOCK = "STOCK", _("Stock")
        ORDER = "ORDER", _("Order")

    class Cause(models.TextChoices):
        TIMING_ONLY = "TIMING_ONLY", _("Only a matter of moments")
        UNSENT_PUSH = "UNSENT_PUSH", _("Not sent yet")
        PUSH_FAILED = "PUSH_FAILED", _("Sending failed")
        PUBLISHING_OFF = "PUBLISHING_OFF", _("Sending is switched off")
        ORDER_NOT_IMPORTED = "ORDER_NOT_IMPORTED", _("An order of the site has not come in")
        SHOP_SIDE_EDIT = "SHOP_SIDE_EDIT", _("Changed on the site")
        WRITTEN_BY_OLDER_PUSH = "WRITTEN_BY_OLDER_PUSH", _("Shows an older figure of ours")
        KIT_MISMATCH = "KIT_MISMATCH", _("Kit not sent after its components changed")
        CHANGE_NOT_MARKED = "CHANGE_NOT_MARKED", _("Our change was not sent")
        NOT_LISTED_HERE = "NOT_LISTED_HERE", _("The site lists what we do not")
        NOT_LISTED_THERE = "NOT_LISTED_THERE", _("We list what the site does not")
        THERE_NOT_HERE = "THERE_NOT_HERE", _("Order there and not here")
        WAITS_IN_INBOX = "WAITS_IN_INBOX", _("Order waits in the inbox")
        HERE_NOT_THERE = "HERE_NOT_THERE", _("Order here and not there")
        CANCELLED_THERE = "CANCELLED_THERE", _("Cancelled there and not here")
        TOTAL_DIFFERS = "TOTAL_DIFFERS", _("Totals differ")
        UNREADABLE_THERE = "UNREADABLE_THERE", _("The site's entry cannot be read")

    class Repair(models.TextChoices):
        NONE = "NONE", _("None")
        PUSH_AGAIN = "PUSH_AGAIN", _("Pushed again")
        FETCHED = "FETCHED", _("Fetched into the inbox")
        TASK = "TASK", _("Left to staff")

    run = models.ForeignKey(
        ReconciliationRun, verbose_name=_("reconciliation"), on_delete=models.CASCADE, related_name="rows"
    )
    kind = models.CharField(_("kind"), max_length=5, choices=Kind.choices)
    cause = models.CharField(_("cause"), max_length=25, choices=Cause.choices)
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    external_code = models.CharField(_("code on the site"), max_length=100, blank=True)
    external_id = models.CharField(_("external id of the order"), max_length=100, blank=True)
    ours = models.BigIntegerField(_("ours"), null=True, blank=True)
    theirs = models.BigIntegerField(_("shown by the site"), null=True, blank=True)
    told = models.BigIntegerField(_("acknowledged last"), null=True, blank=True)
    terms = models.JSONField(_("terms of our figure"), default=list, blank=True)
    evidence = models.JSONField(_("evidence"), default=dict, blank=True)
    repair = models.CharField(_("repair"), max_length=10, choices=Repair.choices, default=Repair.NONE)
    repaired_at = models.DateTimeField(_("repair begun at"), null=True, blank=True)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        constraints = [
            models.CheckConstraint(condition=Q(repair="NONE") | Q(repaired_at__isnull=False), name="a_repair_says_when")
        ]
        indexes = [
            models.Index(fields=["run", "kind", "cause"], name="difference_by_cause"),
            models.Index(fields=["kind", "-id"], name="difference_by_kind"),
            models.Index(fields=["repair", "-id"], name="difference_by_repair"),
            models.Index(fields=["external_code"], condition=~Q(external_code=""), name="difference_by_code"),
            models.Index(fields=["external_id"], condition=~Q(external_id=""), name="difference_by_external_id"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_cause_display()}"
