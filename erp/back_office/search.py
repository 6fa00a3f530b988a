"""The one search: everything that the user may open, by number, name, telephone or code. What is scanned leads straight to the one hit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import localize
from django.utils.text import capfirst
from django.utils.translation import gettext

from erp.core import finding

# Of each kind. Whoever sees more than these writes more.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Hit:
    name: str
    url: str
    facts: list[str]
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one kind; ``list_url`` leads to all of them where the list searches as the page does."""

    title: str
    list_url: str
    hits: list[Hit]
    has_more: bool


def find(request: HttpRequest, typed: str) -> list[Group]:
    """The kinds of which something was found, those first whose whole number or code it is. One statement per kind, and two for each
    part of a text."""
    sought = finding.Sought.of(typed)
    groups = list(_groups(request, sought)) if sought.words else []
    return sorted(groups, key=lambda group: not group.hits[0].is_exact)


def the_one(groups: list[Group]) -> Hit | None:
    """The hit that nobody has to choose: the only one, or the only one whose whole number, code or address was met."""
    found = [hit for group in groups for hit in group.hits]
    exact = [hit for hit in found if hit.is_exact]
    chosen = exact or found
    return chosen[0] if len(chosen) == 1 else None


def search_view(request: HttpRequest) -> HttpResponse:
    typed = request.GET.get("q", "")[: finding.LONGEST]
    groups = find(request, typed)
    one = the_one(groups)
    if one is not None and "stay" not in request.GET:
        return HttpResponseRedirect(one.url)
    context = {
        **admin.site.each_context(request),
        "title": gettext("Search"),
        "groups": groups,
        "sought": typed.strip(),
        "most_words": finding.MOST_WORDS if finding.Sought.of(typed).is_cut else 0,
    }
    return TemplateResponse(request, "admin/search.html", context)


def _groups(request: HttpRequest, sought: finding.Sought) -> Iterator[Group]:
    for findable in finding.registered():
        model = apps.get_model(findable.model)
        page: Any = admin.site._registry[model]
        if not page.has_view_permission(request):
            continue
        rows = finding.hits(page.get_queryset(request), findable, sought, SHOWN)
        if not rows:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages = {link.url_name for link in page.object_links if link.is_open(page, request)}
        opens = findable.opens if findable.opens in pages else f"{name}_change"
        shown = [
            Hit(
                str(findable.name(row)),
                reverse(opens, args=[row.pk]),
                _told(findable.facts(row, request.user)),
                row.is_exact,
            )
            for row in rows[:SHOWN]
        ]
        title = capfirst(str(model._meta.verbose_name_plural))
        yield Group(title, reverse(f"{name}_changelist"), shown, len(rows) > SHOWN)


def _told(facts: Any) -> list[str]:
    """Each fact once, as people write it."""
    return list(dict.fromkeys(str(localize(fact)) for fact in facts if fact not in ("", None)))
