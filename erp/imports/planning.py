"""What rows of a file would do to a master, found out for many at once: a fixed number of questions per chunk, none per row.

Used twice: for the check, and again behind the locks when it is executed, so that what is written is what was shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import connection
from django.db.models import CheckConstraint, Field, Model, UniqueConstraint
from django.utils.translation import gettext

from erp.core.rows import column_type
from erp.imports.masters import Column, Master, is_foreign_key
from erp.imports.models import ImportRow
from erp.imports.values import BadValue, as_typed, parse, shortened, told, word

NEW, CHANGED = ImportRow.Outcome.NEW, ImportRow.Outcome.CHANGED
UNCHANGED, REFUSED = ImportRow.Outcome.UNCHANGED, ImportRow.Outcome.REFUSED
_encode = msgspec.json.Encoder().encode
# Codes that a spreadsheet would take for numbers are hardly longer.
LONGEST_WITH_ZEROS = 14


@dataclass(slots=True)
class Planned:
    """One row. ``values`` are by field, foreign keys as ids; ``changes`` are told, old and new, by field."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    changes: dict[str, list[Any]] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    instance: Model | None = None
    is_new: bool = False

    @property
    def outcome(self) -> str:
        if self.problems:
            return REFUSED
        return NEW if self.is_new else CHANGED if self.changes else UNCHANGED

    def is_faulty(self, title: str) -> bool:
        """Whether something is wrong with this column already; a second reason would only follow from the first."""
        return any(said == title for said, _why in self.problems)

    def refuse(self, title: str, why: str) -> None:
        if (title, why) not in self.problems:
            self.problems.append((title, why))


@dataclass(slots=True)
class Seen:
    """What the rows before said, over a whole file: which row named which key, per set of columns that is unique."""

    keys: dict[tuple[str, ...], dict[tuple[Any, ...], int]] = field(default_factory=dict)

    def claim(self, names: tuple[str, ...], key: tuple[Any, ...], number: int) -> int | None:
        """The earlier row that claimed the same, or None."""
        earlier = self.keys.setdefault(names, {}).setdefault(key, number)
        return None if earlier == number else earlier


@dataclass(slots=True)
class Frame:
    """What all rows of a run share."""

    master: Master
    mapping: Sequence[str]
    clears_blanks: bool
    user: Any
    encoding: str = ""
    seen: Seen = field(default_factory=Seen)
    columns: list[tuple[int, Column]] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = [(index, self.master.column(name)) for index, name in enumerate(self.mapping) if name]


def plan(frame: Frame, rows: Sequence[tuple[int, Sequence[str]]], *, lock: bool = False) -> list[Planned]:
    """What each row would do, in the order of ``rows`` (number and cells). With ``lock`` the rows that are there are locked first."""
    planned = [_read(frame, number, cells) for number, cells in rows]
    _resolve(frame, planned)
    _clean(frame, planned)
    _find(frame, planned, lock=lock)
    _refuse_lost_zeros(frame, planned)
    for row in planned:
        _compare(frame, row)
    _tell_old(frame, planned)
    _allow(frame, planned)
    _validate(frame, planned)
    _check(frame, planned)
    _refuse_doubles(frame, planned)
    return planned


def _read(frame: Frame, number: int, cells: Sequence[str]) -> Planned:
    """Each cell by itself. An empty one says nothing, or empties its field."""
    row = Planned(number)
    for index, column in frame.columns:
        field, text = frame.master.field(column.field), as_typed(cells[index])
        try:
            if not text.strip():
                if frame.clears_blanks:
                    row.values[column.field] = _nothing(field)
            elif is_foreign_key(field):
                row.names[column.field] = word(text, is_code=True)
            else:
                row.values[column.field] = parse(field, text, is_code=column.is_code, words=column.words)
        except BadValue as fault:
            row.refuse(frame.master.title_of(column.field), str(fault))
    for name, value in frame.master.assumed.items():
        if name not in row.names and row.values.get(name) in (None, ""):
            row.values[name] = value
    return row


