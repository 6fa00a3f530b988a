"""Takes one lock of stock or orders out while a race runs, so that every lock is seen missing and not only believed to be needed.

A race says which locks it is about: ``@fails_without("orders.receipts.issue_receipt[rows]")``. It then runs once with all locks and once without
each of these, and fails when a race without its lock goes well. That it is lost is a matter of moments: it is run until it was, ten times at most.
With all locks it runs once, and that has to go well. Places are named after the code (``places`` finds all of them): a module and
function, or a statement's constant, or a function of the database, and in brackets what is locked there.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import CombinedExpression

from erp.core import locks
from erp.runtime.installation import PROJECT

fails_without = pytest.mark.fails_without
adds_up_without = pytest.mark.adds_up_without
ROOMS = ("inventory", "orders")
# Of other rooms, the modules whose every lock has such a race too.
BESIDE = ("correspondence/services/by_hand.py",)
IN_SQL = re.compile(r"\bFOR (?:NO KEY UPDATE|UPDATE|KEY SHARE|SHARE)(?: OF \w+)?(?: SKIP LOCKED)?")
FUNCTIONS = (
    "SELECT proname::text, pg_get_functiondef(oid) FROM pg_proc WHERE proname ~ '^(inventory|orders)_' ORDER BY 1"
)
# A figure that is added to where it stands; a version only rises.
ADDING = re.compile(r"(?:UPDATE|INSERT INTO) (\w+) (?:AS )?(\w+)\s")
# Calls that lock something of another room, and tell what they find there.
LOOKING = ("hold_open_dates", "lock_credit")
# Calls whose only purpose is the lock: they are statements of their own, and what they return is not looked at.
CALLS = re.compile(r"^(lock|hold_credit|hold_open)")
HANDS_ON = re.compile(r"^(lock|hold)_")
# A race that is lost every second time goes well ten times in a row once in a thousand.
TRIES = 10


def places() -> set[str]:
    """Every place of stock and orders where a lock is taken, in Python and in the database."""
    found = set()
    for module, tree in _modules():
        for node, function in _nodes(tree):
            # A function that is itself such a call hands on; the place is where it is called.
            found |= {
                f"{module}.{function}[{what}]"
                for what in _locked_by(node)
                if not (what.endswith("()") and HANDS_ON.search(function))
            }
        found |= {f"{module}.{name}" for name in _constants(tree) if _is_lock(getattr(_load(module), name))}
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        found |= {f"database.{name}" for name, text in cursor.fetchall() if IN_SQL.search(text)}
    return found


def additions() -> set[str]:
    """Every statement of stock and orders that adds to figures where they stand: in SQL, or by ``F``."""
    found = set()
    for module, tree in _modules():
        for node, function in _nodes(tree):
            found |= {f"{module}.{function}[{name}]" for name in _added_by(node)}
        texts = {name: getattr(_load(module), name) for name in _constants(tree)}
        found |= {
            f"{module}.{name}"
            for name, text in texts.items()
            if isinstance(text, str) and computed_before(text) != text
        }
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        found |= {f"database.{name}" for name, text in cursor.fetchall() if computed_before(text) != text}
    return found


def computed_before(text: str) -> str:
    """The statement as if each sum had been computed of what was there when it began, and not where the figure stands."""

    for table, alias in ADDING.findall(text):
        was = rf"\1 = (SELECT was.\1 FROM {table} was WHERE was.id = {alias}.id)"
        text = re.sub(rf"\b(?!version\b)(\w+) = {alias}\.\1(?= [+-] )", was, text)
    return text


def added() -> dict[str, list[str]]:
    """The statements whose additions a race is about, each with the names of these tests."""
    return _said("adds_up_without", slice(1, 2))


def marked() -> dict[str, list[str]]:
    """The places that races say they are about, each with the names of these tests."""
    return _said("fails_without")


def _said(name: str, which: slice = slice(None)) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((PROJECT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == name:
                    for place in (ast.literal_eval(argument) for argument in mark.args[which]):
                        found.setdefault(place, []).append(str(getattr(node, "name", "")))
    return found


@contextmanager
def computing_before(place: str) -> Iterator[None]:
    """Run as if the sums of this statement had been computed before it."""
    if place.endswith("]"):
        where, _bracket, what = place[:-1].rpartition("[")
        module, _dot, name = where.rpartition(".")
        with _computed_in_hand((_load(module).__name__, name), what):
            yield
        return
    module, _dot, name = place.rpartition(".")
    if module == "database":
        with _changed_function(name, computed_before):
            yield
    else:
        with _changed_statement(_load(module), name, computed_before):
            yield


def without(place: str) -> AbstractContextManager[None]:
    """Run as if the lock at this place had never been written."""
    module, _dot, name = place.rpartition("[")[0].rpartition(".") if place.endswith("]") else place.rpartition(".")
    if not place.endswith("]"):
        return (
            _changed_function(name, _unlocked)
            if module == "database"
            else _changed_statement(_load(module), name, _unlocked)
        )
    what = place.rpartition("[")[2][:-1]
    caller = (_load(module).__name__, name)
    if what == "rows":
        return _without_rows(caller)
    return _without_call(caller, what[:-2]) if what.endswith("()") else _without_names(caller, what)


@cache
def _modules() -> tuple[tuple[str, ast.Module], ...]:
    paths = [path for room in ROOMS for path in sorted((PROJECT / "erp" / room).rglob("*.py"))]
    paths += [PROJECT / "erp" / path for path in BESIDE]
    return tuple(
        (_short(path), ast.parse(path.read_text(encoding="utf-8"))) for path in paths if "migrations" not in path.parts
    )


def _short(path: Path) -> str:
    """``orders.receipts`` for a service, with the layer before it for anything else."""
    parts = [part for part in path.relative_to(PROJECT / "erp").with_suffix("").parts if part != "services"]
    return ".".join(parts)


@cache
def _load(short: str) -> ModuleType:
    room, *rest = short.split(".")
    for layer in ("services.", ""):
        name = f"erp.{room}.{layer}{'.'.join(rest)}"
        if (PROJECT / Path(*name.split("."))).with_suffix(".py").exists():
            return importlib.import_module(name)
    raise LookupError(f"there is no module of {short}")


def _nodes(tree: ast.AST, function: str = "") -> Iterator[tuple[ast.AST, str]]:
    for node in ast.iter_child_nodes(tree):
        name = node.name if isinstance(node, ast.FunctionDef) else function
        yield node, name
        yield from _nodes(node, name)


def _locked_by(node: ast.AST) -> set[str]:
    """What this call or this statement locks."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "select_for_update":
            return {"rows"}
        if ast.unparse(node.func) in ("locks.hold", "locks.hold_all"):
            return {_prefix(argument) for argument in node.args}
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called in LOOKING:
            return {f"{called}()"}
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = ast.unparse(node.value.func)
        if CALLS.search(called.rpartition(".")[2]) and not called.startswith("locks."):
            return {f"{called}()"}
    return set()


