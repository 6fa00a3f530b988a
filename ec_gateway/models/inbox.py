"""What came in from EC sites, and how far each message got; and what is known of every order, so that old news never overwrites new.

The rows are the queue: a Celery message only wakes a worker up. An event is unique per site, whichever way it came and however often.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ec_gateway.models.sites import EcSite


class InboundEvent(models.Model):
    """One message of one site, kept as it came (``raw``) and as it was understood (``document``), with what became of it.

    ``next_attempt_at`` counts while the state is RECEIVED: empty means now. ``open_attempts`` began and have not ended: somebody is at it, or the
    process died of it. Nothing but ``ec_gateway.inbox`` writes here.
    """

    class Kind(models.TextChoices):
        ORDER = "ORDER", _("Order")
        CANCEL = "CANCEL", _("Cancellation")
        PAYMENT = "PAYMENT", _("Payment event")
        RETURN = "RETURN", _("Return")
        STOCK_ECHO = "STOCK_ECHO", _("Stock shown by the site")
        HINT = "HINT", _("Hint to poll")

    class Source(models.TextChoices):
        WEBHOOK = "WEBHOOK", _("Webhook")
        POLL = "POLL", _("Polling")
        REPLAY = "REPLAY", _("Fetched by hand")

    class State(models.TextChoices):
        RECEIVED = "RECEIVED", _("Waiting")
        DONE = "DONE", _("Done")
        UNCHANGED = "UNCHANGED", _("Known already, nothing changed")
        STALE = "STALE", _("Older than what is known")
        PARKED = "PARKED", _("Parked until its order comes")
        REFUSED = "REFUSED", _("Refused")
        FAILED = "FAILED", _("Failed")

    site = models.ForeignKey(EcSite, verbose_name=_("EC site"), on_delete=models.PROTECT, related_name="events")
    event_id = models.CharField(_("event id"), max_length=200)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    external_id = models.CharField(_("external id"), max_length=100, blank=True)
    source = models.CharField(_("came by"), max_length=10, choices=Source.choices)
    changed_at = models.DateTimeField(_("changed on the site at"), null=True, blank=True)
    document = models.JSONField(_("as understood"), default=dict)
    raw = models.TextField(_("as it came"), blank=True)
    received_at = models.DateTimeField(_("received at"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RECEIVED)
    attempts = models.PositiveIntegerField(_("failed attempts"), default=0)
    open_attempts = models.PositiveIntegerField(_("attempts without an end"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    error = models.TextField(_("why not"), blank=True)
    result = models.CharField(_("result"), max_length=200, blank=True)
    processed_at = models.DateTimeField(_("processed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("received event")
        verbose_name_plural = _("inbox")
        constraints = [models.UniqueConstraint(fields=["site", "event_id"], name="one_event_per_site_and_id")]
        indexes = [
            models.Index(fields=["site", "id"], condition=Q(state="RECEIVED"), name="inbox_waiting"),
            models.Index(fields=["site", "external_id", "id"], name="inbox_by_order"),
            models.Index(
                fields=["state", "id"], condition=~Q(state__in=["DONE", "UNCHANGED"]), name="inbox_unfinished"
            ),
            models.Index(fields=["site", "received_at"], condition=Q(source="POLL"), name="inbox_polled"),
            # The list finds what is rare by these.
            models.Index(fields=["kind", "id"], condition=~Q(kind="ORDER"), name="inbox_beside_orders"),
            models.Index(fields=["id"], condition=Q(source="REPLAY"), name="inbox_replayed"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_kind_display()} {self.external_id}"


class OrderSeen(models.Model):
    """The newest news of an order that was applied: same content is no amendment, and what changed earlier comes too late.

    ``content`` is the hash of the order without its revision, ``revision`` that of the recorded order after this content was applied: when the
    order has moved on by another way since, the same content is news again.
    """

    site = models.ForeignKey(EcSite, verbose_name=_("EC site"), on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(_("external id"), max_length=100)
    content = models.CharField(_("content"), max_length=64)
    revision = models.PositiveIntegerField(_("revision"))
    changed_at = models.DateTimeField(_("changed on the site at"), null=True)

    class Meta:
        verbose_name = _("order as last seen")
        verbose_name_plural = _("orders as last seen")
        constraints = [models.UniqueConstraint(fields=["site", "external_id"], name="one_order_seen_per_site")]

    def __str__(self) -> str:
        return f"{self.pk} {self.external_id}"
