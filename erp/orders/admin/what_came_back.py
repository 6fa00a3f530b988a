"""What came back by the time a list was opened, in the form beside its acts: a second click is the same return, and what another booked since is
not booked once more."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from erp.core.admin import ActionForm
from erp.core.keys import key_in, number_in
from erp.orders import selectors
from erp.orders.admin.channels import OfChannels


class SeenForm(ActionForm):
    """``form`` is another each time the list is opened. ``back`` has the parcels of which something had come back, as ``12:3 15:1``."""

    form = forms.CharField(label="", required=False, max_length=40, widget=forms.HiddenInput)
    back = forms.CharField(label="", required=False, widget=forms.HiddenInput)


class ShowsWhatCameBack(OfChannels):
    """A list of parcels or of their lines; ``parcel_key`` names the key of the parcel in a row."""

    parcel_key = "pk"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        shown = getattr(answer, "context_data", None) or {}
        if shown.get("action_form") is not None and shown.get("cl") is not None:
            keys = {getattr(row, self.parcel_key) for row in shown["cl"].result_list}
            back = " ".join(f"{key}:{units}" for key, units in selectors.units_returned(keys).items() if units)
            # Never what an earlier form had: whoever looks now sees what came back until now.
            shown["action_form"].initial |= {"form": uuid.uuid4().hex, "back": back}
        return answer


def token(said: Mapping[str, str]) -> str:
    """By which a form that comes again is known."""
    return said.get("form", "")[:40] or said.get("back", "")[:40]


def seen(said: Mapping[str, str]) -> dict[int, int]:
    """Units by parcel. Of what the list did not show, nothing had come back as far as anybody saw."""
    pairs = (pair.partition(":") for pair in said.get("back", "").split())
    read = ((key_in(key), number_in(units)) for key, _colon, units in pairs)
    return {key: units for key, units in read if key and units is not None}
