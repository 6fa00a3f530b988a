"""Where the document behind a posting, movement or task is looked at. Each app registers the types that it owns in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from django.db.models import Case, CharField, Model, OuterRef, Subquery, Value, When
from django.urls import NoReverseMatch, reverse

from erp.core import doors

# The model of documents, and its field with the number by which people call one.
Numbers: TypeAlias = tuple[type[Model], str]


@dataclass(frozen=True, slots=True)
class DocumentType:
    """``url_name`` takes the document's id, e.g. ``admin:orders_order_change``. ``label`` may be a lazy translation.

    ``numbers`` tells where the numbers of such documents stand.
    """

    type: str
    label: object
    url_name: str
    numbers: Numbers | None = None


_types: dict[str, DocumentType] = {}


def register(
    type: str,  # noqa: A002 - the word of the field it stands in
    *,
    label: object,
    url_name: str,
    numbers: Numbers | None = None,
) -> None:
    """Say what documents of ``type`` are called and which page shows one. Registering again replaces."""
    _types[type] = DocumentType(type, label, url_name, numbers)


def registered() -> list[DocumentType]:
    return sorted(_types.values(), key=lambda document: document.type)


def label_of(type: str) -> str:  # noqa: A002
    """The name of a type for people; the type itself where nobody registered it."""
    known = _types.get(type)
    return str(known.label) if known else type


def number_of(type_field: str = "document_type", id_field: str = "document_id") -> Case:
    """The number of the document that a row names, as a part of the statement that reads the row; empty where its owner gives none."""
    kinds: dict[Numbers, list[str]] = {}
    for document in registered():
        if document.numbers:
            kinds.setdefault(document.numbers, []).append(document.type)
    known = [
        When(
            **{f"{type_field}__in": types},
            then=Subquery(model._default_manager.filter(pk=OuterRef(id_field)).values(number)[:1]),
        )
        for (model, number), types in kinds.items()
    ]
    return Case(*known, default=Value(""), output_field=CharField())


def numbers_of(named: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """The numbers of documents by type and id, one statement per table they stand in; empty where their owner gives none."""
    wanted = set(named)
    numbers = dict.fromkeys(wanted, "")
    for document in registered():
        ids = [document_id for type_, document_id in wanted if type_ == document.type]
        if document.numbers and ids:
            model, number = document.numbers
            found = model._default_manager.filter(pk__in=ids).values_list("pk", number)
            numbers |= {(document.type, key): text for key, text in found}
    return numbers


def url_of(type: str, document_id: int) -> str | None:  # noqa: A002
    """The page of a document, or None where nobody registered one or whoever asks may not open it: a link is a help, never a reason to fail."""
    known = _types.get(type)
    if known is None or not doors.is_open(known.url_name):
        return None
    try:
        return reverse(known.url_name, args=[document_id])
    except NoReverseMatch:
        return None
