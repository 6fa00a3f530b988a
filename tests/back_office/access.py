"""Who may open what, asked of the pages themselves: every address of the admin and every act, for every role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from erp.back_office.roles import APART, ROLES, Role

YES, NO = "○", "·"
# What an address stands with in this table. No row has these keys: who may open a page is decided before it is looked for.
SAMPLES = {"object_id": "0", "content_type_id": "0", "kind": "PAYOUT", "url": "no-such-page/"}
# The bare address of a row leads to its form, and says nothing by itself.
LEADS_ON = "<path:object_id>/"
# An autocomplete asks the permission of the list that it searches, which depends on its parameters.
BY_PARAMETERS = {"autocomplete"}
LOG_IN = "/admin/login/"


@dataclass(frozen=True, slots=True)
class Address:
    shown: str
    path: str
    name: str


def addresses() -> list[Address]:
    """Every address below /admin/, with an app's own index once per app."""
    [root] = [
        entry for entry in get_resolver().url_patterns if isinstance(entry, URLResolver) and entry.app_name == "admin"
    ]
    found = []
    for prefix, pattern in _patterns(root, str(root.pattern)):
        shown = f"/{prefix}{pattern.pattern}"
        if pattern.name == "app_list":
            labels = re.findall(r"[a-z_]{2,}", shown.partition("app_label>")[2])
            found += [Address(f"/admin/{label}/", f"/admin/{label}/", "app_list") for label in labels]
        elif pattern.name not in BY_PARAMETERS and str(pattern.pattern) != LEADS_ON:
            filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: SAMPLES.get(match[1], "0"), shown)
            filled = re.sub(r"\(\?P.*", SAMPLES["url"], filled)
            found.append(Address(shown.replace("(?P<url>.*)$", "…"), filled, pattern.name or ""))
    return sorted(found, key=lambda address: address.shown)


def may_open(user: User | AnonymousUser, address: Address) -> bool:
    """Ask the page, as a browser would. It is not written."""
    match = get_resolver().resolve(address.path)
    request = _request(user, address.path)
    try:
        answer = match.func(request, *match.args, **match.kwargs)
    except PermissionDenied:
        return False
    except Http404:
        # An index of nothing is no page; a page that found no row of this key had let the user in before.
        return address.name != "app_list"
    return not str(answer.headers.get("Location", "")).startswith(LOG_IN)


def acts() -> list[tuple[str, str]]:
    """Every act of every list and form: adding, changing, deleting, and the actions beside the rows."""
    found = []
    for model, page in admin.site._registry.items():
        label = model._meta.label_lower
        found += [(label, verb) for verb in ("add", "change", "delete")]
        found += [(label, str(action)) for action in page.actions or ()]
    return sorted(found)


def may_act(user: User | AnonymousUser, label: str, act: str) -> bool:
    [page] = [page for model, page in admin.site._registry.items() if model._meta.label_lower == label]
    request = _request(user, "/admin/")
    if act in ("add", "change", "delete"):
        return bool(getattr(page, f"has_{act}_permission")(request))
    return act in page.get_actions(request)


def role_tables(user_of: Any) -> str:
    """The generated part of ``docs/roles.md``. ``user_of`` answers a user who has a role and nothing else."""
    users = [user_of(role) for role in ROLES]
    pages = [(f"`{address.shown}`", [may_open(user, address) for user in users]) for address in addresses()]
    done = [(f"`{label}` {act}", [may_act(user, label, act) for user in users]) for label, act in acts()]
    parts = [
        "## The roles\n",
        "| role | practice log-in | what it does |\n|---|---|---|",
        *(f"| {role.name} | `{role.login}` | {role.does} |" for role in ROLES),
        "\n## Duties that are kept apart\n",
        *(f"* {duties.rule}: {_named(duties.these)} / {_named(duties.those)}" for duties in APART),
        "\n## Acts\n",
        "Only acts that somebody may do; no role may do any other.\n",
        _table("act", [row for row in done if any(row[1])]),
        "\n## Addresses\n",
        _table("address", pages),
    ]
    return "\n".join(parts) + "\n"


def make_user(role: Role) -> User:
    """A user with one role, for the length of a transaction that is rolled back."""
    user = User.objects.create_user(f"of-role-{role.login}", is_staff=True)
    user.groups.add(Group.objects.get(name=role.name))
    return user


def _patterns(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, prefix + str(entry.pattern))
        else:
            yield prefix, entry


def _request(user: User | AnonymousUser, path: str) -> HttpRequest:
    request = RequestFactory().get(path)
    request.user = user
    request.session = SessionBase()
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return request


def _named(permissions: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(permissions))


def _table(title: str, rows: list[tuple[str, list[bool]]]) -> str:
    head = f"| {title} | {' | '.join(role.name for role in ROLES)} |\n|---|{':-:|' * len(ROLES)}"
    return "\n".join(
        [head, *(f"| {name} | {' | '.join(YES if yes else NO for yes in marks)} |" for name, marks in rows)]
    )
