"""What a site says and nobody here can read is news too: kept as it came, for a person to see, and never in the way of what comes behind it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import structlog
from django.utils.translation import gettext as _

from ec_gateway.json_reader import text_problems
from ec_gateway.platforms.interface import (
    News,
    NewsKind,
    OrderSummary,
    ShownQuantity,
    UnreadableOrder,
    UnreadableQuantity,
)
from erp.core import messages
from erp.core.errors import InvalidInput

Item = TypeVar("Item")
Entry = TypeVar("Entry")
Unread = TypeVar("Unread")

log = structlog.get_logger(__name__)


def unreadable(raw: Any, problem: str, *, external_id: str = "") -> News:
    """News of which only ``raw`` is sure. The worker refuses it, which tells staff why. The same content is the same news."""
    digest = hashlib.sha256(text_of(raw).encode()).hexdigest()
    return News(NewsKind.HINT, f"unreadable:{digest}", external_id, document={"problem": problem}, raw=raw)


def read_each(
    items: Iterable[Item], read: Callable[[Item], Iterable[News]], *, name: Callable[[Item], str]
) -> list[News]:
    """The news of every item of a page. One that cannot be read stands there as unreadable, under the number that ``name`` finds in it.

    An edge: whatever ``read`` stumbles over (a foreign contract, or a fault of ours) is told to staff with what came, and logged.
    """
    found: list[News] = []
    for item in items:
        try:
            found += read(item)
        except InvalidInput as problems:
            found.append(unreadable(item, str(problems), external_id=name(item)))
        except Exception as fault:
            log.exception("news_not_read", external_id=name(item))
            found.append(unreadable(item, not_read(fault), external_id=name(item)))
    return found


def summaries_of(
    items: Iterable[Any], read: Callable[[Any], OrderSummary], *, name: Callable[[Any], Any]
) -> Iterator[OrderSummary | UnreadableOrder]:
    """The entries of a site's own list of orders. One that cannot be read, or not be looked for here, stands there as unreadable.

    An edge, as ``read_each``.
    """

    def entry(item: Any) -> OrderSummary:
        summary = read(item)
        _refuse_unsafe("external_id", summary.external_id)
        return summary

    return _entries(items, entry, UnreadableOrder, name)


def figures_of(
    items: Iterable[Any], read: Callable[[Any], ShownQuantity], *, name: Callable[[Any], Any]
) -> Iterator[ShownQuantity | UnreadableQuantity]:
    """The same of what a site shows: a figure that cannot be read, or whose code cannot be kept, stands there as unreadable."""

    def entry(item: Any) -> ShownQuantity:
        shown = read(item)
        _refuse_unsafe("sku", shown.external_code)
        return shown

    return _entries(items, entry, UnreadableQuantity, name)


def _entries(
    items: Iterable[Any],
    read: Callable[[Any], Entry],
    unread: Callable[[str, str, Any], Unread],
    name: Callable[[Any], Any],
) -> Iterator[Entry | Unread]:
    for item in items:
        try:
            entry = read(item)
        except InvalidInput as problems:
            yield unread(_name_of(item, name), str(problems), item)
        except Exception as fault:
            log.exception("entry_not_read")
            yield unread(_name_of(item, name), not_read(fault), item)
        else:
            yield entry


def _refuse_unsafe(field: str, text: str) -> None:
    """Raises InvalidInput for a name under which nothing can be kept."""
    if unsafe := text_problems({field: text}):
        raise InvalidInput(unsafe)


def _name_of(item: Any, name: Callable[[Any], Any]) -> str:
    with contextlib.suppress(Exception):
        return text_of(name(item))
    return ""


def not_read(fault: Exception) -> str:
    return _("Reading it failed: %(why)s") % {"why": f"{type(fault).__name__}: {fault}"}


def text_of(raw: Any) -> str:
    """A message as text that PostgreSQL can keep: bytes as UTF-8, everything else as JSON."""
    if isinstance(raw, bytes):
        text = raw.decode("utf-8", "replace")
    elif isinstance(raw, str):
        text = raw.encode("utf-8", "replace").decode()
    else:
        text = "" if raw is None else messages.encode(raw)
    return text.replace("\x00", "\ufffd")
