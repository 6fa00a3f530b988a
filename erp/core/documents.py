"""Where the document behind a posting, movement or task is looked at. Each app registers the types that it owns in ``AppConfig.ready``."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class DocumentType:
    """``url_name`` takes the document's id, e.g. ``admin:orders_order_change``. ``label`` may be a lazy translation."""

    type: str
    label: object
    url_name: str


_types: dict[str, DocumentType] = {}


def register(type: str, *, label: object, url_name: str) -> None:  # noqa: A002 - the word of the field it stands in
    """Say what documents of ``type`` are called and which page shows one. Registering again replaces."""
    _types[type] = DocumentType(type, label, url_name)


def registered() -> list[DocumentType]:
    return sorted(_types.values(), key=lambda document: document.type)


def label_of(type: str) -> str:  # noqa: A002
    """The name of a type for people; the type itself where nobody registered it."""
    known = _types.get(type)
    return str(known.label) if known else type


def url_of(type: str, document_id: int) -> str | None:  # noqa: A002
    """The page of a document, or None where nobody registered one: a link is a help, never a reason to fail."""
    known = _types.get(type)
    if known is None:
        return None
    try:
        return reverse(known.url_name, args=[document_id])
    except NoReverseMatch:
        return None
