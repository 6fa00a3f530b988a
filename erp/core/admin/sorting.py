"""By which columns a long table can be sorted: those of which an index knows the order from its first row to its last."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, Field, GenericIPAddressField, Index, UniqueConstraint


def field_of(page: Any, column: Any) -> str:
    """The field that a column of a list sorts by."""
    source = getattr(page, column, None) if isinstance(column, str) else column
    order = getattr(source, "admin_order_field", None) if callable(source) else column
    return str(order or "").lstrip("-")


@cache
def has_order(model: Any, name: str) -> bool:
    """Whether an index over all rows begins with the field.

    Foreign keys, choices and texts that an index has with another key behind them have few values: their rows would be sorted all the same.
    """
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    if not isinstance(field, Field) or field.is_relation or field.choices:
        return False
    if field.primary_key or field.unique or getattr(field, "db_index", False):
        return True
    keys: list[Any] = [index for index in model._meta.indexes if _is_of_all_rows_in_order(index)]
    keys += [key for key in model._meta.constraints if isinstance(key, UniqueConstraint) and not key.condition]
    orders = [[column.lstrip("-") for column in key.fields] for key in keys]
    is_text = isinstance(field, CharField | GenericIPAddressField)
    return any(order == [name] if is_text else order[:1] == [name] for order in orders)


def _is_of_all_rows_in_order(index: Index) -> bool:
    """BRIN and GIN know where rows lie, not how they follow each other."""
    return type(index) is Index and not index.condition and not index.expressions
