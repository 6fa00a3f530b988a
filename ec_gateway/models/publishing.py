"""How far the sites were told: one row per site and SKU with what it shows and what it should, one per shipment that it is to announce.

Written by ``ec_gateway.publishing`` and ``ec_gateway.services.pushes`` only. The rows are the queue: a row is due when ``due_at`` has come.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ec_gateway.models.sites import EcSite


class SitePush(models.Model):
    """One SKU on one site. ``dirty_since`` says that the site must be told; what it is told is asked of the stock at that moment.

    ``generation`` rises with every reason to tell it; a push clears what it saw and nothing newer. ``shown`` is what the site shows as far as
    we know (None: unknown). ``pending_…`` is the push that was sent last without an answer yet, repeated under the same version and key
    as long as its content is the same. ``recent`` are figures pushed lately, by which our own echo is known.
    """

    site = models.ForeignKey(
        EcSite, verbose_name=_("EC site"), on_delete=models.CASCADE, related_name="pushes", db_index=False
    )
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    generation = models.PositiveBigIntegerField(_("generation"), default=1)
    is_forced = models.BooleanField(_("even if unchanged"), default=False)
    dirty_since = models.DateTimeField(_("waiting since"), null=True, blank=True)
    due_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("failed attempts"), default=0)
    error = models.TextField(_("last error"), blank=True)
    shown = models.IntegerField(_("shown by the site"), null=True, blank=True)
    shown_at = models.DateTimeField(_("shown as of"), null=True, blank=True)
    version = models.PositiveBigIntegerField(_("version"), default=0)
    pending_key = models.CharField(_("idempotency key"), max_length=100, blank=True)
    pending_quantity = models.IntegerField(_("sent, not answered"), null=True, blank=True)
    pending_expected = models.IntegerField(_("expected figure"), null=True, blank=True)
    pending_orders_seen = models.CharField(_("orders seen"), max_length=200, blank=True)
    sent_at = models.DateTimeField(_("last sent at"), null=True, blank=True)
    recent = ArrayField(models.IntegerField(), verbose_name=_("pushed lately"), default=list, blank=True)
    edited_quantity = models.IntegerField(_("changed on the site to"), null=True, blank=True)
    edited_at = models.DateTimeField(_("changed on the site at"), null=True, blank=True)

    class Meta:
        verbose_name = _("stock push")
        verbose_name_plural = _("stock pushes")
        constraints = [
            models.UniqueConstraint(fields=["site", "sku"], name="one_push_per_site_and_sku"),
            models.CheckConstraint(
                condition=Q(dirty_since__isnull=True) | Q(due_at__isnull=False), name="what_waits_is_due_some_time"
            ),
        ]
        indexes = [
            models.Index(fields=["site", "due_at"], condition=Q(dirty_since__isnull=False), name="push_due"),
            models.Index(fields=["site", "id"], condition=~Q(error=""), name="push_with_error"),
            models.Index(fields=["id"], condition=~Q(error=""), name="push_with_error_of_any_site"),
            models.Index(fields=["site", "edited_at"], condition=Q(edited_at__isnull=False), name="push_edited"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class ShipmentNotice(models.Model):
    """A parcel that a site is to announce to its customer. ``due_at`` empty: nothing more is tried, see ``sent_at`` and ``error``.

    ``tracking``: the carrier and number that are to be told, or were; ``told_tracking_number``: the number that the site was told last.
    """

    site = models.ForeignKey(
        EcSite, verbose_name=_("EC site"), on_delete=models.CASCADE, related_name="shipment_notices", db_index=False
    )
    number = models.CharField(_("shipment number"), max_length=20)
    order_external_id = models.CharField(_("external id of the order"), max_length=100)
    tracking = models.CharField(_("carrier and tracking number"), max_length=100)
    told_tracking_number = models.CharField(_("tracking number the site has"), max_length=60, blank=True)
    created_at = models.DateTimeField(_("created at"))
    due_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("failed attempts"), default=0)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    error = models.TextField(_("last error"), blank=True)

    class Meta:
        verbose_name = _("shipment notice")
        verbose_name_plural = _("shipment notices")
        constraints = [models.UniqueConstraint(fields=["site", "number"], name="one_notice_per_site_and_shipment")]
        indexes = [
            models.Index(fields=["site", "due_at"], condition=Q(due_at__isnull=False), name="notice_due"),
            models.Index(fields=["site", "id"], condition=~Q(error=""), name="notice_with_error"),
            models.Index(fields=["order_external_id"], name="notice_by_order"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.number}"
