"""Set-based writing: many rows, one statement, ids known beforehand. The hot path's alternative to ``bulk_create``.

All values of a statement travel as one JSON parameter, so its text does not depend on the number of rows and PostgreSQL plans it once per
connection. Hundreds of rows go by COPY instead, which is faster still.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

import msgspec
from django.db import connection, models, transaction
from psycopg import RawCursor
from psycopg.pq import Format, PipelineStatus

COPY_FROM = 100
_encode = msgspec.json.Encoder().encode


def allocate_ids(counts: Mapping[type[models.Model], int]) -> dict[type[models.Model], Iterator[int]]:
    """Take primary keys for rows that will be inserted, for all tables in one round trip. Unused ones leave gaps."""
    return {model: iter(block) for model, block in ask_ids(counts)().items()}


def ask_ids(counts: Mapping[Any, int]) -> Callable[[], dict[Any, list[int]]]:
    """The same as a question: call the result when its pipeline has been left. Keys are models, or names of sequences of their own."""
    wanted = {table: count for table, count in counts.items() if count}
    if not wanted:
        return dict
    answer = ask(_ids_statement(tuple(wanted)), list(wanted.values()), row=_blocks_of(len(wanted)))
    return lambda: dict(zip(wanted, answer.all()[0], strict=True))


class Answer:
    """The rows of a question that was asked in a pipeline, fetched when the pipeline has been left (or earlier, which waits for it)."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def all(self) -> list[Any]:
        if _under_way.pipeline is not None:
            _under_way.pipeline.settle()
        with self._cursor:
            found: list[Any] = self._cursor.fetchall()
        return found


class _Asked(Answer):
    """A question of a bundle: its rows come as one JSON text, beside those of its neighbours."""

    __slots__ = ("_bundle", "_place", "parameters", "row", "statement")

    def __init__(self, bundle: _Bundle, statement: str, parameters: Sequence[Any], row: Any) -> None:
        self._bundle, self._place = bundle, len(bundle.questions)
        self.statement, self.parameters, self.row = statement, parameters, row

    def all(self) -> list[Any]:
        found: list[Any] = _decoder(self.row).decode(self._bundle.texts[self._place])
        return found


class _Bundle:
    def __init__(self) -> None:
        self.questions: list[_Asked] = []
        self._answer: Answer | None = None
        self._texts: Sequence[str] = ()

    def send(self) -> None:
        if self.questions:
            statement = _bundle_statement(tuple((question.statement, question.row) for question in self.questions))
            self._answer = _send(statement, [value for question in self.questions for value in question.parameters])

    @property
    def texts(self) -> Sequence[str]:
        if self._answer is not None:
            (self._texts,), self._answer = self._answer.all(), None
        return self._texts


def ask(statement: str, parameters: Sequence[Any] = (), *, row: Any = None) -> Answer:
    """Send a question now, read its answer later: inside ``pipeline()`` several questions cost one round trip.

    ``row`` is the type of its rows, ``tuple[int, str]``: a question that states it can be asked in a ``bundle``.
    """
    if _under_way.bundle is not None and row is not None:
        asked = _Asked(_under_way.bundle, statement, parameters, row)
        _under_way.bundle.questions.append(asked)
        return asked
    return _send(statement, parameters)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A statement whose parameters are numbers, as PostgreSQL takes them: the driver has nothing to read in it, however long it is."""

    text: str
    names: tuple[str, ...]
    named: str


def numbered(statement: str) -> Numbered:
    """``statement`` with ``%(name)s`` for each parameter."""
    names = tuple(dict.fromkeys(_NAMED.findall(statement)))
    text = _NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    return Numbered(compact(text), names, compact(statement))


def ask_for_many(statement: Numbered, parameters: Mapping[str, Any]) -> Answer:
    """The same for an answer of a thousand rows: numbers and moments come as PostgreSQL keeps them, since writing and reading digits is a fifth
    of the time."""
    cursor = connection.cursor()
    if connection.queries_logged:
        # A log tells of parameters by their names.
        cursor.cursor.format = Format.BINARY
        return _sent(cursor, statement.named, parameters)
    cursor.cursor = RawCursor(connection.connection)
    cursor.cursor.format = Format.BINARY
    return _sent(cursor, statement.text, [parameters[name] for name in statement.names])


def _send(statement: str, parameters: Sequence[Any]) -> Answer:
    return _sent(connection.cursor(), statement, parameters)


def _sent(cursor: Any, statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Answer:
    cursor.execute(statement, parameters)
    if _under_way.pipeline is not None:
        _under_way.pipeline.is_settled = False
    return Answer(cursor)


@contextmanager
def bundle() -> Iterator[None]:
    """Send the typed questions asked inside as one statement, which costs a fraction of many. They share a snapshot; what must be seen
    behind a lock is asked in a statement after the one that locks."""
    questions = _under_way.bundle = _Bundle()
    try:
        yield
    finally:
        _under_way.bundle = None
    questions.send()


_NAMED = re.compile(r"%\((\w+)\)s")
# What stands in quotes stays as it is.
_QUOTED = re.compile(r"('(?:[^']|'')*'|\"[^\"]*\")")
_BESIDE_SIGNS = re.compile(r" ?([,=<>()|+*/]) ?")


@lru_cache(maxsize=256)
def compact(statement: str) -> str:
    """The same statement without the spaces that it does not need. The driver reads one of more than 4,096 characters anew each time,
    which takes longer than a short question."""
    parts = _QUOTED.split(statement)
    if any("--" in part for part in parts[::2]):
        raise AssertionError("a comment ends with its line, and there are no lines left")
    parts[::2] = [_BESIDE_SIGNS.sub(r"\1", re.sub(r"\s+", " ", part)) for part in parts[::2]]
    return "".join(parts).strip()


def array(values: Iterable[int | str]) -> str:
    """Numbers or texts as PostgreSQL writes an array. Unlike a list, of one type whatever is in it, so that its statement has one plan."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: int | str) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