def _added_by(node: ast.AST) -> set[str]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update"):
        return set()
    sums = {each.arg: each.value.left for each in node.keywords if isinstance(each.value, ast.BinOp)}
    return {name for name, left in sums.items() if name != "version" and ast.unparse(left) == f"F('{name}')"}


def _prefix(name: ast.expr) -> str:
    """What all names begin with that this expression makes."""
    if isinstance(name, ast.GeneratorExp):
        return _prefix(name.elt)
    if isinstance(name, ast.JoinedStr):
        return _prefix(name.values[0])
    if isinstance(name, ast.Constant):
        return str(name.value)
    called = ast.unparse(name).partition("(")[0].rpartition(".")[2]
    return {"lock_name": "hold:", "_lock_name": "stock:"}[called]


def _constants(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id


def _is_lock(value: object) -> bool:
    # A pattern that is still to be filled in is not sent; what it was filled to is a constant of its own.
    return isinstance(value, str) and IN_SQL.search(value) is not None and "{" not in value


def _called_from(caller: tuple[str, str]) -> bool:
    frame = _calling()
    return (frame.f_globals.get("__name__"), frame.f_code.co_name) in (caller, (caller[0], "<genexpr>"))


def _calling() -> FrameType:
    """Where the call came from that a replacement of this module stands in for."""
    frame = sys._getframe(1)
    while _hands_on(frame.f_globals.get("__name__", "")):
        assert frame.f_back is not None
        frame = frame.f_back
    return frame


def _hands_on(module: str) -> bool:
    return module in (__name__, locks.__name__) or module.startswith("django.")


@contextmanager
def _patched(owner: Any, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, make(getattr(owner, name)))
        yield


def _without_names(caller: tuple[str, str], prefix: str) -> Any:
    def make(hold_all: Callable[..., None]) -> Callable[..., None]:
        def run(names: Any) -> None:
            wanted = list(names)
            skips = _called_from(caller)
            hold_all([name for name in wanted if not (skips and name.startswith(prefix))])

        return run

    return _patched(locks, "hold_all", make)


def _without_rows(caller: tuple[str, str]) -> Any:
    def make(select_for_update: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, *args, **how: self.all() if _called_from(caller) else select_for_update(self, *args, **how)

    return _patched(QuerySet, "select_for_update", make)


def _computed_in_hand(caller: tuple[str, str], name: str) -> Any:
    """``F`` adds to what the row that the caller has read says of itself, and not to what stands there."""

    def make(update: Callable[..., int]) -> Callable[..., int]:
        def run(self: QuerySet[Any], **values: Any) -> int:
            if isinstance(values.get(name), CombinedExpression) and _called_from(caller):
                [row] = [each for each in _calling().f_locals.values() if isinstance(each, self.model)]
                values[name] = getattr(row, name) + values[name].rhs.value
            return update(self, **values)

        return run

    return _patched(QuerySet, "update", make)


def _without_call(caller: tuple[str, str], called: str) -> Any:
    """``called`` is a name of the module, or of a module that it imported."""
    owner: Any = sys.modules[caller[0]]
    *path, name = called.split(".")
    for step in path:
        owner = getattr(owner, step)
    if name == "lock_credit":
        return _without_rows(("customers.services.credit", "_lock_groups"))
    if name == "hold_open_dates":
        # It still looks which days are open, and holds nothing.
        return _patched(
            sys.modules["accounting.services.periods"], "lock_months_shared", lambda _was: lambda _days: None
        )
    return _patched(owner, name, lambda was: lambda *args, **how: None if _called_from(caller) else was(*args, **how))


@contextmanager
def _changed_statement(module: ModuleType, name: str, change: Callable[[str], str]) -> Iterator[None]:
    """In its module, and in those that imported it."""
    known = getattr(module, name)
    users = [each for each in list(sys.modules.values()) if getattr(each, "__dict__", {}).get(name) is known]
    with pytest.MonkeyPatch.context() as patch:
        for user in users:
            patch.setattr(user, name, change(known))
        yield


def _unlocked(text: str) -> str:
    return IN_SQL.sub("", text)


@contextmanager
def _changed_function(name: str, change: Callable[[str], str]) -> Iterator[None]:
    """``inventory_reserve`` and its like, made anew without something, and then as it was."""
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        known = dict(cursor.fetchall())[name]
    known_parameters = connection.get_connection_params()
    parameters = {key: known_parameters[key] for key in ("host", "port", "user", "dbname") if key in known_parameters}
    with psycopg.connect(**parameters, autocommit=True) as session:
        try:
            session.execute(change(known))
            yield
        finally:
            session.execute(known)


# As a plugin of pytest


@dataclass(frozen=True)
class Missing:
    """What a race runs without, and whether it has to go well all the same."""

    locks: tuple[str, ...] = ()
    computed: str = ""
    goes_well: bool = False

    def __str__(self) -> str:
        if not self.locks:
            return "locked"
        return f"without {' and '.join(self.locks)}" + (f", computed before {self.computed}" if self.computed else "")


def _missing(item: pytest.Function) -> list[Missing]:
    found = [Missing()]
    if mark := item.get_closest_marker("fails_without"):
        found += [Missing((place,)) for place in mark.args]
    for mark in item.iter_markers("adds_up_without"):
        lock, statement, *others = mark.args
        found += [Missing((lock, *others), goes_well=True), Missing((lock, *others), statement)]
    return list(dict.fromkeys(found))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    first, *others = _missing(metafunc.definition)
    if others:
        metafunc.fixturenames.append("missing")
        slow = [pytest.param(each, id=str(each), marks=_marks_of(each)) for each in others]
        metafunc.parametrize("missing", [pytest.param(first, id=str(first)), *slow])


def _marks_of(missing: Missing) -> list[pytest.MarkDecorator]:
    """What adds up without its lock has to do so each time."""
    return [pytest.mark.slow] if missing.goes_well else [pytest.mark.slow, pytest.mark.flaky(reruns=TRIES - 1)]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Any:
    missing = pyfuncitem.callspec.params.get("missing") if hasattr(pyfuncitem, "callspec") else None
    if not isinstance(missing, Missing) or not missing.locks:
        return (yield)
    with ExitStack() as stack:
        for place in missing.locks:
            stack.enter_context(without(place))
        if missing.computed:
            stack.enter_context(computing_before(missing.computed))
        if missing.goes_well:
            return (yield)
        try:
            yield
        except Exception as seen:
            words = f"{type(seen).__name__}: {seen}".splitlines()[0]
            told = (missing.computed, missing.locks[0], pyfuncitem.originalname, words)
            pyfuncitem.user_properties.append(("seen_without", told))
            return True
    pytest.fail(f"goes well {missing}")


_seen: list[tuple[str, str, str, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        for name, told in report.user_properties:
            if name == "seen_without" and isinstance(told, (tuple, list)):
                computed, lock, test, words = map(str, told)
                _seen.append((computed, lock, test, words))


def pytest_sessionfinish() -> None:
    if os.environ.get("WRITE_GUARDS") and _seen:
        LOCKS.write({(lock, test): words for computed, lock, test, words in _seen if not computed})
        ADDITIONS.write({(computed, test): words for computed, _lock, test, words in _seen if computed})


# What was seen

RULE = "|---|---|---|---|\n"


@dataclass(frozen=True)
class Told:
    """A row of a document: the second cell is written by hand, the others by the tests."""

    place: str
    words: str
    test: str
    output: str

    def __str__(self) -> str:
        return f"| `{self.place}` | {self.words} | {self.test} | {self.output} |"


@dataclass(frozen=True)
class Document:
    path: Path

    def rows(self) -> list[Told]:
        lines = self.path.read_text(encoding="utf-8").partition(RULE)[2].splitlines()
        cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        return [Told(place.strip("`"), *others) for place, *others in cells]

    def write(self, seen: Mapping[tuple[str, str], str]) -> None:
        """Bring the rows of these places up to date. What is written by hand is taken from the row that there is."""
        known = {(row.place, row.test): row for row in self.rows()}
        by_hand = {row.place: row.words for row in known.values()}
        for (place, test), words in seen.items():
            output = f"`{words.replace('|', '/').replace('`', chr(39))[:200]}`"
            known[place, f"`{test}`"] = Told(place, by_hand.get(place, ""), f"`{test}`", output)
        typed = self.path.read_text(encoding="utf-8").partition(RULE)[0]
        rows = "".join(f"{row}\n" for _key, row in sorted(known.items()))
        self.path.write_text(typed + RULE + rows, encoding="utf-8")


LOCKS = Document(PROJECT / "docs" / "guards" / "locks.md")
ADDITIONS = Document(PROJECT / "docs" / "guards" / "additions.md")
