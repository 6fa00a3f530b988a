"""Filters that staff keep for the lists they work with."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SavedFilter(models.Model):
    """What a list is asked for, under a name: one user's own, or of everybody who has a role (よく使う条件).

    ``page`` is the model of the list. ``order`` names columns, for their places on the list differ from user to user and from version to version.
    """

    page = models.CharField(_("list"), max_length=100)
    name = models.CharField(_("name"), max_length=40)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("owner"), on_delete=models.CASCADE, related_name="+"
    )
    role = models.ForeignKey(
        "auth.Group", verbose_name=_("shared with"), null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    parameters = models.JSONField(_("conditions"), help_text=_("Pairs of parameter and value, as in the address."))
    order = models.JSONField(_("sorted by"), default=list)

    class Meta:
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        constraints = [
            models.UniqueConstraint(fields=["owner", "page", "name"], name="one_filter_per_owner_list_and_name")
        ]
        indexes = [models.Index(fields=["page", "role"], name="filter_by_list")]

    def __str__(self) -> str:
        return f"{self.pk} {self.name}"


class DefaultFilter(models.Model):
    """The filter with which one user opens one list."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+", db_index=False
    )
    page = models.CharField(_("list"), max_length=100)
    filter = models.ForeignKey(
        SavedFilter, verbose_name=_("saved filter"), on_delete=models.CASCADE, related_name="defaults"
    )

    class Meta:
        verbose_name = _("default filter")
        verbose_name_plural = _("default filters")
        constraints = [models.UniqueConstraint(fields=["user", "page"], name="one_default_filter_per_user_and_list")]

    def __str__(self) -> str:
        return f"{self.pk}"
