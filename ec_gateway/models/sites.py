"""EC sites, their keys, what they list, and where each of our activities towards them stands.

Masters (``EcSite``, ``ApiKey``, ``Listing``) are audited; what changes every second (``SiteState``, ``SiteActivity``) is kept apart from them.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import AbstractAPIKey, BaseAPIKeyManager

from erp.core.folding import Folded
from erp.core.models import Channel


class SiteManager(models.Manager["EcSite"]):
    """A site comes with its channel: that is what it is called."""

    def get_queryset(self) -> models.QuerySet[EcSite]:
        return super().get_queryset().select_related("channel")


class EcSite(models.Model):
    """The technical side of one sales channel: which platform it runs on and how to reach it.

    Without a ``platform`` the site only calls our REST API and is never called (a till, a wholesale portal of our own).
    """

    channel = models.OneToOneField(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="ec_site"
    )
    platform = models.CharField(
        _("platform"), max_length=30, blank=True, help_text=_("Empty: the site only calls our API.")
    )
    base_url = models.URLField(_("URL to connect to"), blank=True)
    settings = models.JSONField(_("platform settings"), default=dict, blank=True)
    # Encrypted JSON: signing secrets and tokens. Written and read by ``ec_gateway.credentials`` only, never shown.
    sealed_credentials = models.BinaryField(_("credentials"), default=b"", editable=False)
    credentials_expire_on = models.DateField(_("credentials expire on"), null=True, blank=True)
    is_publishing = models.BooleanField(_("stock and shipments are pushed"), default=True)
    is_polling = models.BooleanField(_("orders are polled"), default=True)

    objects = SiteManager()

    class Meta:
        verbose_name = _("EC site")
        verbose_name_plural = _("EC sites")
        base_manager_name = "objects"

    def __str__(self) -> str:
        channel = self._state.fields_cache.get("channel")
        return f"{self.pk} {self.platform or 'API'}" if channel is None else str(channel)


class KeyManager(BaseAPIKeyManager):
    """Makes keys whose row has a number of its own: the library's would carry the hash into addresses and logs."""

    def assign_key(self, obj: AbstractAPIKey) -> str:
        key, obj.prefix, obj.hashed_key = self.key_generator.generate()
        return key


class ApiKey(AbstractAPIKey):
    """A key of one EC site, stored hashed. Several may be valid at once, so that a key is rotated without a pause."""

    id = models.BigAutoField(primary_key=True)  # type: ignore[assignment] # a text in the library
    prefix = models.CharField(_("prefix"), max_length=8, unique=True, editable=False)
    name = models.CharField(
        _("name"), max_length=50, help_text=_("What staff call it. Keys that replace each other have the same name.")
    )
    created = models.DateTimeField(_("created at"), auto_now_add=True, db_index=True)
    revoked = models.BooleanField(_("revoked"), default=False, editable=False)
    expiry_date = models.DateTimeField(
        _("valid until"), null=True, blank=True, help_text=_("Empty: until it is replaced or revoked.")
    )

    class Scope(models.TextChoices):
        STOCK_READ = "stock:read", _("Read stock")
        HOLDS_WRITE = "holds:write", _("Place and release holds")
        ORDERS_READ = "orders:read", _("Read orders")
        ORDERS_WRITE = "orders:write", _("Send orders")
        PRODUCTS_READ = "products:read", _("Read products and prices")
        COST_READ = "cost:read", _("Read cost")
        CUSTOMERS_READ = "customers:read", _("Read customers")
        CUSTOMERS_WRITE = "customers:write", _("Send customers")
        CREDIT_READ = "credit:read", _("Read credit")

    site = models.ForeignKey(EcSite, verbose_name=_("EC site"), on_delete=models.PROTECT, related_name="api_keys")
    scopes = ArrayField(
        models.CharField(max_length=30, choices=Scope.choices), verbose_name=_("scopes"), default=list, blank=True
    )
    requests_per_minute = models.PositiveIntegerField(_("requests per minute"), default=6000)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)

    objects: ClassVar[KeyManager] = KeyManager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")


