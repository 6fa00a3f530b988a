"""What staff look for, and how it is found: the search of every list, and the one search over all of them.

A list names its searched columns (``search_fields``) by the path and how it is compared: ``number__exact`` (a number of ours, typed in any form),
``external_id__folded`` (another's code: case, width and hyphens do not matter), ``phone__digits``, and ``name`` alone for a part of a text
(``family_name+given_name`` for two that are read as one). Each column is asked by itself, so that each finds its rows by its own index, and the
newest rows of each are looked at: a search costs the same in a table of any size.

Rooms register in ``AppConfig.ready`` what the one search finds. Who sees a hit is decided by the page of its list: its permission and its rows.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat

from erp.core import folding
from erp.core.identifiers import classify_gtin, plain
from erp.core.numbering import PREFIXES

if TYPE_CHECKING:
    from django.db.models import QuerySet


# A list shows at most so many of the newest rows that a search finds; nobody reads on that far.
REACH = 10_000
LONGEST = 100
COMPARED = ("exact", "folded", "digits")
OF_A_PHONE = re.compile(r"[0-9+()\-‐‑‒–—―−ー. ]{8,}")
OF_OUR_NUMBERS = re.compile(r"(?P<prefix>[A-Z]{2,3})-?0*(?P<number>[0-9]{1,8})")


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody typed or scanned, in ordinary width."""

    text: str

    @classmethod
    def of(cls, typed: str) -> Sought:
        text = "".join(sign for sign in unicodedata.normalize("NFKC", typed) if sign.isprintable() or sign.isspace())
        return cls(" ".join(text.split())[:LONGEST])

    @property
    def words(self) -> list[str]:
        return [word for word in self.text.split(" ") if plain(word)]

    @property
    def numbers(self) -> list[str]:
        """The forms in which a number or code of ours may be stored: SO-42 is SO-00000042, a UPC is the GTIN of it."""
        forms = {self.text, self.text.upper(), self.text.lower(), plain(self.text)}
        if own := OF_OUR_NUMBERS.fullmatch(plain(self.text).upper()):
            forms.add(f"{own['prefix']}-{int(own['number']):08d}")
        if gtin := classify_gtin(self.text):
            forms.add(gtin[1])
        return sorted(form for form in forms if form)

    @property
    def bare_numbers(self) -> list[str]:
        """42 may be any document of that number: a guess, never the one hit."""
        digits = plain(self.text)
        is_one = digits.isascii() and digits.isdecimal() and len(digits) <= 8
        return [f"{prefix}-{int(digits):08d}" for prefix in PREFIXES.values()] if is_one else []

    @property
    def is_phone(self) -> bool:
        return bool(OF_A_PHONE.fullmatch(self.text))


@dataclass(frozen=True, slots=True)
class Findable:
    """Rows that the one search finds. ``fields`` are written like the searched columns of a list; ``name`` and ``facts``, which also
    take who looks, tell people which row it is.

    ``rank`` orders the kinds on the page, the smallest first.
    """

    model: str
    fields: Sequence[str]
    name: Callable[[Any], object]
    facts: Callable[[Any, Any], Iterable[object]]
    rank: int
    related: Sequence[str] = ()
    prefetched: Sequence[str] = ()


_findables: dict[str, Findable] = {}


def register(*findables: Findable) -> None:
    for findable in findables:
        _findables[findable.model] = findable


def registered() -> list[Findable]:
    return sorted(_findables.values(), key=lambda findable: (findable.rank, findable.model))


def search(rows: QuerySet[Any], fields: Sequence[str], typed: str) -> QuerySet[Any]:
    """Those of ``rows`` in which every word is found, in one column or another: the newest 10,000 of them."""
    sought = Sought.of(typed)
    if not sought.words or not fields:
        return rows.none() if typed.strip() and fields else rows
    whole = [_keys(rows, condition, REACH) for _is_exact, condition in _conditions(rows.model, fields, sought)]
    if len(sought.words) > 1:
        found = rows
        for word in map(Sought, sought.words):
            found = _among(
                found, [_keys(rows, each, REACH) for _is_exact, each in _conditions(rows.model, fields, word)]
            )
        whole.append(_keys(found, Q(), REACH))
    return _among(rows, whole)


