"""What the lists of the back office cost on tables of a million rows.

python -m benchmarks.lists [--rows N] [--only app.model ...] [--database URL]

Every list with a long table is read as it stands, with each choice of its filters, sorted by each column that it offers, and searched; each is
compared with the same columns of the newest rows by primary key. Rows are made by ``generate_series`` from the kinds of their columns; checks and
triggers are put aside for that, since nothing is booked here. A database that is given is filled where it is not full yet, and kept.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from benchmarks.stage import durable_cluster, prepare, ran_ns, server_process
from benchmarks.synthetic import masters_of, value

ROWS = 1_000_000
WANTED = 2.0
# What takes no longer than this is not told apart from the noise of a machine.
NOISE_MS = 10.0
RUNS = 3
# What takes longer is slow, and is not waited for again.
SLOW_MS = 500.0
# Lists of tables that grow with trade.
LONG = (
    "orders.order", "orders.orderline", "orders.orderpayment", "orders.orderhold", "orders.orderwait", "orders.shipment", "orders.shipmentline",
    "orders.return", "orders.orderdistribution", "orders.receipt", "orders.salesreport", "orders.parkedmessage", "orders.labelrun", "orders.printrun",
    "inventory.stockbalance", "inventory.stockdocument", "inventory.stockmovement", "inventory.reservation", "inventory.hold",
    "inventory.stocksnapshot", "inventory.stockcount", "inventory.transferorder", "inventory.promise", "inventory.expectedreceipt",
    "inventory.provisionalreceipt", "inventory.channelquota", "inventory.channelpolicy", "inventory.costbalance", "inventory.standardcost",
    "inventory.distribution", "inventory.reorderrule", "inventory.shelf",
    "accounting.journalentry", "accounting.posting", "accounting.openitem", "accounting.billableitem", "accounting.settlement",
    "customers.goldencustomer", "customers.customerrecord", "customers.exposureentry", "customers.mergeevent", "insights.customerrfm",
    "catalog.product", "catalog.sku", "catalog.skucode", "catalog.price", "correspondence.mail",
    "core.messagelog", "core.auditrow", "core.stafftask", "core.jobrun", "access.accesslog",
    "ec_gateway.inboundevent", "ec_gateway.listing", "ec_gateway.orderseen", "ec_gateway.reconciliationrow", "ec_gateway.shipmentnotice",
    "ec_gateway.sitepush",
)  # fmt: skip
# Lists that stay short however much is sold, and why.
SHORT = {
    "what a company decides once": (
        "accounting.accountrole", "accounting.counterparty", "accounting.exporttaxlabel", "accounting.ledgeraccount", "accounting.paymentroute",
        "catalog.brand", "catalog.category", "catalog.color", "catalog.pricelist", "catalog.season", "catalog.size", "catalog.supplier",
        "core.channel", "core.companyprofile", "core.deductibleshare", "core.department", "core.taxrate", "correspondence.channelmail",
        "correspondence.mailtemplate", "customers.account", "customers.billto", "customers.creditgroup", "ec_gateway.apikey",
        "ec_gateway.ecsite", "insights.rfmdefinition", "insights.segment", "inventory.channellocation", "inventory.costpool",
        "inventory.distributionpattern", "inventory.location", "inventory.reason", "inventory.shopstaff", "inventory.writedownrule",
        "orders.allocationrule", "orders.carrieraccount",
    ),
    "who works here": ("auth.group", "auth.user", "access.signinlock", "access.staffsession"),
    "one a day, a month or a site": (
        "accounting.exportrun", "accounting.period", "accounting.seal", "core.backuprun", "core.feedepoch", "core.verifyrun",
        "ec_gateway.reconciliationrun", "ec_gateway.siteactivity", "ec_gateway.sitestate", "imports.importrun", "inventory.writedownreview",
    ),
}  # fmt: skip
# What a list is searched by and does not point to.
BESIDE = {
    "orders.order": ("orders.delivery",), "orders.shipment": ("orders.delivery",),
    "orders.labelrun": ("orders.labelrunline",), "orders.printrun": ("orders.printrunline",),
    "customers.customerrecord": ("customers.channelidentity",), "customers.goldencustomer": ("customers.customerrecord",),
    "catalog.sku": ("catalog.skucode",),
}  # fmt: skip
TERMS = (
    "高橋", "高橋 花子", "高橋 誠", "株式会社", "株式会社 高橋", "佐々木", "090-0010-0007", "SO-00100042", "de100500", "co100500", "ex100500",
    "tr100500",
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    name: str
    query: str
    ms: float
    base_ms: float

    @property
    def ratio(self) -> float:
        return self.ms / max(self.base_ms, 0.1)

    @property
    def is_good(self) -> bool:
        return self.ratio < WANTED or self.ms < NOISE_MS

    def __str__(self) -> str:
        mark = "" if self.is_good else " **above**"
        return f"| {self.name} {self.query} | {self.ms:.1f} ms | {self.base_ms:.1f} ms | {self.ratio:.1f}{mark} |"


def measure(*, rows: int = ROWS, only: tuple[str, ...] = (), database: str = "") -> list[Page]:
    with ExitStack() as stack:
        if database:
            prepare(database, masters=True)
        else:
            stack.enter_context(durable_cluster())
        from django.contrib.auth.models import User

        assert_every_list_is_known()
        chosen = [label for label in LONG if not only or label in only]
        fill([*chosen, *(beside for label in chosen for beside in BESIDE.get(label, ()))], rows)
        if not User.objects.filter(username="bench").exists():
            User.objects.create_superuser("bench")
        return [page for label in chosen for page in pages_of(label)]


def assert_every_list_is_known() -> None:
    """A list that is neither long nor short is one that nobody has thought of."""
    from django.contrib import admin

    known = sorted([*LONG, *(label for labels in SHORT.values() for label in labels)])
    assert known == sorted(model._meta.label_lower for model in admin.site._registry)


def fill(labels: list[str], rows: int) -> None:
    """``rows`` rows in every table of a list, also where it is not asked for and stands below one that is, some hundred in the masters beside
    them. Tables that others point to come first."""
    from django.apps import apps
    from django.db import connection

    long = {apps.get_model(label) for label in (*LONG, *(beside for each in BESIDE.values() for beside in each))}
    wanted = {apps.get_model(label) for label in labels}
    counts = {model: rows if model in long else masters_of(model) for model in wanted | _below(set(wanted))}
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET statement_timeout = 0")
        for model in _in_order({*counts}):
            fill_one(cursor, model, counts)


def fill_one(cursor: Any, model: Any, counts: dict[Any, int]) -> None:
    """The rows of one table, its indexes made anew over all of them, and what PostgreSQL has to know of it."""
    from erp.core.admin.paging import FastPaginator

    table, count = model._meta.db_table, counts[model]
    if FastPaginator.estimate(model) >= count or model._default_manager.count() >= count:
        return
    _put_guards_aside(cursor, table)
    began = time.perf_counter()
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [table],
    )
    indexes = cursor.fetchall()
    for name, _definition in indexes:
        cursor.execute(f"DROP INDEX {name}")
    fields = [field for field in model._meta.local_concrete_fields if not field.generated]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(value(field, counts) for field in fields)
    cursor.execute(
        f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {values} FROM generate_series(100001, {100000 + count}) i"
    )
    for _name, definition in indexes:
        cursor.execute(definition)
    cursor.execute(f"VACUUM ANALYZE {table}")
    print(f"{table}: {count:,} rows in {time.perf_counter() - began:.0f} s", flush=True)


def _put_guards_aside(cursor: Any, table: str) -> None:
    cursor.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'f', 'x')", [table]
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE')
    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")


def _below(models: set[Any]) -> set[Any]:
    found: set[Any] = set()
    while models:
        models = {
            field.related_model
            for model in models
            for field in model._meta.local_concrete_fields
            if field.many_to_one or field.one_to_one
        } - found
        found |= models
    return {model for model in found if model._meta.app_label not in ("auth", "contenttypes")}


def _in_order(models: set[Any]) -> Iterator[Any]:
    left = sorted(models, key=lambda model: model._meta.label)
    while left:
        free = next(
            model
            for model in left
            if not ({f.related_model for f in model._meta.local_concrete_fields} - {model}) & set(left)
        )
        left.remove(free)
        yield free


def pages_of(label: str) -> Iterator[Page]:
    """A list is read as its page reads it, and not drawn: only PostgreSQL's work depends on the length of a table."""
    from django.apps import apps
    from django.contrib import admin
    from django.contrib.auth.models import User

    page, user = admin.site._registry[apps.get_model(label)], User.objects.get(username="bench")
    base = statistics.median(_by_key(page, user) for _run in range(RUNS + 1))
    first, _ms = _read(page, user, "")
    queries = ["", "p=20"]
    for spec in first.filter_specs:
        queries += [choice["query_string"][1:] for choice in list(spec.choices(first))[1:4]]
    for number, column in enumerate(first.list_display):
        if column in first.sortable_by and first.get_ordering_field(column):
            queries += [f"o={number}", f"o=-{number}"]
    queries += [f"q={quote(term)}" for term in TERMS]
    bases = dict.fromkeys(queries, base)
    bases["p=20"] = statistics.median(_by_key(page, user, 19) for _run in range(RUNS + 1))
    for query in queries:
        times = [_read(page, user, query)[1]]
        times += [_read(page, user, query)[1] for _run in range(RUNS - 1) if times[0] < SLOW_MS]
        yield Page(label, f"?{query}", statistics.median(times), bases[query])


