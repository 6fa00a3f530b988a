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


def days(first: str, last: str) -> Func:
    """The days from column ``first`` to column ``last``, both among them, without end where ``last`` is empty. For exclusion constraints.

    What ends before it starts counts as one day: another constraint refuses it in words, a range of PostgreSQL would break the form off.
    """
    end = Greatest(first, Coalesce(last, Cast(Value("infinity"), models.DateField())))
    return Func(first, end, Value("[]"), function="daterange", output_field=DateRangeField())
