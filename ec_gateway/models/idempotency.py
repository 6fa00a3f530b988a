"""Answers that are given again to a client that sends a request again under its ``Idempotency-Key``."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from ec_gateway.models.sites import EcSite


class IdempotencyRecord(models.Model):
    """One request under one key, inserted in the transaction of its effect. ``status`` is empty while work in several transactions lasts."""

    site = models.ForeignKey(EcSite, verbose_name=_("EC site"), on_delete=models.PROTECT, related_name="+")
    key = models.CharField(_("key"), max_length=100)
    request = models.CharField(_("request"), max_length=300)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    body = models.TextField(_("answer"), blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        constraints = [models.UniqueConstraint(fields=["site", "key"], name="one_answer_per_site_and_key")]
        indexes = [models.Index(fields=["created_at"], name="answered_request_by_age")]

    def __str__(self) -> str:
        return f"{self.pk} {self.key}"