def _nothing(field: Field[Any, Any]) -> Any:
    if field.null:
        return None
    return "" if field.empty_strings_allowed and field.blank and not field.has_default() else field.get_default()


def _resolve(frame: Frame, planned: Sequence[Planned]) -> None:
    """Names of other masters become ids, one question per column."""
    for _index, column in frame.columns:
        field = frame.master.field(column.field)
        if not is_foreign_key(field):
            continue
        wanted = {row.names[column.field] for row in planned if column.field in row.names}
        found = _ids_of(field, column, wanted)
        meant = _with_zeros(field.related_model, column.lookup, wanted - found.keys())
        for row in planned:
            name = row.names.get(column.field)
            if name is not None and name in found:
                row.values[column.field] = found[name]
            elif name is not None:
                other = field.related_model._meta.verbose_name  # type: ignore[union-attr]
                why = gettext("There is no %(kind)s “%(name)s”.") % {"kind": other, "name": shortened(name)}
                if name in meant:
                    why += gettext("“%(code)s” is there: a spreadsheet may have dropped the zeros in front.") % {
                        "code": meant[name]
                    }
                row.refuse(frame.master.title_of(column.field), why)


def _ids_of(field: Field[Any, Any], column: Column, names: Iterable[str]) -> dict[str, int]:
    wanted = list(names)
    if not wanted:
        return {}
    rows = field.related_model._default_manager.filter(**{f"{column.lookup}__in": wanted})  # type: ignore[union-attr]
    return dict(rows.values_list(column.lookup, "pk"))


def _with_zeros(model: Any, name: str, codes: Iterable[str]) -> dict[str, str]:
    """Of codes that are digits alone: which are there with zeros in front, as spreadsheets drop them."""
    asked = {
        code.zfill(length): code
        for code in codes
        if code.isascii() and code.isdecimal()
        for length in range(len(code) + 1, LONGEST_WITH_ZEROS + 1)
    }
    if not asked:
        return {}
    there = model._default_manager.filter(**{f"{name}__in": list(asked)}).values_list(name, flat=True)
    return {asked[code]: code for code in there}


def _refuse_lost_zeros(frame: Frame, planned: Sequence[Planned]) -> None:
    """A row that would be new although its code is there with zeros in front is a file that a spreadsheet saved: it would double the master."""
    master = frame.master
    if master.key != ("code",):
        return
    fresh = [row for row in planned if row.is_new]
    meant = _with_zeros(master.model, "code", {row.values["code"] for row in fresh})
    for row in fresh:
        if code := meant.get(row.values["code"]):
            why = gettext(
                "“%(code)s” is there: a spreadsheet may have dropped the zeros in front. Register another one on its page."
            )
            row.refuse(master.title_of("code"), why % {"code": code})


def _clean(frame: Frame, planned: Sequence[Planned]) -> None:
    master = frame.master
    if master.clean is not None:
        for row in planned:
            for name, why in master.clean(row.values):
                row.refuse(master.title_of(name), why)
    if master.clean_together is not None:
        for place, name, why in master.clean_together([row.values for row in planned]):
            planned[place].refuse(master.title_of(name), why)


def _key(frame: Frame, row: Planned) -> tuple[Any, ...] | None:
    """What names the row; None while a part of it is missing or cannot be read."""
    key = []
    for name in frame.master.key:
        field = frame.master.field(name)
        value = row.values.get(name)
        if row.is_faulty(frame.master.title_of(name)) or (value in (None, "") and not field.null):
            return None
        key.append(value)
    return tuple(key)


def _find(frame: Frame, planned: Sequence[Planned], *, lock: bool) -> None:
    """The rows that are there, by their keys; a row that says no key is refused."""
    keys: dict[int, tuple[Any, ...]] = {}
    for place, row in enumerate(planned):
        key = _key(frame, row)
        if key is not None:
            keys[place] = key
            continue
        for name in frame.master.key:
            title, is_said = frame.master.title_of(name), name in row.names or row.values.get(name) not in (None, "")
            if not is_said and not frame.master.field(name).null and not row.is_faulty(title):
                row.refuse(title, gettext("Missing: without it nobody knows which row is meant."))
    found = _matching(frame.master, frame.master.key, keys)
    instances = _instances(frame.master, set(found.values()), lock=lock)
    for place in keys:
        planned[place].instance = instances.get(found.get(place, 0))
        planned[place].is_new = planned[place].instance is None