@contextmanager
def look_ups() -> Iterator[None]:
    """Read by key inside without planning anew: a plan made for each list of keys costs several times what reading them does.

    A short transaction, since the setting ends with it; part of the one there is, where there is one.
    """
    with (
        nullcontext() if connection.in_atomic_block else transaction.atomic(),
        connection.cursor() as cursor,
        pipeline(),
    ):
        cursor.execute("SELECT set_config('plan_cache_mode', 'force_generic_plan', true)")
        yield


def insert(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert ``rows`` (values in the order of ``columns``, which are database column names). Columns left out take database defaults.

    Values of JSON columns are JSON texts.
    """
    if not rows:
        return
    plan = _plan(model, tuple(columns))
    with connection.cursor() as cursor:
        if len(rows) >= COPY_FROM and not _in_pipeline():
            with cursor.copy(plan.copy) as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            cursor.execute(plan.insert, [plan.encode(rows)])


def update(model: type[models.Model], key: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Set ``columns`` of the rows whose ``key`` is the first value of each row. Returns how many rows were there (in a pipeline: 0)."""
    if not rows:
        return 0
    plan = _plan(model, (key, *columns))
    with connection.cursor() as cursor:
        cursor.execute(plan.update, [plan.encode(rows)])
        return 0 if _in_pipeline() else int(cursor.rowcount)


class Batch:
    """Several writes that go as one statement, each a part of one WITH. They share a snapshot, so none may read what another writes;
    foreign keys are checked at commit. Where many rows make COPY the better way, they go one by one."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, Sequence[Any]]] = []
        self._inserts: dict[tuple[type[models.Model], tuple[str, ...]], list[Sequence[Any]]] = {}

    def insert(self, model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """As the function of that name. Rows of one table stay in the order in which they came: they are one part."""
        if rows:
            self._inserts.setdefault((model, tuple(columns)), []).extend(rows)

    def update(
        self, model: type[models.Model], key: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
    ) -> None:
        """As the function of that name; a row may be updated by one part only."""
        if rows:
            plan = _plan(model, (key, *columns))
            self.add(plan.update, [plan.encode(rows)])

    def add(self, statement: str, parameters: Sequence[Any]) -> None:
        """Any statement that writes."""
        self._parts.append((statement, parameters))

    @contextmanager
    def before_questions(self) -> Iterator[None]:
        """Write everything that was gathered, then ask the questions inside, all in one round trip. They see what was written."""
        with pipeline(unless=self._is_bulky):
            self.run()
            yield

    @property
    def _is_bulky(self) -> bool:
        return sum(map(len, self._inserts.values())) >= COPY_FROM

    def run(self) -> None:
        """Write everything that was gathered, and begin anew."""
        is_bulky, parts, inserts = self._is_bulky, self._parts, self._inserts
        self._parts, self._inserts = [], {}
        if is_bulky:
            leave_pipeline()
            for (model, columns), rows in inserts.items():
                insert(model, columns, rows)
        else:
            for (model, columns), rows in inserts.items():
                plan = _plan(model, columns)
                parts.append((plan.insert, [plan.encode(rows)]))
        if not parts:
            return
        statement = _batch_statement(tuple(text for text, _parameters in parts))
        with connection.cursor() as cursor:
            cursor.execute(statement, [value for _text, parameters in parts for value in parameters])


class _Pipeline:
    """The pipeline of a whole use-case. Pipelines inside join it; an answer that is read sends what was gathered and waits."""

    def __init__(self) -> None:
        connection.ensure_connection()
        self._context = connection.connection.pipeline()
        self._pipeline = self._context.__enter__()
        self.is_open = True
        self.is_settled = True

    def settle(self) -> None:
        """Wait for the answers to everything sent. (A Sync, not a mere flush: it also tells the driver that a transaction has begun.)"""
        if not self.is_settled:
            self.is_settled = True
            with connection.wrap_database_errors:
                self._pipeline.sync()

    def end(self, fault: BaseException | None = None) -> None:
        if self.is_open:
            self.is_open = False
            _under_way.pipeline = None
            with connection.wrap_database_errors:
                self._context.__exit__(type(fault) if fault else None, fault, None)


class _UnderWay(threading.local):
    """What this thread has begun on its connection."""

    pipeline: _Pipeline | None = None
    bundle: _Bundle | None = None


_under_way = _UnderWay()


@contextmanager
def pipeline(*, unless: bool = False) -> Iterator[None]:
    """Send the statements inside without waiting for each answer. For writes whose results nobody needs; an error surfaces at the end.

    ``unless`` says that so many rows follow that COPY, which needs an answer each, serves better.
    """
    outer = _under_way.pipeline
    if outer is not None and not unless:
        yield
        outer.is_settled = False
        outer.settle()
        return
    connection.ensure_connection()
    if unless:
        leave_pipeline()
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


@contextmanager
def long_pipeline() -> Iterator[Callable[[], None]]:
    """A pipeline around a whole use-case, see ``use_case.pipelined``: only an answer that is read (``Answer.all``, ``fetchall``) waits.

    Yields what sends COMMIT with the last writes, in their round trip, so that locks are held no longer than they need be.
    """
    own = _under_way.pipeline = _Pipeline()

    def commit() -> None:
        if own.is_open and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute("COMMIT")

    try:
        yield commit
    except BaseException as fault:
        own.end(fault)
        raise
    own.end()


def leave_pipeline() -> None:
    """From here on each statement of the use-case waits for its answer: for COPY, and for code that counts the rows it changed."""
    if _under_way.pipeline is not None:
        _under_way.pipeline.end()


class _Plan:
    """The statements for one set of columns of one table. For an update the first column is the key."""

    def __init__(self, model: type[models.Model], columns: tuple[str, ...]) -> None:
        fields = {field.column: field for field in model._meta.concrete_fields}
        table = f'"{model._meta.db_table}"'
        names = ", ".join(f'"{column}"' for column in columns)
        typed = ", ".join(f'"{column}" {column_type(fields[column])}' for column in columns)
        settings = ", ".join(f'"{column}" = new."{column}"' for column in columns[1:])
        self.columns = columns
        self.json_columns = [i for i, column in enumerate(columns) if isinstance(fields[column], models.JSONField)]
        # Every name comes from our own models, none from outside.
        source = f"json_to_recordset(%s::json) AS new ({typed})"
        # Kept short, for the driver reads a statement of more than 4,096 characters anew each time.
        self.insert = f"INSERT INTO {table} ({names}) SELECT * FROM {source}"  # noqa: S608
        self.copy = f"COPY {table} ({names}) FROM STDIN"
        key = f'{table}."{columns[0]}" = new."{columns[0]}"'
        self.update = f"UPDATE {table} SET {settings} FROM {source} WHERE {key}"  # noqa: S608

    def encode(self, rows: Sequence[Sequence[Any]]) -> str:
        if self.json_columns:
            rows = [self._with_raw_json(row) for row in rows]
        return _encode([dict(zip(self.columns, row, strict=True)) for row in rows]).decode()

    def _with_raw_json(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for index in self.json_columns:
            if values[index] is not None:
                values[index] = msgspec.Raw(values[index].encode())
        return values


@lru_cache(maxsize=256)
def _plan(model: type[models.Model], columns: tuple[str, ...]) -> _Plan:
    return _Plan(model, columns)


@lru_cache(maxsize=256)
def _batch_statement(parts: tuple[str, ...]) -> str:
    if len(parts) == 1:
        return parts[0]
    named = ", ".join(f"part_{number} AS ({text})" for number, text in enumerate(parts))
    return compact(f"WITH {named} SELECT 1")


@lru_cache(maxsize=64)
def _bundle_statement(questions: tuple[tuple[str, Any], ...]) -> str:
    parts = []
    for statement, row in questions:
        columns = ", ".join(f"c{number}" for number in range(len(get_args(row))))
        parts.append(
            f"(SELECT coalesce(json_agg(json_build_array({columns})), '[]')::text FROM ({statement}) AS q ({columns}))"  # noqa: S608
        )
    return compact(f"SELECT {', '.join(parts)}")


@lru_cache(maxsize=64)
def _decoder(row: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(list[row])


@lru_cache(maxsize=16)
def _blocks_of(count: int) -> Any:
    return tuple[(list[int],) * count]  # type: ignore[misc]


@lru_cache(maxsize=256)
def _ids_statement(tables: tuple[type[models.Model] | str, ...]) -> str:
    sequences = [f"'{table if isinstance(table, str) else f'{table._meta.db_table}_id_seq'}'" for table in tables]
    # Every name comes from our own models, none from outside.
    blocks = ", ".join(
        f"ARRAY(SELECT nextval({name}) FROM generate_series(1, %s::int))"  # noqa: S608
        for name in sequences
    )
    return f"SELECT {blocks}"


def column_type(field: models.Field[Any, Any]) -> str:
    """The type of a field's column, as it is declared in a record set."""
    kind = str(field.rel_db_type(connection) if field.is_relation else field.cast_db_type(connection))
    return _BASE_TYPES.get(kind, kind)


def _in_pipeline() -> bool:
    if _under_way.pipeline is not None:
        return True
    connection.ensure_connection()
    return bool(connection.connection.pgconn.pipeline_status != PipelineStatus.OFF)


_BASE_TYPES = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}
