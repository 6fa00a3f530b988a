"""Keys of rows, as forms and addresses name them."""

from __future__ import annotations

from collections.abc import Iterable

# No key of PostgreSQL's bigint has more, and what is longer fits none.
MOST_DIGITS = 18


def key_in(text: object) -> int:
    """The key that a text is, and 0 where it is none: no row has that one."""
    digits = str(text)
    return int(digits) if digits.isdecimal() and len(digits) <= MOST_DIGITS else 0


def keys_in(texts: Iterable[object]) -> list[int]:
    """What among them are keys, in their order."""
    return [key for text in texts if (key := key_in(text))]
