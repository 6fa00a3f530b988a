"""Keys of rows, as forms and addresses name them."""

from __future__ import annotations

from collections.abc import Iterable

# All such numbers fit into PostgreSQL's bigint. Some with a digit more do too, but our keys never grow so long.
MOST_DIGITS = 18


def number_in(text: object) -> int | None:
    """The whole number that a text is, from 0 on, and None where it is none."""
    digits = str(text)
    return int(digits) if digits.isdecimal() and len(digits) <= MOST_DIGITS else None


def key_in(text: object) -> int:
    """The key that a text is, and 0 where it is none: no row has that one."""
    return number_in(text) or 0


def keys_in(texts: Iterable[object]) -> list[int]:
    """What among them are keys, in their order."""
    return [key for text in texts if (key := key_in(text))]
