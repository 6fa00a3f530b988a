"""What people call the codes that stand in columns: actors, tax codes, payment methods, carriers. The tables keep the codes.

Each app says how its own are told in ``AppConfig.ready``; every list, page and inline of the back office asks by the name of the field.
A field with choices needs nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Teller = Callable[[str], str]
_tellers: dict[str, Teller] = {}


def register(field: str, told: Teller | Mapping[str, StrOrPromise]) -> None:
    """``field`` is a name that means the same in every table (``tax_code``), or one of a single table (``core.messagelog.kind``).

    A code that a mapping does not know is told as it is.
    """
    _tellers[field] = told if callable(told) else _of_mapping(told)


def teller_of(table: str, field: str) -> Teller | None:
    """How a field of a table (``core.messagelog``) is told; None for one that is no code."""
    return _tellers.get(f"{table}.{field}") or _tellers.get(field)


def told(field: str, code: str) -> str:
    """A code of ``field`` in words."""
    teller = _tellers.get(field)
    return teller(code) if teller else code


def _of_mapping(names: Mapping[str, StrOrPromise]) -> Teller:
    return lambda code: str(names.get(code, code))
