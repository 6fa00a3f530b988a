"""Pages of tables of any size."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet


class FastPaginator(Paginator[Any]):
    """Pages of a table of any size without counting it.

    An unfiltered large table is as long as PostgreSQL believes; anything else is counted only some pages beyond the one that is shown, so the
    last page number means "and maybe more".
    """

    page_number = 1
    PAGES_AHEAD = 10
    PAGE_DIGITS = 8
    BELIEVE_FROM = 10_000

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        reach = self.page_number * self.per_page
        estimate = 0 if rows.query.where else self._estimate(rows)
        if estimate >= self.BELIEVE_FROM and reach + self.per_page < estimate:
            return estimate
        counted = rows.order_by()[: reach + self.PAGES_AHEAD * self.per_page + 1].count()
        return max(counted, estimate) if counted > reach and estimate >= self.BELIEVE_FROM else counted

    @staticmethod
    def _estimate(rows: QuerySet[Any]) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [rows.model._meta.db_table]
            )
            return int(cursor.fetchone()[0])