def _instances(master: Master, ids: set[int], *, lock: bool) -> dict[int, Model]:
    if not ids:
        return {}
    rows = master.model._default_manager.filter(pk__in=ids).order_by("pk")
    if lock:
        if master.lock_first is not None:
            master.lock_first(sorted(ids))
        list(rows.select_for_update(of=("self",), no_key=True).values_list("pk"))
    return {row.pk: row for row in rows}


def _matching(master: Master, names: Sequence[str], keys: Mapping[int, tuple[Any, ...]]) -> dict[int, int]:
    """Which row of the table each key names: place → id. One statement per set of parts that are empty, each an equality that an index serves."""
    fields = [master.field(name) for name in names]
    table, found = master.model._meta.db_table, {}
    shapes = itertools.groupby(
        sorted(keys, key=lambda place: _shape(keys[place])), key=lambda place: _shape(keys[place])
    )
    for shape, places in shapes:
        typed = ", ".join(f'"k{i}" {column_type(each)}' for i, each in enumerate(fields))
        met = " AND ".join(
            f't."{each.column}" IS NULL' if is_null else f't."{each.column}" = k."k{i}"'
            for i, (each, is_null) in enumerate(zip(fields, shape, strict=True))
        )
        asked = [
            {
                "place": place,
                **{
                    f"k{i}": each.get_prep_value(value)
                    for i, (each, value) in enumerate(zip(fields, keys[place], strict=True))
                },
            }
            for place in places
        ]
        # Every name comes from our own models, none from outside.
        statement = f'SELECT k.place, t.id FROM json_to_recordset(%s::json) AS k (place integer, {typed}) JOIN "{table}" t ON {met}'  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(statement, [_encode(asked).decode()])
            found.update(dict(cursor.fetchall()))
    return found


def _shape(key: tuple[Any, ...]) -> tuple[bool, ...]:
    return tuple(value is None for value in key)


def _compare(frame: Frame, row: Planned) -> None:
    """What is different. A new row begins with the defaults of its model."""
    if row.instance is None and not row.is_new:
        return
    master = frame.master
    if row.instance is None:
        row.instance = master.model(**{name: row.values[name] for name in master.assumed})
    for _index, column in frame.columns:
        if column.field not in row.values or column.field in row.changes:
            continue
        field, new = master.field(column.field), row.values[column.field]
        old = getattr(row.instance, field.attname)
        if not row.is_new and (old == new or _is_same_in(frame.encoding, old, new)):
            continue
        if row.is_new:
            setattr(row.instance, field.attname, new)
            if new not in (None, ""):
                row.changes[column.field] = [None, _told(master, column, row, new)]
        else:
            # The old value is told for all rows at once, see ``_tell_old``.
            row.changes[column.field] = [old, _told(master, column, row, new)]
            setattr(row.instance, field.attname, new)
            if column.is_fixed:
                row.fixed.add(column.field)


def _told(master: Master, column: Column, row: Planned, value: Any) -> str:
    field = master.field(column.field)
    return row.names.get(column.field, "") if is_foreign_key(field) else told(field, value)


def _is_same_in(encoding: str, old: Any, new: Any) -> bool:
    """A file in cp932 cannot say every sign; one that only says a sign its own way changes nothing."""
    if encoding != "cp932" or not isinstance(old, str) or not isinstance(new, str):
        return False
    return old.translate(TO_CP932) == new


# Signs that cp932 has under another number, as it was written by every Japanese PC.
TO_CP932 = str.maketrans({"〜": "～", "−": "－", "‖": "∥", "—": "―", "¢": "￠", "£": "￡", "¬": "￢"})


