"""Pages of lists that are never counted to their end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldError, ValidationError
from django.core.paginator import Paginator
from django.db import DataError, NotSupportedError, ProgrammingError, connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from erp.core.finding import REACH

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList


log = structlog.get_logger(__name__)


def page_number(request: HttpRequest) -> int:
    """From 1; what is no number is the first page."""
    text = request.GET.get("p", "1")
    return max(int(text), 1) if text.isdecimal() and len(text) < 7 else 1


# What a lookup that somebody typed into an address meets: a value that its field cannot have, in Python or in PostgreSQL.
UNREADABLE = (
    DataError, ProgrammingError, NotSupportedError, FieldError, ValidationError, ValueError, TypeError, ArithmeticError, LookupError,
)  # fmt: skip


class KeysFirst(ChangeList):
    """The rows of a list that is filtered or searched are found by their keys alone, in their order; what a page shows of them and of others is
    read for its own rows then, not for all that the filter finds.

    A filter that cannot be read is told as Django tells it, also where only the rows show it: it looks no further than to the statement."""

    def get_queryset(self, request: HttpRequest, *args: Any, **options: Any) -> QuerySet[Any]:
        with self._readable(request):
            found: QuerySet[Any] = super().get_queryset(request, *args, **options)
        return found

    def get_results(self, request: HttpRequest) -> None:
        with self._readable(request):
            self._get_results(request)

    @contextmanager
    def _readable(self, request: HttpRequest) -> Iterator[None]:
        """What fails without a wish in the address is a fault of ours and stays one.

        Raises IncorrectLookupParameters.
        """
        try:
            yield
        except UNREADABLE as fault:
            if not self.filter_params:
                raise
            log.warning("a filter that cannot be read", page=request.path, exc_info=True)
            raise IncorrectLookupParameters(str(fault)) from fault

    def _get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: Any = self.result_list
        if isinstance(self.paginator, FastPaginator) and rows.query.where:
            # Without what was asked for: PostgreSQL would expect a part of the page only, and join the rest of it row by row.
            shown = self.root_queryset.filter(pk__in=self.paginator.keys_of_page(rows))
            if not shown.query.select_related:
                shown = self.apply_select_related(shown)
            self.result_list = shown.order_by(*self.queryset.query.order_by)


class FastPaginator(Paginator[Any]):
    """Pages of a table of any size without counting it.

    An unfiltered large table is as long as PostgreSQL believes; anything else is counted only some pages beyond the one that is shown, so the
    last page number means "and maybe more".
    """

    template_name = "admin/paging.html"
    page_number = 1
    # How many rows a search found, which knows them by their keys, and no more than so many.
    found: int | None = None
    # What ``count`` is: the number of rows, what PostgreSQL believes it to be, or, if neither, how far it was looked.
    is_counted = is_estimated = False
    # Those of all rows that a filter finds, where they fit on one page.
    keys: list[Any] | None = None
    PAGES_AHEAD = 10
    PAGE_DIGITS = 8
    BELIEVE_FROM = 10_000

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        if self.found is not None:
            self.is_counted = self.found < REACH
            return self.found
        reach = self.page_number * self.per_page
        estimate = 0 if rows.query.where else self.estimate(rows.model)
        if estimate >= self.BELIEVE_FROM and reach + self.per_page < estimate:
            self.is_estimated = True
            return estimate
        most = reach + self.PAGES_AHEAD * self.per_page + 1
        if rows.query.where:
            keys = list(rows.order_by().values_list("pk", flat=True)[:most])
            counted = len(keys)
            self.keys = keys if counted <= self.per_page else None
        else:
            counted = rows.order_by()[:most].count()
        self.is_counted = counted < most
        if counted > reach and estimate > counted and estimate >= self.BELIEVE_FROM:
            self.is_counted, self.is_estimated = False, True
            return estimate
        return counted

    def keys_of_page(self, rows: QuerySet[Any]) -> list[Any]:
        return self.keys if self.keys is not None else list(rows.values_list("pk", flat=True))

    @staticmethod
    def estimate(model: type[Model]) -> int:
        """As many rows as PostgreSQL believes the table to have."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
            return int(cursor.fetchone()[0])
