"""Reads a JSON object field by field and collects every fault with its JSON pointer (RFC 6901), instead of stopping at the first.

A fault yields the field's default, so that reading goes on. Types are strict: a decimal is a string, a time has its offset, a number is no text.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from erp.core.clock import NotAMoment, moment_of
from erp.core.errors import Problem
from erp.core.money import ZERO

MAX_DEPTH = 32
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,10})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def text_problems(body: Any) -> list[Problem]:
    """What PostgreSQL or JSON cannot keep, anywhere in a document, keys included: NUL, lone surrogates, NaN, endless nesting."""
    return list(_unsafe(body, "", 0))


def _unsafe(value: Any, pointer: str, depth: int) -> Iterator[Problem]:
    if depth > MAX_DEPTH:
        yield Problem(pointer, "too_deep", _("At most %(most)s levels are possible.") % {"most": MAX_DEPTH})
    elif isinstance(value, str):
        yield from _unsafe_text(value, pointer)
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = f"{pointer}/{escape(key)}"
            yield from _unsafe_text(key, below)
            yield from _unsafe(inner, below, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unsafe(inner, f"{pointer}/{index}", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(pointer, "not_a_number", _("NaN and Infinity are no JSON."))
    elif isinstance(value, int) and abs(value) >= 10**18:
        yield Problem(pointer, "number_too_large", _("A number of at most 18 digits is needed."))


def _unsafe_text(text: str, pointer: str) -> Iterator[Problem]:
    if "\x00" in text:
        yield Problem(pointer, "nul_character", _("The text contains the character NUL (U+0000)."))
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        yield Problem(pointer, "lone_surrogate", _("The text contains half of a surrogate pair."))


def escape(key: str) -> str:
    """A key as one step of a JSON pointer; what cannot be sent back in an answer is spelt out."""
    printable = key.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\u0000")
    return printable[:100].replace("~", "~0").replace("/", "~1")


def with_others(problems: Sequence[Problem], others: Iterable[Problem]) -> list[Problem]:
    """The faults of a form with what the domain says of the rest of it, less what follows from a fault that is named already, such as the
    missing SKU of a line that is no object."""
    named = {problem.pointer for problem in problems}
    return [*problems, *(other for other in others if not _is_below(other.pointer, named))]


def _is_below(pointer: str, named: Collection[str]) -> bool:
    steps = pointer.split("/")
    return any("/".join(steps[:count]) in named for count in range(2, len(steps) + 1))


class JsonReader:
    """One object of a document. ``refuse_unknown`` comes last and names the fields nobody asked for."""

    def __init__(self, value: dict[str, Any], pointer: str, problems: list[Problem]) -> None:
        self.value = value
        self._pointer = pointer
        self._problems = problems
        self._asked: set[str] = set()

    def text(self, name: str, *, default: str = "", required: bool = False) -> str:
        value = self._take(name, required=required)
        if value is None:
            return default
        if not isinstance(value, str):
            self._fault(name, "not_a_text", _("A text is needed."))
            return default
        return value

    def boolean(self, name: str, *, default: bool = False) -> bool:
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self._fault(name, "not_a_boolean", _("true or false is needed."))
            return default
        return value

    def integer(self, name: str, *, default: int, required: bool = False) -> int:
        value = self._take(name, required=required)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            self._fault(name, "not_an_integer", _("A whole number is needed."))
            return default
        return value

    def decimal(self, name: str, *, required: bool = False, nullable: bool = False) -> Decimal | None:
        """``required``: the field must be there; ``nullable``: it may say null, which means not yet known."""
        value = self._take(name, required=required, nullable=nullable)
        if value is None:
            return None
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            self._fault(name, "not_a_decimal", _('A decimal number in a text is needed, such as "1980".'))
            return None
        return Decimal(value)

    def amount(self, name: str) -> Decimal:
        found = self.decimal(name, required=True)
        return ZERO if found is None else found

    def date(self, name: str) -> dt.date | None:
        value = self._take(name)
        if value is None:
            return None
        try:
            if isinstance(value, str) and _DATE.fullmatch(value):
                return dt.date.fromisoformat(value)
        except ValueError:
            pass
        self._fault(name, "not_a_date", _("A date is needed, such as 2026-11-28."))
        return None

    def moment(self, name: str, *, required: bool = False) -> dt.datetime | None:
        """In UTC, whatever the offset it came with."""
        value = self._take(name, required=required)
        if value is None:
            return None
        try:
            # Of the many spellings of ISO 8601 the contract knows one.
            return moment_of(value if isinstance(value, str) and _MOMENT.fullmatch(value) else None)
        except NotAMoment as fault:
            self._fault(name, fault.code, fault.detail)
            return None

    def choice(
        self,
        name: str,
        choices: Mapping[str, str],
        *,
        default: str,
        required: bool = False,
        stand_in: str | None = None,
    ) -> str:
        """``default`` where nothing is said; ``stand_in``, if given, for what is no choice."""
        faults = len(self._problems)
        value = self.text(name, required=required)
        if len(self._problems) > faults:
            return default if stand_in is None else stand_in
        if not (value or required):
            return default
        if value not in choices:
            self._fault(name, "unknown_value", _("One of %(choices)s is needed.") % {"choices": ", ".join(choices)})
            return default if stand_in is None else stand_in
        return choices[value]

    def child(self, name: str) -> JsonReader | None:
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._fault(name, "not_an_object", _("A JSON object is needed."))
            return None
        return JsonReader(value, self._at(name), self._problems)

    def children(self, name: str, *, required: bool = False) -> list[JsonReader]:
        found = []
        for index, value in enumerate(self.free_list(name, required=required)):
            pointer = f"{self._at(name)}/{index}"
            if isinstance(value, dict):
                found.append(JsonReader(value, pointer, self._problems))
            else:
                # An empty object in its place keeps the numbers of those that follow.
                self._problems.append(Problem(pointer, "not_an_object", _("A JSON object is needed.")))
                found.append(JsonReader({}, pointer, []))
        return found

    def free(self, name: str) -> dict[str, Any] | None:
        """An object that is kept as it is."""
        inner = self.child(name)
        return inner.value if inner else None

    def free_list(self, name: str, *, required: bool = False) -> list[Any]:
        value = self._take(name, required=required)
        if value is None:
            return []
        if not isinstance(value, list):
            self._fault(name, "not_a_list", _("A JSON array is needed."))
            return []
        return value

    def refuse_unknown(self) -> None:
        for name in self.value:
            if name not in self._asked:
                self._fault(name, "unknown_field", _("The contract has no such field; free data goes to “attributes”."))

    def _take(self, name: str, *, required: bool = False, nullable: bool = False) -> Any:
        self._asked.add(name)
        value = self.value.get(name)
        if required and (name not in self.value or (value is None and not nullable)):
            self._fault(name, "required", _("This field is required."))
        return value

    def _fault(self, name: str, code: str, detail: str) -> None:
        self._problems.append(Problem(self._at(name), code, detail))

    def _at(self, name: str) -> str:
        return f"{self._pointer}/{escape(name)}"