def _tell_old(frame: Frame, planned: Sequence[Planned]) -> None:
    """What stood there, in words; the names of other masters with one question per column. What an import never changes is refused."""
    for _index, column in frame.columns:
        field = frame.master.field(column.field)
        olds = {row.changes[column.field][0] for row in planned if column.field in row.changes and not row.is_new}
        if is_foreign_key(field):
            names = dict(
                field.related_model._default_manager.filter(pk__in=olds - {None}).values_list("pk", column.lookup)  # type: ignore[union-attr]
            )
        for row in planned:
            if column.field in row.changes and not row.is_new:
                old = row.changes[column.field][0]
                row.changes[column.field][0] = str(names.get(old, "")) if is_foreign_key(field) else told(field, old)
    for row in planned:
        for name in sorted(row.fixed):
            why = gettext("It is not changed by an import (now: %(old)s).") % {"old": row.changes[name][0] or "–"}
            row.refuse(frame.master.title_of(name), why)


def _allow(frame: Frame, planned: Sequence[Planned]) -> None:
    """Who imports, and of which rows: as in the forms of the master."""
    master = frame.master
    may_add, may_change = master.may(frame.user, "add"), master.may(frame.user, "change")
    for row in planned:
        if row.is_new and not may_add:
            row.refuse("", gettext("It is not there, and you may not add rows here."))
        elif row.changes and not row.is_new and not may_change:
            row.refuse("", gettext("It is different, and you may not change rows here."))
    reach = master.reach_of(frame.user)
    if reach is None:
        return
    there = {row.instance.pk for row in planned if row.instance is not None and not row.is_new}
    own = set(master.model._default_manager.filter(reach.q, pk__in=there).values_list("pk", flat=True))
    for row in planned:
        # Where it is, and where the file would have it.
        is_own = row.instance is None or row.is_new or row.instance.pk in own
        if not is_own or (row.instance is not None and getattr(row.instance, reach.column) not in reach.ids):
            row.refuse("", gettext("It belongs to places that you do not work with."))


def _validate(frame: Frame, planned: Sequence[Planned]) -> None:
    """The fields' own rules, as a form asks them. That foreign keys lead somewhere is known already."""
    fields = frame.master.model._meta.concrete_fields
    names, foreign = {each.name for each in fields}, {each.name for each in fields if is_foreign_key(each)}
    for row in planned:
        if row.instance is None or (not row.is_new and not row.changes):
            continue
        asked = names if row.is_new else set(row.changes)
        _take_in(frame, row, _faults_of(lambda: row.instance.clean_fields(exclude=(names - asked) | foreign | {"id"})))  # type: ignore[union-attr] # noqa: B023
        for name in sorted(foreign & asked):
            field, title = frame.master.field(name), frame.master.title_of(name)
            if not field.null and getattr(row.instance, field.attname) is None and not row.is_faulty(title):
                row.refuse(title, str(field.error_messages["blank"]))
        _take_in(frame, row, _faults_of(row.instance.clean))


def _faults_of(asked: Callable[[], None]) -> list[tuple[str, str]]:
    """What a model's own rules say, by field; "" for the row as a whole."""
    try:
        asked()
    except ValidationError as fault:
        if hasattr(fault, "error_dict"):
            return [(name, why) for name, told_ in fault.message_dict.items() for why in told_]
        return [("", why) for why in fault.messages]
    return []


def _take_in(frame: Frame, row: Planned, faults: Iterable[tuple[str, str]]) -> None:
    faulty_before = {title for title, _why in row.problems}
    for name, why in faults:
        title = "" if name in ("", NON_FIELD_ERRORS) else frame.master.title_of(name)
        if not title or title not in faulty_before:
            row.refuse(title, why)


