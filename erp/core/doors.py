"""Which pages of the back office open for whoever asks. What writes a link asks here first: a link that answers "refused" after a click is a
promise that nobody keeps, and the plain label says as much.

Who asks is known while a request of staff is answered (``asked_by``). Outside of one nobody reads a link, and every page counts as open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

# Ways to a row or list of a model that Django's admin names, with what they ask of the page.
WAYS = {
    "changelist": "view", "change": "view", "history": "view", "add": "add", "delete": "delete", "password_change": "change",
}  # fmt: skip
_asking: ContextVar[HttpRequest | None] = ContextVar("who_asks_for_a_page", default=None)


@contextmanager
def asked_by(request: HttpRequest) -> Iterator[None]:
    """Links that are written in here are those of this request's user."""
    before = _asking.set(request)
    try:
        yield
    finally:
        _asking.reset(before)


def is_open(url_name: str, row: Model | None = None) -> bool:
    """Whether a page of the admin opens for whoever asks, by its name: ``admin:orders_order_change``. ``row`` is whose page it is, where one row
    opens and another does not."""
    request = _asking.get()
    return request is None or may_open(url_name, request, row)


def may_open(url_name: str, request: HttpRequest, row: Model | None = None) -> bool:
    """Whether the user of ``request`` may open a list, a row, or a page of our own that an admin offers as a link."""
    found = _doors().get(url_name.removeprefix("admin:"))
    if found is None:
        return True
    page, link = found
    return bool(link.is_open(page, request) if not isinstance(link, str) else _allows(page, link, request, row))


def is_open_for(request: HttpRequest, model: type[Model]) -> bool:
    """Whether the list and the rows of ``model`` open for the user of ``request``."""
    page = admin.site._registry.get(model)
    return page is not None and page.has_view_permission(request)


def _allows(page: Any, what: str, request: HttpRequest, row: Model | None) -> bool:
    asked = getattr(page, f"has_{what}_permission")
    return bool(asked(request) if row is None else asked(request, row))


@cache
def _doors() -> dict[str, tuple[Any, Any]]:
    """Every page that says who may open it: rows and lists of models, and the pages of our own that some admin offers."""
    found: dict[str, tuple[Any, Any]] = {}
    for model, page in admin.site._registry.items():
        for way, asks in WAYS.items():
            found[f"{model._meta.app_label}_{model._meta.model_name}_{way}"] = (page, asks)
    for page in admin.site._registry.values():
        for link in (*getattr(page, "list_links", ()), *getattr(page, "object_links", ())):
            found[link.url_name.removeprefix("admin:")] = (page, link)
    return found
