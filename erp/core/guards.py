"""What the guards of PostgreSQL say to people. A form asks what it can before; what gets past it is refused by the database and told here.

A constraint of a model speaks by its own ``violation_error_message``, a trigger by the sentence that its app registers for the name it raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.apps import apps
from django.db.models import Model, UniqueConstraint
from django.utils.text import capfirst
from django.utils.translation import gettext
from psycopg import Error as DriverError
from psycopg.errors import DataError, ForeignKeyViolation, IntegrityError, NotNullViolation, UniqueViolation

from erp.core.retries import chain

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_told: dict[str, StrOrPromise] = {}


def register(name: str, told: StrOrPromise) -> None:
    """What the trigger says that raises ``CONSTRAINT = name``. ``{table}`` stands for what people call the table."""
    _told[name] = told


def registered() -> frozenset[str]:
    return frozenset(_told)


def refusal_behind(fault: BaseException) -> DriverError | None:
    """What PostgreSQL refused of the data itself, if that is what ``fault`` is about. In a pipeline it may lie behind what surfaced."""
    return next((error for error in chain(fault) if isinstance(error, DataError | IntegrityError)), None)


def told(refusal: DriverError) -> str:
    """A sentence without a name of ours in it: no constraint, table or column."""
    model = next((found for found in apps.get_models() if found._meta.db_table == refusal.diag.table_name), None)
    name = refusal.diag.constraint_name or ""
    table = str(model._meta.verbose_name_plural) if model else gettext("this table")
    if name in _told:
        return str(_told[name]).format(table=table)
    return (_of_model(model, name) if model else None) or _of_kind(refusal, model, table)


def _of_model(model: type[Model], name: str) -> str | None:
    for constraint in model._meta.constraints:
        if constraint.name == name and constraint.violation_error_message != constraint.default_violation_error_message:
            return str(constraint.get_violation_error_message())
        if constraint.name == name and isinstance(constraint, UniqueConstraint) and constraint.fields:
            return _is_there_already(model, constraint.fields)
    for field in model._meta.concrete_fields:
        if field.unique and name == f"{model._meta.db_table}_{field.column}_key":
            return _is_there_already(model, (field.name,))
    return None


def _is_there_already(model: type[Model], fields: Sequence[str]) -> str:
    return " ".join(model().unique_error_message(model, tuple(fields)).messages)


def _of_kind(refusal: DriverError, model: type[Model] | None, table: str) -> str:
    if isinstance(refusal, UniqueViolation):
        return gettext("%(table)s: the same is there already.") % {"table": table}
    if isinstance(refusal, ForeignKeyViolation):
        return gettext("%(table)s: something is named that does not exist, or is still needed elsewhere.") % {
            "table": table
        }
    if isinstance(refusal, NotNullViolation):
        fields = model._meta.concrete_fields if model else ()
        column = next((field.verbose_name for field in fields if field.column == refusal.diag.column_name), table)
        return gettext("%(field)s is missing.") % {"field": capfirst(str(column))}
    if isinstance(refusal, DataError):
        return gettext("A value is too large, too long or of the wrong form.")
    return gettext("%(table)s: a value is not allowed.") % {"table": table}
