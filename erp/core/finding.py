"""What staff look for, and how it is found: the search of every list, and the one search over all of them.

A list names its searched columns (``search_fields``) by the path and how it is compared: ``number__exact`` (a number of ours, typed in any form),
``external_id__folded`` (another's code: case, width and hyphens do not matter), ``phone__digits``, and ``name`` alone for a part of a text
(``family_name+given_name`` for two that are read as one). Each column is asked by itself, so that each finds its rows by its own index, and the
newest rows of each are looked at: a search costs the same in a table of any size. What very many rows bear is looked for among the newest rows
first, and in older ones only if those were too few.

Rooms register in ``AppConfig.ready`` what the one search finds. Who sees a hit is decided by the page of its list: its permission and its rows.
"""

from __future__ import annotations

import ipaddress
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import groupby, pairwise
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Concat

from erp.core import folding
from erp.core.identifiers import gtin_forms, plain
from erp.core.numbering import PREFIXES

if TYPE_CHECKING:
    from django.db.models import QuerySet


# A list shows at most so many of the newest rows that a search finds; nobody reads on that far.
REACH = 200
# A part of a text that more rows bear than this is common: to read each of them would take longer than anybody waits.
COMMON = 2_000
# As many are expected where several words are common together and PostgreSQL thought otherwise.
UNFORESEEN = 4 * COMMON
# So many of the newest rows are read for a legal form: an index would first collect all rows that bear it, of which there are ten times as many.
WALKED = 10_000
# The rarest of so many pairs of a word tells how many rows bear it: PostgreSQL takes the pairs for independent of each other, and they are not.
MOST_PAIRS = 4
LONGEST = 100
# Each word is looked for beside each other one; behind these a text that somebody pasted says nothing more.
MOST_WORDS = 8
COMPARED = ("exact", "folded", "digits")
KANJI = re.compile("[々〆\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
OF_ASCII = re.compile(r"[!-~]{4}")
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
        """Each once. The legal form of a company is looked for only where nothing else is."""
        words = list(dict.fromkeys(self._typed))[:MOST_WORDS]
        return [word for word in words if not folding.is_legal_form(word)] or words

    @property
    def is_cut(self) -> bool:
        """Whether more words were typed than are looked for."""
        return len(set(self._typed)) > MOST_WORDS

    @property
    def _typed(self) -> list[str]:
        return [word for word in self.text.split(" ") if plain(word)]

    @property
    def readings(self) -> list[Sought]:
        """As it was typed; and, since a sign alone is looked for at the beginning of a text only, as one name where the blank before or behind a
        single sign may be that between two names: 髙橋 浩, 林 浩, 浩 髙橋, 林 林. Whoever reads a name off the page finds it."""
        names: list[str] = []
        sought = set(self.words)
        each = [word for word in self._typed if word in sought][:MOST_WORDS]
        for is_sign, together in groupby(each, folding.is_one_sign):
            words = list(together)
            names += ["".join(words)] if is_sign else words
        joined = names[:1]
        for name in names[1:]:
            if folding.is_one_sign(name) or folding.is_one_sign(joined[-1]):
                joined[-1] += name
            else:
                joined.append(name)
        turned = [names[1] + names[0], *names[2:]] if len(names) > 1 and folding.is_one_sign(names[0]) else joined
        return [
            self,
            *(
                read
                for text in dict.fromkeys(map(" ".join, (joined, turned)))
                if (read := Sought(text)).words != self.words
            ),
        ]

    @property
    def is_kanji(self) -> bool:
        """Kanji stand in no kana."""
        return bool(KANJI.search(self.text))

    @property
    def numbers(self) -> list[str]:
        """The forms in which a number or code of ours may be stored: SO-42 is SO-00000042, a GTIN has more or fewer leading zeros."""
        forms = {self.text, self.text.upper(), self.text.lower(), plain(self.text)}
        if own := OF_OUR_NUMBERS.fullmatch(plain(self.text).upper()):
            forms.add(f"{own['prefix']}-{int(own['number']):08d}")
        forms.update(gtin_forms(self.text))
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

    ``rank`` orders the kinds on the page, the smallest first. ``opens`` is the page of its document that people want of it, if not its record.
    """

    model: str
    fields: Sequence[str]
    name: Callable[[Any], object]
    facts: Callable[[Any, Any], Iterable[object]]
    rank: int
    related: Sequence[str] = ()
    prefetched: Sequence[str] = ()
    opens: str = ""


@dataclass(frozen=True, slots=True)
class _Condition:
    """What a row has to be. A part of a text is found by its pairs of characters, by an index, and then looked at for their order.

    ``is_exact``: whether it compares the whole of a column. ``each``: per word, what has one of its pairs; of very few characters, all.
    ``form``: what nothing but a legal form asks of the text itself.
    """

    whole: Q
    is_exact: bool = True
    pairs: Q | None = None
    order: Q = field(default_factory=Q)
    each: tuple[tuple[Q, ...], ...] = ()
    form: Q | None = None

    @classmethod
    def of_words(cls, texts: Sequence[Sequence[str]], words: Sequence[str]) -> _Condition:
        """Every word is a part of one of the texts, of which each is a column or two that are read as one."""

        def some(part: type[folding.OfText], word: str, *which: Value) -> Q:
            read = [columns for columns in texts if not (Sought(word).is_kanji and _is_kana(columns))]
            return reduce(or_, [Q(part(*map(F, columns), *which, Value(word))) for columns in read or texts])

        def every(part: type[folding.OfText], asked: Iterable[str]) -> Q:
            return reduce(and_, [some(part, word) for word in asked], Q())

        each = tuple(
            tuple(
                some(folding.HasPair, word, Value(place))
                for place in range(1, min(len(word), MOST_PAIRS + 1))
                # Numbers are known by four signs in a row, and of those each is as likely as another.
                if not (OF_ASCII.search(word) or folding.is_legal_form(word))
            )
            or (some(folding.HasPairs, word),)
            for word in words
        )
        # The pairs of two characters are all there is to know of them.
        long = [word for word in words if len(word) > 2 and not folding.is_legal_form(word)]
        whole, pairs = every(folding.Contains, words), every(folding.HasPairs, words)
        form = every(folding.HasForm, words) if len(words) == 1 and folding.is_legal_form(words[0]) else None
        return cls(whole, is_exact=False, pairs=pairs, order=every(folding.HasInOrder, long), each=each, form=form)


@models.Field.register_lookup
class Among(models.Lookup[Any]):
    """One of a list of values, given as one: a thousand parameters cost more than what is looked for."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, held = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*held, self.rhs)


_findables: dict[str, Findable] = {}


def register(*findables: Findable) -> None:
    for findable in findables:
        _findables[findable.model] = findable


def registered() -> list[Findable]:
    return sorted(_findables.values(), key=lambda findable: (findable.rank, findable.model))


def search(rows: QuerySet[Any], fields: Sequence[str], typed: str) -> QuerySet[Any]:
    """Those of ``rows`` in which every word is found, in one column or another: the newest 200 of them."""
    keys = keys_of(rows, fields, typed)
    return rows if keys is None else of_keys(rows, keys)


def of_keys(rows: QuerySet[Any], keys: list[Any]) -> QuerySet[Any]:
    return rows.filter(_is_of(rows.model, keys)) if keys else rows.none()


def keys_of(rows: QuerySet[Any], fields: Sequence[str], typed: str, reach: int | None = None) -> list[Any] | None:
    """Their keys, since a list asks for its rows and for their number; the newest ``reach`` of them where a file takes more than a list shows.
    None where nothing is looked for."""
    reach = reach or REACH
    sought = Sought.of(typed)
    if not sought.words or not fields:
        return [] if typed.strip() and fields else None
    if extended := _extended(rows, fields):
        return keys_of(*extended, typed, reach)
    keys: set[Any] = set()
    for reading in sought.readings:
        keys |= (
            _with_every_word(rows, fields, reading, reach)
            if len(reading.words) > 1
            else _newest(rows, _conditions(rows.model, fields, reading), reach)
        )
    return sorted(keys, reverse=True)[:reach]


def _extended(rows: QuerySet[Any], fields: Sequence[str]) -> tuple[QuerySet[Any], list[str]] | None:
    """Where a row is an extension of another's and is searched by that one alone, the other rows that have one: the keys are the same, and the
    newest are found without a join."""
    key = rows.model._meta.pk
    if not key.is_relation or not all(spec.startswith(f"{key.name}__") for spec in fields):
        return None
    others = key.related_model._default_manager.filter(Exists(rows.order_by().filter(pk=OuterRef("pk"))))
    return others, [spec.removeprefix(f"{key.name}__") for spec in fields]


def _with_every_word(rows: QuerySet[Any], fields: Sequence[str], sought: Sought, reach: int) -> set[Any]:
    """Words that are parts of texts of the row itself are looked for together; one that is a number, a code or a text elsewhere says where the
    others are looked for."""
    own = [_parts(spec)[0].split("+") for spec in fields if _parts(spec)[1] == "finds" and "__" not in spec]
    others = [spec for spec in fields if _parts(spec)[0].split("+") not in own]
    together = [_Condition.of_words(own, sought.words)] if own else []
    keys = _newest(rows, [*together, *_conditions(rows.model, others, sought)], reach)
    for word in sought.words:
        found = _newest(rows, _conditions(rows.model, others, Sought(word)), reach)
        for other in sought.words:
            if found and other != word:
                of_both = _conditions(rows.model, fields, Sought(other))
                found = _newest(rows.filter(_is_of(rows.model, found)), of_both, reach)
        keys |= found
    return keys


def _newest(rows: QuerySet[Any], conditions: Iterable[_Condition], limit: int) -> set[Any]:
    """The keys of the newest rows under any of the conditions."""
    asked = [_keys(rows, condition, limit) for condition in conditions]
    known = {key for keys in asked if isinstance(keys, list) for key in keys}
    queries = [keys for keys in asked if not isinstance(keys, list)]
    return known | ({row["pk"] for row in _together(queries)} if queries else set())


def hits(rows: QuerySet[Any], findable: Findable, sought: Sought, limit: int) -> list[Any]:
    """The newest of ``rows`` that are found, those first whose number or code it is; one more than ``limit`` if there are more.

    Each has ``is_exact``: whether a whole number, code, address or telephone number was met.
    """
    asked = [each for reading in sought.readings for each in _conditions(rows.model, findable.fields, reading)]
    exact = _newest(rows, [condition for condition in asked if condition.is_exact], limit + 1)
    loose = _newest(rows, [condition for condition in asked if not condition.is_exact], limit + 1)
    if not exact | loose:
        return []
    found = rows.filter(pk__in=exact | loose).select_related(*findable.related).prefetch_related(*findable.prefetched)
    whether = models.ExpressionWrapper(Q(pk__in=exact) if exact else Value(False), output_field=models.BooleanField())
    return list(found.annotate(is_exact=whether).order_by("-is_exact", "-pk")[: limit + 1])


def _together(keys: list[QuerySet[Any]]) -> QuerySet[Any]:
    first, *others = keys
    return first.union(*others, all=True) if others else first


def _keys(rows: QuerySet[Any], condition: _Condition, limit: int) -> QuerySet[Any] | list[Any]:
    """The keys of the newest rows under one condition."""
    newest = _newest_first(rows.model)
    if condition.pairs is None or not _has_number(rows.model):
        return rows.filter(condition.whole).order_by(newest).values("pk")[:limit]
    expected, rarest = _expected(rows, condition, condition.pairs)
    if expected <= COMMON:
        known = list(rows.filter(condition.pairs).order_by().values_list("pk", flat=True)[: COMMON + 1])
        if len(known) <= COMMON:
            return _in_order_newest(rows, condition.order, sorted(set(known), reverse=True), limit)
        expected = UNFORESEEN
    # PostgreSQL asks for rows of the next step only if those before it were fewer than ``limit``.
    found = rows.filter(rarest, condition.order).order_by(newest).values("pk")
    last = rows.model._default_manager.order_by("-pk").values_list("pk", flat=True).first() or 0
    first, *others = _steps(last, expected)
    if condition.form is not None and _span(last, expected) <= WALKED:
        asked = [rows.filter(condition.form, first).order_by("-pk").values("pk")[:limit]]
    else:
        asked = [found.filter(first)[:limit]]
    return _together([*asked, *(found.filter(step)[:limit] for step in others)])[:limit]


def _in_order_newest(rows: QuerySet[Any], order: Q, known: list[Any], limit: int) -> list[Any]:
    """The first ``limit`` of these keys whose rows have the signs in order. To look at a row costs more than to find it, and of most pairs that
    are in a row the signs are in order: so a quarter more than are wanted are looked at first."""
    if not order:
        return known[:limit]
    found: list[Any] = []
    first = limit * 5 // 4
    for keys in (known[:first], known[first:]):
        if keys and len(found) < limit:
            fitting = rows.filter(order, _is_of(rows.model, keys)).order_by().values_list("pk", flat=True)
            found += sorted(set(fitting), reverse=True)
    return found[:limit]


def _has_number(model: type[models.Model]) -> bool:
    key: Any = model._meta.pk
    return isinstance(key.target_field if key.is_relation else key, models.IntegerField)


def _newest_first(model: type[models.Model]) -> Any:
    """By ``pk + 0``, which no index has: walking a whole table backwards must be no choice."""
    if not _has_number(model):
        return Concat(F("pk"), Value("")).desc()
    if model._meta.pk.is_relation:
        number = F("pk") + Value(0, models.BigIntegerField())
        return models.ExpressionWrapper(number, models.BigIntegerField()).desc()
    return (F("pk") + 0).desc()


def _expected(rows: QuerySet[Any], condition: _Condition, pairs: Q) -> tuple[int, Q]:
    """How many rows PostgreSQL expects, and by which pairs it finds them: of one word by the rarest, of several words by all of them."""
    asked = condition.each[0] if len(condition.each) == 1 else (pairs,)
    plans = [json.loads(rows.filter(each).order_by().values("pk").explain(format="json")) for each in asked]
    counts = [int(plan[0]["Plan"]["Plan Rows"]) for plan in plans]
    return min(counts), asked[counts.index(min(counts))]


def _is_of(model: type[models.Model], keys: Iterable[Any]) -> Q:
    """A key that is another's, of an extension of a row, knows the plain list only."""
    return Q(pk__in=list(keys)) if model._meta.pk.is_relation else Q(pk__among=list(keys))


def _span(newest: int, expected: int) -> int:
    """A quarter more keys than it takes to find enough if what is sought lies evenly."""
    return newest * REACH * 5 // (expected * 4)


def _steps(newest: int, expected: int) -> list[Q]:
    """Spans of keys, the newest first; the second is eight times as long as the first."""
    span = _span(newest, expected)
    bounds = [newest - each for each in (span, 9 * span) if 0 < each < newest]
    between = [Q(pk__gt=low, pk__lte=high) for high, low in pairwise(bounds)]
    return [Q(pk__gt=bounds[0]), *between, Q(pk__lte=bounds[-1])] if bounds else [Q()]


def _conditions(model: type[models.Model], fields: Sequence[str], sought: Sought) -> Iterator[_Condition]:
    """One condition per column that can hold what is sought."""
    for spec in fields:
        path, lookup = _parts(spec)
        if lookup == "finds":
            if not (sought.is_kanji and _is_kana(path.split("+"))):
                yield _Condition.of_words([path.split("+")], sought.words)
        elif lookup == "digits":
            if sought.is_phone:
                yield _Condition(_same(model, path, lookup, sought.text))
        elif lookup == "folded":
            yield _Condition(_same(model, path, lookup, sought.text))
        else:
            yield from _whole(_field(model, path), path, sought)


def _same(model: type[models.Model], path: str, lookup: str, text: str) -> Q:
    """A code or number that is the same, and not empty, which is what its index knows. In another table the newest that are the same are
    looked for first: PostgreSQL knows nothing of an index over a part of the rows, takes one row in two hundred for the same, and would read
    all rows that may point there."""
    relation, _sign, column = path.rpartition("__")
    same = Q(**{f"{column}__{lookup}": text, f"{column}__gt": ""})
    if not relation:
        return same
    there = _field(model, path).model
    newest = there._default_manager.filter(same).order_by(_newest_first(there)).values("pk")[:REACH]
    return Q(**{f"{relation}__in": newest})


def _whole(field: models.Field[Any, Any], path: str, sought: Sought) -> Iterator[_Condition]:
    """A column that is compared as it is, where what is sought can stand in it."""
    if isinstance(field, models.CharField | models.TextField):
        yield _Condition(Q(**{f"{path}__in": sought.numbers}))
        if sought.bare_numbers and path.rpartition("__")[2] == "number":
            yield _Condition(Q(**{f"{path}__in": sought.bare_numbers}), is_exact=False)
    elif isinstance(field, models.GenericIPAddressField):
        if _is_address(sought.text):
            yield _Condition(Q(**{path: sought.text}))
    elif sought.text.isascii() and sought.text.isdecimal() and len(sought.text) < 19 and sought.text[0] != "0":
        # Zeros in front are a part of somebody else's number, never of a key of ours.
        yield _Condition(Q(**{path: int(sought.text)}), is_exact=False)


def _is_kana(columns: Sequence[str]) -> bool:
    return all(column.rpartition("_")[2] == "kana" for column in columns)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


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
