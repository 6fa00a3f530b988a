"""How amounts and documents are shown on pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, DecimalField, Field, ForeignKey, GeneratedField, IntegerField, Model, TextField
from django.http import HttpRequest
from django.utils.html import format_html

from erp.core import documents, words
from erp.core.money import written
from erp.core.permissions import SEE_AMOUNTS, SEE_COSTS


def document_link(document_type: str, document_id: int, label: str = "") -> str:
    """The document's name, linked to its page where its owner registered one."""
    label = label or f"{documents.label_of(document_type)} {document_id}"
    url = documents.url_of(document_type, document_id)
    return format_html('<a href="{}">{}</a>', url, label) if url else label


def document_named(document_type: str, document_id: int, number: str) -> str:
    """The same by kind and number, for a column where documents of all kinds stand."""
    return document_link(document_type, document_id, f"{documents.label_of(document_type)} {number}" if number else "")


# Numbers that count nothing: they name a thing.
NO_FIGURES = (
    "document_id",
    "document_line",
    "entry_id",
    "first_entry_id",
    "last_entry_id",
    "line_no",
    "rank",
    "row_id",
    "run_id",
    "sort_order",
)


def _in_words(name: str, teller: words.Teller) -> Callable[[Any], str]:
    def told(row: Any) -> str:
        return teller(getattr(row, name) or "") or "-"

    told.__name__ = name
    return told


class InWordsFilter(admin.AllValuesFieldListFilter):
    """Values of a code, as people call them."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        teller = words.teller_of(self.field.model._meta.label_lower, self.field.name) or str
        for each, choice in enumerate(super().choices(changelist)):
            yield choice if each == 0 else {**choice, "display": teller(str(choice["display"]))}


@cache
def _figure(model: type[Model], name: str) -> Callable[[Any], str] | None:
    """The column of a figure (an amount or a number of pieces) or of a code, written for people; None for every other field."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field):
        return None
    teller = None if field.choices else words.teller_of(model._meta.label_lower, name)
    if teller is not None and isinstance(field, CharField | TextField):
        return admin.display(_in_words(name, teller), description=field.verbose_name, ordering=name)
    kept = field.output_field if isinstance(field, GeneratedField) else field
    if not isinstance(kept, DecimalField | IntegerField) or field.primary_key or field.choices or name in NO_FIGURES:
        return None

    def figure(row: Any) -> str:
        value = getattr(row, name)
        return "-" if value is None else format_html('<span class="figure">{}</span>', written(value))

    # Pages make the classes of a column from this name, so that it can say that figures stand in it.
    figure.__name__ = f"{name} is-figure"
    return admin.display(figure, description=field.verbose_name, ordering=name)


def with_figures(model: type[Model], names: Iterable[Any]) -> list[Any]:
    """``names`` as an admin lists them: single ones, and tuples of those that share a line."""
    return [
        with_figures(model, name)
        if isinstance(name, list | tuple)
        else (_figure(model, name) if isinstance(name, str) else None) or name
        for name in names
    ]


@cache
def _by_name(model: type[Model], name: Any) -> Callable[[Any], str] | None:
    """The column of a row that lists call by its name (``listed_by`` of its model): a code in front would be all that can be read of it."""
    field = _foreign_key(model, name)
    listed_by = None if field is None else getattr(field.related_model, "listed_by", None)
    if field is None or listed_by is None:
        return None

    def told(row: Any) -> str:
        return getattr(getattr(row, name), listed_by, None) or "-"

    told.__name__ = name
    return admin.display(told, description=field.verbose_name, ordering=name)


def _foreign_key(model: type[Model], name: Any) -> ForeignKey[Any, Any] | None:
    try:
        field = model._meta.get_field(name) if isinstance(name, str) else None
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, ForeignKey) else None


def columns_of(model: type[Model], names: Iterable[Any]) -> list[Any]:
    """``names`` as a list shows them."""
    shown = list(names)
    return [_by_name(model, name) or told for name, told in zip(shown, with_figures(model, shown), strict=True)]


def read_along(model: type[Model], names: Iterable[Any], wanted: Any) -> Any:
    """``list_select_related`` of a list that shows ``names``: Django itself reads along what fields name, but a column that calls a row by its
    name is no field any more."""
    shown = list(names)
    named = [name for name in shown if _by_name(model, name)]
    if not named or wanted is True:
        return wanted
    return [*(wanted or (name for name in shown if _foreign_key(model, name))), *named]


def hidden_from(request: HttpRequest, page: Any) -> set[str]:
    """What goods cost, and what sales amount to, for a user who may not know it."""
    may = request.user.has_perm
    return {*(() if may(SEE_COSTS) else page.costs), *(() if may(SEE_AMOUNTS) else page.amounts)}


def shown_to(request: HttpRequest, page: Any, names: Iterable[Any]) -> list[Any]:
    """``names`` for this user."""
    hidden = hidden_from(request, page)
    return _without(hidden, names) if hidden else list(names)


def _without(hidden: set[str], names: Iterable[Any]) -> list[Any]:
    kept = [_without(hidden, name) if isinstance(name, list | tuple) else name for name in names]
    return [name for name in kept if isinstance(name, list) or name not in hidden]


class FiguresInFields:
    """Decimals that are only shown are shown as people write them. For pages and inlines without a form."""

    model: type[Model]
    costs: ClassVar[Sequence[str]] = ()
    amounts: ClassVar[Sequence[str]] = ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        sets = [
            (title, options, shown_to(request, self, options["fields"]))
            for title, options in super().get_fieldsets(request, obj)  # type: ignore[misc]
        ]
        return [(title, {**options, "fields": with_figures(self.model, fields)}) for title, options, fields in sets]
