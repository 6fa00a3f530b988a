"""The evidence of a difference in words: what ``causes`` and ``orders`` of reconciliation note down, line by line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.utils import formats, timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ec_gateway.models import InboundEvent

LABELS = {
    "ours_first": _("our figure at the first reading"),
    "theirs_first": _("the site's figure at the first reading"),
    "waiting_since": _("waits to be told since"),
    "sent_at": _("told last at"),
    "due_at": _("next attempt at"),
    "orders": _("orders that are not here"),
    "orders_not_here": _("orders that are not here"),
    "units": _("pieces in them"),
    "never_sent": _("never told"),
    "never_acknowledged": _("never acknowledged by the site"),
    "shown": _("figure the site acknowledged"),
    "shown_at": _("acknowledged at"),
    "pushed_lately": _("figures told lately"),
    "edited_at": _("heard of the edit at"),
    "heard_by": _("heard of it by"),
    "error": _("last error"),
    "attempts": _("failed attempts"),
    "number": _("order number"),
    "site_names_it": _("the site lists it"),
    "asked": _("the site was asked about it"),
    "changed_at": _("changed on the site at"),
    "event": _("received event"),
    "event_state": _("state of the event"),
    "problem": _("what cannot be read"),
    "entry": _("the site's entry"),
    "answer": _("the site's answer when asked"),
    "ours": _("our total"),
    "theirs": _("the site's total"),
}
_STATES = {state.value: state.label for state in InboundEvent.State}
_WAYS = {"webhook": _("Webhook")}


def in_words(evidence: Mapping[str, Any]) -> SafeString:
    """One line per fact, in the order in which they were noted."""
    lines = [(LABELS.get(name, name), _told(name, value)) for name, value in evidence.items()]
    return format_html_join("", "<div>{}: {}</div>", lines)


def _told(name: str, value: Any) -> str:
    if value is None or value == "" or value == {} or value == []:
        return "–"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if name.endswith(("_at", "_since")):
        return formats.date_format(timezone.localtime(dt.datetime.fromisoformat(value)), "SHORT_DATETIME_FORMAT")
    if isinstance(value, dict):
        return ", ".join(f"{key} × {count}" for key, count in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(_STATES.get(value) or _WAYS.get(value) or value)
