"""Which masters come from files and go into files. Each room declares its own in ``AppConfig.ready``; nothing here knows one of them.

A declaration says what a row is known by, what its columns are, and what must be announced when rows changed. Rules are those of the model:
its fields and constraints; ``clean`` adds what the form of the room asks besides.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import NOT_PROVIDED, Field, ForeignKey, Model, Q
from django.utils import translation
from django.utils.text import capfirst

from erp.core import ownership
from erp.core.actors import Actor

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# What staff may call any file's column in which an earlier run wrote why it refused the row.
REASON_HEADINGS = ("取り込めない理由", "reason")


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the model as a column. ``lookup`` is the field by which a foreign key is named in the file.

    ``words`` are what else staff write for a choice. ``is_code``: written in ordinary width. ``is_fixed``: an import never changes it in a
    row that is there.
    """

    field: str
    aliases: tuple[str, ...] = ()
    lookup: str = "code"
    is_code: bool = False
    is_fixed: bool = False
    note: StrOrPromise = ""
    words: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A row before and after, by database column; None where it was not there, or is there no more."""

    pk: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def changed(self, *columns: str) -> bool:
        """Whether one of ``columns`` is different now; so it is in a row that was made or removed."""
        if self.before is None or self.after is None:
            return True
        return any(self.before.get(name) != self.after.get(name) for name in columns)

    def values(self, column: str) -> set[Any]:
        """What ``column`` was and is, without nothing."""
        found = {side.get(column) for side in (self.before, self.after) if side is not None}
        return found - {None}


@dataclass(frozen=True, slots=True)
class Reach:
    """The rows that a user works with: those whose ``column`` is one of ``ids``."""

    column: str
    ids: frozenset[int]

    @property
    def q(self) -> Q:
        return Q(**{f"{self.column}__in": self.ids})


@dataclass(frozen=True, slots=True)
class Master:
    """``key`` names fields that together name one row. ``clean`` may correct the values it is given, by field, and names what is wrong with them;
    ``clean_together`` does so for many rows at once and names the place of each, and ``same`` says of a key what its spellings have in common.

    ``needs`` are permissions beside adding or changing rows. ``scope`` limits a user to some rows. ``lock_first`` takes locks that
    come before the rows themselves. ``running`` are columns that change by themselves; ``assumed`` are values of fields of which a file says
    nothing. ``asset`` is what the ownership registry calls the master, ``foreign`` what staff call fields that the EC site owns.
    """

    code: str
    model: type[Model]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    announce: Callable[[Sequence[Written], datetime, Actor], None] | None = None
    clean: Callable[[dict[str, Any]], Iterable[tuple[str, str]]] | None = None
    clean_together: Callable[[Sequence[dict[str, Any]]], Iterable[tuple[int, str, str]]] | None = None
    same: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None
    asset: str = ""
    foreign: Mapping[str, tuple[str, ...]] | None = None
    needs: tuple[str, ...] = ()
    scope: Callable[[Any], Reach | None] | None = None
    lock_first: Callable[[Sequence[int]], None] | None = None
    running: tuple[str, ...] = ("version",)
    assumed: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        return capfirst(str(self.model._meta.verbose_name_plural))

    def column(self, field: str) -> Column:
        return next(column for column in self.columns if column.field == field)

    def field(self, name: str) -> Field[Any, Any]:
        field = self.model._meta.get_field(name)
        assert isinstance(field, Field), name
        return field

    def title_of(self, name: str) -> str:
        return capfirst(str(self.field(name).verbose_name))

    def is_required(self, name: str) -> bool:
        """Whether a new row needs a value of its own."""
        field = self.field(name)
        return not field.blank and not field.null and field.default is NOT_PROVIDED

    @property
    def needed_columns(self) -> list[str]:
        """Without these no row says which one it is."""
        return [name for name in self.key if not self.field(name).null and name not in self.assumed]

    def may(self, user: Any, verb: str) -> bool:
        meta = self.model._meta
        own = f"{meta.app_label}.{verb}_{meta.model_name}"
        return bool(user.has_perm(own) and all(user.has_perm(name) for name in self.needs))

    def reach_of(self, user: Any) -> Reach | None:
        """What limits a user; None for all rows."""
        return self.scope(user) if self.scope is not None else None

    def may_import(self, user: Any) -> bool:
        return self.may(user, "add") or self.may(user, "change")


_masters: dict[str, Master] = {}
# By kind of master, who answers which of some ids are named by a value, where no foreign key shows it.
_references: dict[str, list[Callable[[Sequence[int]], set[int]]]] = {}


def register(*masters: Master) -> None:
    """For ``AppConfig.ready``. A field that the EC site owns is no column of ours."""
    for master in masters:
        for name in (*master.key, *(column.field for column in master.columns)):
            assert master.column(name).field == master.field(name).name
            if (master.asset, name) in {(fact.asset, fact.field) for fact in ownership.registered()}:
                assert ownership.owner_of(master.asset, name) is ownership.Owner.MAMORI, name
        _masters[master.code] = master


def add_references(kind: str, asked: Callable[[Sequence[int]], set[int]]) -> None:
    """For rooms above the one that owns a master: rows of it that they name by a value only stay when an import is undone."""
    _references.setdefault(kind, []).append(asked)


def named_by_value(master: Master, ids: Sequence[int]) -> set[int]:
    return {pk for asked in _references.get(master.code, ()) for pk in asked(ids)}


def registered() -> list[Master]:
    return list(_masters.values())


def named(code: str) -> Master | None:
    return _masters.get(code)


def of_model(model: type[Model]) -> Master | None:
    return next((master for master in _masters.values() if master.model is model), None)


def importable(user: Any) -> list[Master]:
    return [master for master in registered() if master.may_import(user)]


def visible(user: Any) -> list[Master]:
    """What a user may see rows of."""
    return [master for master in registered() if master.may(user, "view")]


def plain(heading: str) -> str:
    """As headings are compared: ordinary width, lower case, without spaces."""
    return re.sub(r"[\s_]", "", unicodedata.normalize("NFKC", heading)).lower()


def headings_of(master: Master) -> dict[str, str]:
    """Every heading a column is known by, plain, to the column's field."""
    known: dict[str, str] = {}
    for column in master.columns:
        names = [column.field, *column.aliases]
        for language in ("ja", "en"):
            with translation.override(language):
                names.append(str(master.field(column.field).verbose_name))
        for name in names:
            known.setdefault(plain(name), column.field)
    return known


def foreign_headings(master: Master) -> dict[str, str]:
    """Headings of what the EC site owns, plain, to the field's name in the registry."""
    known: dict[str, str] = {}
    for fact in ownership.registered():
        if fact.asset == master.asset and fact.owner is ownership.Owner.EC:
            for name in (fact.field, *(master.foreign or {}).get(fact.field, ())):
                known[plain(name)] = fact.field
    return known


def is_foreign_key(field: Field[Any, Any]) -> bool:
    return isinstance(field, ForeignKey)
