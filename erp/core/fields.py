"""Columns and expressions of our own, for what PostgreSQL would let in or break off."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.postgres.fields import DateRangeField
from django.db import models
from django.db.models import Func, Value
from django.db.models.functions import Cast, Coalesce, Greatest

S = TypeVar("S")
G = TypeVar("G")


class FiniteDecimalField(models.DecimalField[S, G]):
    """Every decimal of the house. ``NaN >= 0`` is true in PostgreSQL and one NaN makes every sum NaN, so the column itself refuses it.

    Infinity needs no guard: a ``numeric`` with a precision cannot hold it.
    """

    def db_check(self, connection: Any) -> str:
        return f"{connection.ops.quote_name(self.column)} <> 'NaN'::numeric"


class Xid8Field(models.Field[Any, Any]):
    """PostgreSQL ``xid8``: the id of the transaction that wrote the row. Filled by the database."""

    def db_type(self, connection: Any) -> str:
        return "xid8"

    def get_internal_type(self) -> str:
        return "Xid8Field"


class CurrentXid(models.Func):
    """``pg_current_xact_id()`` as a database default."""

    function = "pg_current_xact_id"
    output_field = Xid8Field()


def days(first: str, last: str) -> Func:
    """The days from column ``first`` to column ``last``, both among them, without end where ``last`` is empty. For exclusion constraints.

    What ends before it starts counts as one day: another constraint refuses it in words, a range of PostgreSQL would break the form off.
    """
    end = Greatest(first, Coalesce(last, Cast(Value("infinity"), models.DateField())))
    return Func(first, end, Value("[]"), function="daterange", output_field=DateRangeField())