def _check(frame: Frame, planned: Sequence[Planned]) -> None:
    """The constraints of the table, asked of PostgreSQL itself for all rows in one statement, each told in its own words."""
    model = frame.master.model
    checks = [each for each in model._meta.constraints if isinstance(each, CheckConstraint)]
    rows = [row for row in planned if row.instance is not None and not row.problems and (row.is_new or row.changes)]
    if not checks or not rows:
        return
    fields = model._meta.concrete_fields
    typed = ", ".join(f'"{each.column}" {column_type(each)}' for each in fields)
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        conditions = ", ".join(f"({each._get_check_sql(model, editor)})" for each in checks)  # type: ignore[attr-defined]
    asked = [
        {"place": place, **{each.column: each.get_prep_value(getattr(row.instance, each.attname)) for each in fields}}
        for place, row in enumerate(rows)
    ]
    conditions = conditions.replace("%", "%%")
    statement = f"SELECT place, ARRAY[{conditions}] FROM json_to_recordset(%s::json) AS t (place integer, {typed})"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [_encode(asked).decode()])
        for place, holds in cursor.fetchall():
            for check, is_met in zip(checks, holds, strict=True):
                if is_met is False:
                    rows[place].refuse("", str(check.get_violation_error_message()))


def _unique_sets(model: type[Model]) -> list[tuple[tuple[str, ...], UniqueConstraint | None]]:
    sets: list[tuple[tuple[str, ...], UniqueConstraint | None]] = [
        ((each.name,), None) for each in model._meta.concrete_fields if each.unique and not each.primary_key
    ]
    sets += [
        (tuple(each.fields), each)
        for each in model._meta.constraints
        if isinstance(each, UniqueConstraint) and each.fields
    ]
    return sets


def _refuse_doubles(frame: Frame, planned: Sequence[Planned]) -> None:
    """Two rows of a file for one row of the master, and what is unique beside its key, in the file and in the table."""
    master = frame.master
    for row in planned:
        key = _key(frame, row)
        if key is not None and master.same is not None:
            key = master.same(key)
        if key is not None and (earlier := frame.seen.claim(master.key, key, row.number)):
            why = gettext("Row %(number)d of this file names the same.") % {"number": earlier}
            row.refuse(_titles(master, master.key), why)
    for names, constraint in _unique_sets(master.model):
        if set(names) == set(master.key):
            continue
        keys = _unique_keys(master, planned, names, constraint)
        for place, key in keys.items():
            if earlier := frame.seen.claim(names, key, planned[place].number):
                why = gettext("Row %(number)d of this file says the same.") % {"number": earlier}
                planned[place].refuse(_titles(master, names), why)
        for place, pk in _matching(master, names, keys).items():
            instance = planned[place].instance
            if instance is not None and instance.pk != pk:
                why = _own_words(constraint) or gettext("Another row has this already.")
                planned[place].refuse(_titles(master, names), why)


def _unique_keys(
    master: Master, planned: Sequence[Planned], names: tuple[str, ...], constraint: UniqueConstraint | None
) -> dict[int, tuple[Any, ...]]:
    """What each row that would be written says of ``names``, where that has to be its own: place → values."""
    is_distinct = constraint is None or constraint.nulls_distinct is not False
    keys: dict[int, tuple[Any, ...]] = {}
    for place, row in enumerate(planned):
        if row.instance is None or row.problems or not (row.is_new or row.changes):
            continue
        if constraint is not None and constraint.condition is not None and not _meets(constraint, row.instance):
            continue
        key = tuple(getattr(row.instance, master.field(name).attname) for name in names)
        if not (is_distinct and None in key):
            keys[place] = key
    return keys


def _own_words(constraint: UniqueConstraint | None) -> str:
    if constraint is None or constraint.violation_error_message == constraint.default_violation_error_message:
        return ""
    return str(constraint.get_violation_error_message())


def _titles(master: Master, names: Sequence[str]) -> str:
    return "・".join(master.title_of(name) for name in names)


def _meets(constraint: UniqueConstraint, instance: Model) -> bool:
    """Conditions of ours compare fields with constants, joined by AND."""
    condition: Any = constraint.condition
    return all(getattr(instance, name) == value for name, value in condition.children)


def label_of(frame: Frame, cells: Sequence[str]) -> str:
    """What staff know the row by: the cells of its key as they came."""
    said = [as_typed(cells[index]) for index, column in frame.columns if column.field in frame.master.key]
    return " / ".join(text for text in said if text)[:200]
