"""よく使う条件: the present filter, search and order of a list under a name, one click away, for oneself or for a role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from erp.core.keys import key_in
from erp.core.models import DefaultFilter, SavedFilter
from erp.core.work_queues import ALL_ROWS

# Parameters of our own: which filter was asked for, and that none is, not even the default.
CHOSEN, NONE = "_saved", ALL_ROWS
ORDER = "o"
# What says where somebody stands in a list, and not what is listed.
PASSING = (CHOSEN, NONE, "p", "e", "all", "_facets", "_popup", "_to_field")
LONGEST, LONGEST_NAME = 2_000, 40


@dataclass(frozen=True, slots=True)
class Chip:
    """A saved filter as it stands above a list. Whoever saved it may delete it."""

    id: int
    name: str
    url: str
    shared_with: str
    is_active: bool
    is_own: bool
    is_default: bool


def label_of(page: Any) -> str:
    return str(page.opts.label_lower)


def chips(page: Any, request: HttpRequest) -> list[Chip]:
    """The filters that this user may use on this list."""
    shown = sorted(_asked(request.GET))
    found = []
    for saved in _seen_by(request, label_of(page)):
        parameters, _gone = parameters_of(page, request, saved)
        url = f"?{urlencode([*parameters, (CHOSEN, saved.pk)])}"
        shared = saved.role.name if saved.role else ""
        is_active = bool(shown) and shown == sorted(parameters)
        found.append(Chip(saved.pk, saved.name, url, shared, is_active, _may_delete(request, saved), saved.is_default))
    return found


def parameters_of(page: Any, request: HttpRequest, saved: SavedFilter) -> tuple[list[tuple[str, str]], list[str]]:
    """The address of a filter for this user, and the columns that it sorts by and that are not on the list any more."""
    shown = columns(page, request)
    places, gone = [], []
    for named in saved.order:
        sign, name = ("-", named[1:]) if named.startswith("-") else ("", named)
        if name in shown:
            places.append(f"{sign}{shown.index(name)}")
        else:
            gone.append(name)
    order = [(ORDER, ".".join(places))] if places else []
    return [(str(key), str(value)) for key, value in saved.parameters] + order, gone


def opens_with(page: Any, request: HttpRequest, found: list[Chip]) -> str:
    """The address of the user's default, where the list was opened without any wish."""
    if request.GET or request.method != "GET":
        return ""
    return next((chip.url for chip in found if chip.is_default), "")


def filters_view(request: HttpRequest) -> HttpResponse:
    """What the forms above a list send: save, delete, make or end a default. Leads back to the list."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    label = request.POST.get("page", "")
    act, _colon, key = (request.POST.get("choice") or request.POST.get("act", "")).partition(":")
    page: Any = next((page for page in admin.site._registry.values() if label_of(page) == label), None)
    if page is None or not page.has_view_permission(request):
        raise PermissionDenied
    list_url = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
    query = request.POST.get("query", "")[:LONGEST]
    if act == "save":
        return HttpResponseRedirect(f"{list_url}?{_save(page, request, QueryDict(query)) or query}")
    saved = get_object_or_404(_seen_by(request, label), pk=key_in(key))
    if act == "delete":
        if not _may_delete(request, saved):
            raise PermissionDenied
        saved.delete()
        told = gettext("The filter “%(name)s” is deleted.")
    elif act == "default":
        DefaultFilter.objects.update_or_create(user=_user(request), page=label, defaults={"filter": saved})
        told = gettext("The list opens with “%(name)s” from now on.")
    else:
        DefaultFilter.objects.filter(user=_user(request), page=label).delete()
        told = gettext("The list opens without a filter from now on.")
    messages.success(request, told % {"name": saved.name})
    return HttpResponseRedirect(f"{list_url}?{query or f'{NONE}=1'}")


def _save(page: Any, request: HttpRequest, query: QueryDict) -> str:
    """The address of what was saved, or nothing where a problem was told."""
    name = " ".join(request.POST.get("name", "").split())
    role = Group.objects.filter(pk=key_in(request.POST.get("role", ""))).first()
    asked = [(key, value) for key, value in _asked(query) if key != ORDER]
    shown = columns(page, request)
    order = [column for place in query.get(ORDER, "").split(".") if (column := column_at(shown, place))]
    problems = []
    if not name or len(name) > LONGEST_NAME:
        problems.append(gettext("Give the filter a name of at most 40 characters."))
    if not asked and not order:
        problems.append(gettext("The list shows everything: filter, search or sort first, then save."))
    if role is not None and role not in roles_of(request):
        problems.append(gettext("You can share with your own roles only."))
    if problems:
        for problem in problems:
            messages.error(request, problem)
        return ""
    with transaction.atomic():
        saved, _is_new = SavedFilter.objects.update_or_create(
            owner=_user(request),
            page=label_of(page),
            name=name,
            defaults={"role": role, "parameters": asked, "order": order},
        )
        if request.POST.get("default"):
            DefaultFilter.objects.update_or_create(user=_user(request), page=label_of(page), defaults={"filter": saved})
    messages.success(request, gettext("Saved as “%(name)s”.") % {"name": name})
    return urlencode([*parameters_of(page, request, saved)[0], (CHOSEN, saved.pk)])


def roles_of(request: HttpRequest) -> list[Group]:
    """With whom this user may share."""
    user = _user(request)
    return list((Group.objects.all() if user.is_superuser else user.groups.all()).order_by("pk"))


def _seen_by(request: HttpRequest, label: str) -> QuerySet[Any]:
    user = _user(request)
    mine = Q(owner=user) | Q(role__in=user.groups.values("pk"))
    default = DefaultFilter.objects.filter(user=user, page=label, filter=OuterRef("pk"))
    return (
        SavedFilter.objects.filter(mine, page=label)
        .annotate(is_default=Exists(default))
        .select_related("role")
        .order_by("name", "pk")
    )


def _may_delete(request: HttpRequest, saved: SavedFilter) -> bool:
    return saved.owner_id == request.user.pk or bool(request.user.is_superuser)


def _asked(query: QueryDict) -> list[tuple[str, str]]:
    """What a list is asked for, as pairs of one value each."""
    return [(key, str(value)) for key, values in query.lists() if key not in PASSING for value in values if value != ""]


def name_of(column: Any) -> str:
    return column if isinstance(column, str) else str(column.__name__)


def columns(page: Any, request: HttpRequest) -> list[str]:
    """The columns of a list for this user, at the places that an address counts."""
    names = [name_of(column) for column in page.get_list_display(request)]
    return ["action_checkbox", *names] if page.get_actions(request) else names


def column_at(shown: list[str], place: str) -> str:
    sign, digits = ("-", place[1:]) if place.startswith("-") else ("", place)
    return f"{sign}{shown[int(digits)]}" if digits.isdecimal() and len(digits) < 4 and int(digits) < len(shown) else ""


def _user(request: HttpRequest) -> Any:
    return request.user
