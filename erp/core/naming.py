"""What a row without a number or code of its own is called: by what it is about. Pages say it after saving and in their heads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.db.models import Field, ForeignKey, Model

from erp.core.clock import written_day

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def by_parts(row: Model, *names: str, otherwise: StrOrPromise = "") -> str:
    """The fields of these names in words, those that are empty left out, ``otherwise`` where all are empty; the row's key where one of the
    rows it points to is not read yet.

    A name asks the database for nothing, so pages that show one read what it is about along (``list_select_related``).
    """
    unread = [
        name
        for name in names
        if isinstance(field := row._meta.get_field(name), ForeignKey)
        and getattr(row, field.attname) is not None
        and name not in row._state.fields_cache
    ]
    return f"{row.pk}" if unread else " / ".join(_told(row, names)) or str(otherwise) or f"{row.pk}"


def _told(row: Model, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        field, value = row._meta.get_field(name), getattr(row, name)
        if value in (None, ""):
            continue
        is_choice = isinstance(field, Field) and field.choices
        yield (
            str(getattr(row, f"get_{name}_display")())
            if is_choice
            else written_day(value)
            if isinstance(value, dt.date)
            else str(value)
        )