class Listing(models.Model):
    """One SKU on one site, under the site's own code. Only what is listed is pushed and compared."""

    site = models.ForeignKey(EcSite, verbose_name=_("EC site"), on_delete=models.PROTECT, related_name="listings")
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    external_code = models.CharField(_("code on the site"), max_length=100)
    # What the platform needs beside the code, such as Shopify's inventory item.
    external_ref = models.JSONField(_("platform's own numbers"), default=dict, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("listing")
        verbose_name_plural = _("listings")
        indexes = [
            models.Index(Folded("external_code"), name="listing_by_code"),
            models.Index(fields=["site", "external_code"], condition=Q(is_active=False), name="listing_that_rests"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "sku"],
                name="one_listing_per_site_and_sku",
                violation_error_message=_("This SKU is listed on this site already."),
            ),
            models.UniqueConstraint(
                fields=["site", "external_code"],
                name="one_listing_per_site_and_code",
                violation_error_message=_("This code is used on this site already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.external_code}"


# Why we do not talk to a site: somebody paused it, it does not answer, or its set-up cannot be used.
NOT_TALKED_TO = Q(is_paused_by_staff=True) | Q(open_until__isnull=False) | ~Q(setup_error="")


class SiteState(models.Model):
    """Whether we talk to a site now: the circuit breaker (連携一時停止) and the rate budget, shared by all activities.

    ``open_until`` in the future: nothing is sent until then, after which one call may try. ``tokens`` is what is left of the budget
    at ``tokens_at``. ``silent_since`` is when we stopped talking to it, for whatever of these reasons: paused, by staff or by failures, or a set-up
    that cannot be used; further failures and reasons do not move it.
    """

    site = models.OneToOneField(
        EcSite, verbose_name=_("EC site"), primary_key=True, on_delete=models.CASCADE, related_name="state"
    )
    failures_in_row = models.PositiveIntegerField(_("failures in a row"), default=0)
    open_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    is_paused_by_staff = models.BooleanField(_("paused by staff"), default=False)
    silent_since = models.DateTimeField(_("not talked to since"), null=True, blank=True)
    last_error = models.TextField(_("last error"), blank=True)
    last_error_at = models.DateTimeField(_("last error at"), null=True, blank=True)
    last_success_at = models.DateTimeField(_("last success at"), null=True, blank=True)
    tokens = models.FloatField(_("rate budget left"), default=0)
    tokens_at = models.DateTimeField(_("rate budget as of"), null=True, blank=True)
    webhook_seen_at = models.DateTimeField(_("last webhook at"), null=True, blank=True)
    webhooks_asked_at = models.DateTimeField(_("asked about webhooks at"), null=True, blank=True)
    webhooks_off_since = models.DateTimeField(_("webhooks switched off since"), null=True, blank=True)
    setup_error = models.TextField(_("why the set-up cannot be used"), blank=True)

    class Meta:
        verbose_name = _("state of an EC site")
        verbose_name_plural = _("states of EC sites")
        constraints = [
            # A float also knows infinity and NaN, and with NaN no call would ever be let through or held back again.
            models.CheckConstraint(condition=Q(tokens__gt=-1e12, tokens__lt=1e12), name="rate_budget_is_a_number"),
            models.CheckConstraint(
                condition=Q(silent_since__isnull=True) & ~NOT_TALKED_TO | Q(silent_since__isnull=False) & NOT_TALKED_TO,
                name="silent_site_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Activity(models.TextChoices):
    PUBLISH = "PUBLISH", _("Push stock and shipments")
    POLL = "POLL", _("Poll orders")
    INBOX = "INBOX", _("Work off the inbox")
    RECONCILE = "RECONCILE", _("Reconcile")


class SiteActivity(models.Model):
    """Where one activity towards a site stands: who does it now (a lease with heartbeat, never a flag), and its cursor.

    ``wakes`` counts the wake-ups so far; whoever gives the lease back compares it with what it saw, so that no wake-up is lost.
    ``failures_in_row`` are runs that did not do their work, whatever the reason; one that went well begins anew.
    """

    site = models.ForeignKey(EcSite, verbose_name=_("EC site"), on_delete=models.CASCADE, related_name="activities")
    activity = models.CharField(_("activity"), max_length=10, choices=Activity.choices)
    cursor = models.CharField(_("cursor"), max_length=200, blank=True)
    lease_holder = models.CharField(_("lease holder"), max_length=100, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    wakes = models.PositiveBigIntegerField(_("wake-ups"), default=0)
    finished_at = models.DateTimeField(_("last finished at"), null=True, blank=True)
    detail = models.TextField(_("detail"), blank=True)
    failures_in_row = models.PositiveIntegerField(_("failures in a row"), default=0)
    last_error = models.TextField(_("last error"), blank=True)
    last_error_at = models.DateTimeField(_("last error at"), null=True, blank=True)

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        constraints = [
            models.UniqueConstraint(fields=["site", "activity"], name="one_row_per_site_and_activity"),
            models.CheckConstraint(
                condition=Q(lease_holder="") | Q(lease_until__isnull=False), name="a_lease_has_an_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_activity_display()}"
