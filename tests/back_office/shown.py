"""What pages show by their declaration: the columns of each list and the fields of each page, with those of what stands under it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model

from tests.back_office import access


def fields_of(user: User) -> Iterator[tuple[str, type[Model], Field[Any, Any]]]:
    """Each field of a table that this user reads on a list, a page or in lines under a page: where, of which model, and the field."""
    request = access._request(user, "/admin/")
    for model, page in sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label_lower):
        if not page.has_view_permission(request):
            continue
        label = model._meta.label_lower
        parts = [("list", model, page.get_list_display(request)), ("page", model, _on(page, request))]
        parts += [
            (f"lines of {inline.model._meta.label_lower} on", inline.model, _on(inline, request))
            for inline in page.get_inline_instances(request)
        ]
        for where, of, names in parts:
            for field in filter(None, (_field(of, name) for name in names)):
                yield f"{where} {label}", of, field


def _on(page: Any, request: Any) -> list[Any]:
    return flatten_fieldsets(page.get_fieldsets(request))


def _field(model: type[Model], shown: Any) -> Field[Any, Any] | None:
    """A column that tells a field in another form bears its name."""
    name = getattr(shown, "__name__", shown).partition(" ")[0]
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None
