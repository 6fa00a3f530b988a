"""Set-based writing: many rows, one statement, ids known beforehand. The hot path's alternative to ``bulk_create``.

Each column travels as one array and the statement text does not depend on the number of rows, so PostgreSQL plans it once per connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from django.db import connection, models


def allocate_ids(counts: Mapping[type[models.Model], int]) -> dict[type[models.Model], Iterator[int]]:
    """Take primary keys for rows that will be inserted, for all tables in one round trip. Unused ones leave gaps."""
    wanted = [(model, count) for model, count in counts.items() if count]
    if not wanted:
        return {}
    columns = ", ".join(
        f"ARRAY(SELECT nextval(pg_get_serial_sequence('{model._meta.db_table}', 'id')) FROM generate_series(1, %s))"
        for model, _count in wanted
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", [count for _model, count in wanted])
        blocks = cursor.fetchone()
    return {model: iter(block) for (model, _count), block in zip(wanted, blocks, strict=True)}


def insert(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert ``rows`` (values in the order of ``columns``, which are database column names). Columns left out take database defaults."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_insert_statement(model, tuple(columns)), [list(values) for values in zip(*rows, strict=True)])


def update(model: type[models.Model], key: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Set ``columns`` of the rows whose ``key`` is the first value of each row. Returns how many rows were there."""
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _update_statement(model, key, tuple(columns)), [list(values) for values in zip(*rows, strict=True)]
        )
        return int(cursor.rowcount)


@contextmanager
def pipeline() -> Iterator[None]:
    """Send the statements inside without waiting for each answer. For writes whose results nobody needs; an error surfaces at the end."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


@lru_cache(maxsize=256)
def _insert_statement(model: type[models.Model], columns: tuple[str, ...]) -> str:
    arrays = ", ".join(f"%s::{_array_type(model, column)}" for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    return f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT * FROM unnest({arrays})'


@lru_cache(maxsize=256)
def _update_statement(model: type[models.Model], key: str, columns: tuple[str, ...]) -> str:
    every = (key, *columns)
    arrays = ", ".join(f"%s::{_array_type(model, column)}" for column in every)
    names = ", ".join(f'"{column}"' for column in every)
    settings = ", ".join(f'"{column}" = new."{column}"' for column in columns)
    table = model._meta.db_table
    return (
        f'UPDATE "{table}" SET {settings} FROM unnest({arrays}) AS new ({names}) WHERE "{table}"."{key}" = new."{key}"'
    )


def _array_type(model: type[models.Model], column: str) -> str:
    field = next(field for field in model._meta.concrete_fields if field.column == column)
    kind = field.rel_db_type(connection) if field.is_relation else field.cast_db_type(connection)
    # Without its length: a cast to varchar(100) would cut a longer text silently, an insert refuses it.
    name = str(kind).removesuffix(f"({field.max_length})") if kind is not None else ""
    return f"{_BASE_TYPES.get(name, name)}[]"


_BASE_TYPES = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}
