"""Choosing a site in a form."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from ec_gateway.models import EcSite


def callable_sites() -> QuerySet[EcSite]:
    return EcSite.objects.select_related("channel").exclude(platform="").order_by("channel__code")


class SiteChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Sites that can be called, by the name of their channel."""

    def __init__(self, **options: Any) -> None:
        super().__init__(label=_("EC site"), queryset=callable_sites(), **options)

    def label_from_instance(self, site: Any) -> str:
        return str(site.channel)
