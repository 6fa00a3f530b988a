"""What pages of our own are written with: figures as people write them, and links that open for whoever sees them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import template
from django.apps import apps
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from erp.core import doors, who, words
from erp.core.money import written
from erp.core.task_kinds import label_of

register = template.Library()


@register.filter
def figure(value: Decimal | int | None) -> str:
    """An amount or a number of pieces; a dash for what is not known."""
    return "–" if value is None else format_html('<span class="figure">{}</span>', written(value))


@register.filter
def task_kind(kind: str) -> str:
    """What people call the kind of a task."""
    return label_of(kind)


@register.filter
def actor(stored: str) -> str:
    """Who did it, for people."""
    return who.told(stored)


@register.filter
def told(code: str, field: str) -> str:
    """A code of a field in words, e.g. of ``tax_code``."""
    return words.told(field, code)


@register.filter
def of_key(names: Mapping[object, object], key: object) -> object:
    """What a table of names says for a key."""
    return names[key]


@register.simple_tag(takes_context=True)
def page_link(context: Any, model: str, key: int | None, label: object) -> str:
    """The page of a row, e.g. of ``orders.shipment``; the label alone for a user who may not open it."""
    url = _page(context, model, "change", key) if key is not None else ""
    return format_html('<a href="{}">{}</a>', url, label) if url else format_html("{}", label)


@register.simple_tag(takes_context=True)
def list_link(context: Any, model: str, sought: str, label: object) -> str:
    """A list, searched for a text; nothing for a user who may not open it."""
    url = _page(context, model, "changelist")
    return format_html('<a href="{}?{}">{}</a>', url, urlencode({"q": sought}), label) if url else SafeString("")


def _page(context: Any, model: str, name: str, *args: object) -> str:
    found = apps.get_model(model)
    if not doors.is_open_for(context["request"], found):
        return ""
    return reverse(f"admin:{found._meta.app_label}_{found._meta.model_name}_{name}", args=args)


@register.filter
def opens(url_name: str) -> bool:
    """Whether a page opens for whoever sees this one, e.g. ``admin:orders_order_changelist``."""
    return doors.is_open(url_name)


@register.filter
def signed(value: Decimal | int | None) -> str:
    """A difference, with its sign also where it is more."""
    if value is None:
        return "–"
    return format_html('<span class="figure">{}{}</span>', "+" if value > 0 else "", written(value))


@register.filter
def percent_of(part: int | None, whole: int | None) -> str:
    """``part`` of ``whole`` in percent, with one decimal; a dash where there is no whole."""
    return "–" if part is None or not whole else f"{Decimal(part) * 100 / Decimal(whole):+.1f}"
