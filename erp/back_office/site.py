"""The site behind ``django.contrib.admin.site``: the theme's, with what is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from erp.back_office import home, rooms

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite as ThemedSite
else:
    # The theme brings no types.
    from unfold.sites import UnfoldAdminSite as ThemedSite


class BackOffice(ThemedSite):
    index_title = _("Today")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "room": rooms.room_of(request)}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        shown = {
            "home": home.home_of(request),
            "figures": home.figures_for(request),
            "rooms": list(rooms.open_rooms(request)),
        }
        return super().index(request, {**shown, **(extra_context or {})})
