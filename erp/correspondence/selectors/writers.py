"""What mails may say. The room that owns a document registers, for the kinds of mail about it, its placeholders and who fills them.

Placeholders are data of a Japanese company, as roles are, and therefore Japanese.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A name that a template writes in braces. A block stands on a line of its own and may bring several; it fits no subject."""

    name: str
    description: StrOrPromise
    is_block: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """Whom a mail goes to and what it tells. ``problem`` says in words why it cannot be sent at all. Every placeholder of the kind has its value,
    empty where there is nothing to say."""

    recipient: str
    values: Mapping[str, str]
    problem: str = ""
    attachments: Sequence[Attachment] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """What exactly a mail is about, as its row names it."""

    kind: str
    document_id: int
    about_type: str = ""
    about_id: int | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """``write`` reads only. ``placeholders`` are those of a kind."""

    document_type: str
    kinds: frozenset[str]
    placeholders: Callable[[str], Sequence[Placeholder]]
    write: Callable[[Topic], Contents]
    # The newest documents a template can be tried on, with their numbers.
    samples: Callable[[int | None], Sequence[tuple[int, str]]] = field(default=lambda _channel_id: ())


_writers: dict[str, Writer] = {}


def register(writer: Writer) -> None:
    """Registering again replaces."""
    for kind in writer.kinds:
        _writers[kind] = writer


def writer_of(kind: str) -> Writer:
    return _writers[kind]


def placeholders_of(kind: str) -> Sequence[Placeholder]:
    """Everything a template of this kind may say; nothing where no room has registered it."""
    writer = _writers.get(kind)
    return writer.placeholders(kind) if writer else ()