def hits(rows: QuerySet[Any], findable: Findable, sought: Sought, limit: int) -> list[Any]:
    """The newest of ``rows`` that are found, those first whose number or code it is; one more than ``limit`` if there are more.

    Each has ``is_exact``: whether a whole number, code, address or telephone number was met.
    """
    asked = list(_conditions(rows.model, findable.fields, sought))
    exact = [_keys(rows, condition, limit + 1) for is_exact, condition in asked if is_exact]
    loose = [_keys(rows, condition, limit + 1) for is_exact, condition in asked if not is_exact]
    if not exact and not loose:
        return []
    is_met = Q(pk__in=_together(exact)) if exact else Value(False)
    found = _among(rows, exact + loose).select_related(*findable.related).prefetch_related(*findable.prefetched)
    whether = models.ExpressionWrapper(is_met, output_field=models.BooleanField())
    return list(found.annotate(is_exact=whether).order_by("-is_exact", "-pk")[: limit + 1])


def _among(rows: QuerySet[Any], keys: list[QuerySet[Any]]) -> QuerySet[Any]:
    return rows.filter(pk__in=_together(keys)) if keys else rows.none()


def _together(keys: list[QuerySet[Any]]) -> QuerySet[Any]:
    first, *others = keys
    return first.union(*others, all=True) if others else first


def _keys(rows: QuerySet[Any], condition: Q, limit: int) -> QuerySet[Any]:
    """The keys of the newest rows under one condition. By ``pk + 0``, which no index has: walking a whole table backwards must be no choice."""
    is_number = isinstance(rows.model._meta.pk, models.IntegerField)
    newest = (F("pk") + 0 if is_number else Concat(F("pk"), Value(""))).desc()
    return rows.filter(condition).order_by(newest).values("pk")[:limit]


def _conditions(model: type[models.Model], fields: Sequence[str], sought: Sought) -> Iterator[tuple[bool, Q]]:
    """One condition per column that can hold what is sought, each with whether it compares the whole."""
    for spec in fields:
        path, lookup = _parts(spec)
        if lookup == "finds":
            yield False, _contains(path, sought.words)
        elif lookup == "digits":
            if sought.is_phone:
                yield True, Q(**{f"{path}__digits": sought.text, f"{path}__gt": ""})
        elif lookup == "folded":
            yield True, Q(**{f"{path}__folded": sought.text, f"{path}__gt": ""})
        else:
            yield from _whole(_field(model, path), path, sought)


def _whole(field: models.Field[Any, Any], path: str, sought: Sought) -> Iterator[tuple[bool, Q]]:
    """A column that is compared as it is, where what is sought can stand in it."""
    if isinstance(field, models.CharField | models.TextField):
        yield True, Q(**{f"{path}__in": sought.numbers})
        if sought.bare_numbers and path.rpartition("__")[2] == "number":
            yield False, Q(**{f"{path}__in": sought.bare_numbers})
    elif isinstance(field, models.GenericIPAddressField):
        if _is_address(sought.text):
            yield True, Q(**{path: sought.text})
    elif sought.text.isascii() and sought.text.isdecimal() and len(sought.text) < 19:
        yield False, Q(**{path: int(sought.text)})


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _contains(path: str, words: Sequence[str]) -> Q:
    columns = [F(column) for column in path.split("+")]
    condition = Q()
    for word in words:
        condition &= Q(folding.Contains(*columns, Value(word)))
    return condition


def _parts(spec: str) -> tuple[str, str]:
    path, _sign, lookup = spec.rpartition("__")
    return (path, lookup) if path and lookup in COMPARED else (spec, "finds")


@cache
def _field(model: type[models.Model], path: str) -> models.Field[Any, Any]:
    """The column at the end of a path."""
    *relations, name = path.split("__")
    for relation in relations:
        model = model._meta.get_field(relation).related_model  # type: ignore[assignment]
    return model._meta.pk if name == "pk" else model._meta.get_field(name)  # type: ignore[return-value]