def _request(user: Any, query: str) -> Any:
    from django.test import RequestFactory

    request = RequestFactory().get(f"/?{query}")
    request.user = user
    return request


def _by_key(page: Any, user: Any, pages_before: int = 0) -> float:
    """The same columns of the newest rows by primary key, or of those some pages further."""
    rows = page.get_queryset(_request(user, "")).select_related(*(page.list_select_related or ())).order_by("-pk")
    with _Stopwatch() as watch:
        list(rows[pages_before * page.list_per_page : (pages_before + 1) * page.list_per_page])
    return watch.ms


def _read(page: Any, user: Any, query: str) -> tuple[Any, float]:
    with _Stopwatch() as watch:
        shown = page.get_changelist_instance(_request(user, query))
        list(shown.result_list)
    return shown, watch.ms


class _Stopwatch(ExitStack):
    """How long the server process of this connection ran for statements, whatever else the machine did meanwhile."""

    ms = 0.0

    def __enter__(self) -> _Stopwatch:
        from django.db import connection

        with connection.cursor() as cursor:
            # What helpers do would not be counted.
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        self.server = server_process()
        self.enter_context(connection.execute_wrapper(self._timed))
        return self

    def _timed(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = ran_ns(self.server)
        try:
            return execute(sql, params, many, context)
        finally:
            self.ms += (ran_ns(self.server) - began) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--database", default="", help="filled and kept, instead of one that is thrown away")
    asked = parser.parse_args()
    found = measure(rows=asked.rows, only=tuple(asked.only), database=asked.database)
    bad = [page for page in found if not page.is_good]
    print(f"{asked.rows:,} rows")
    print("| page | PostgreSQL worked | by primary key | ratio |\n|---|---|---|---|")
    for page in sorted(found, key=lambda each: -each.ms)[:60]:
        print(page)
    print(
        f"{len(found)} pages, {len(bad)} above {WANTED:g} x and {NOISE_MS:g} ms; slowest {max(page.ms for page in found):.0f} ms"
    )


if __name__ == "__main__":
    main()
