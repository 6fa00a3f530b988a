"""The stage of a benchmark: a durable throw-away cluster with 1,000 SKUs in stock and one channel that sells them."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from erp.runtime import postgres

SKUS = 1_000
PIECES = 10_000_000
CHANNEL, WAREHOUSE = "BENCH", "BENCH-WH"
AT = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
# What a server of large companies would be given: with the 128 MB that PostgreSQL begins with, the disk would be measured. Whoever reads a page
# and works on a query is the server process itself, so that its time is all there is.
LARGE = {
    "shared_buffers": "4GB", "max_wal_size": "16GB", "checkpoint_timeout": "30min", "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
}  # fmt: skip


@contextmanager
def durable_cluster(
    *, masters: bool = True, settings: Mapping[str, str] | None = None, keep: Path | None = None
) -> Iterator[str]:
    """A running cluster with Mamori's schema; yields its URL. ``DATABASE_URL`` is set for every process started inside.

    ``masters``: with the 1,000 SKUs of the stage in it, or as a company begins. ``keep``: its data stay in this folder and are found there again,
    brought to the present schema; ``noted`` tells what is in them.
    """
    assert keep is None or not masters, "the stage is built anew each time"
    with _server(settings, keep) as cluster:
        prepare(cluster.url, masters=masters)
        from django.db import connection

        from benchmarks.raw import FUNCTIONS

        with connection.cursor() as cursor:
            cursor.execute(FUNCTIONS)
        yield cluster.url


def prepare(url: str, *, masters: bool) -> None:
    """Mamori's schema in a database, which may be one that was prepared before."""
    os.environ["DATABASE_URL"] = url
    os.environ.update(DATABASE_POOL_SIZE="0", SECRET_KEY="bench", LOG_LEVEL="ERROR")
    # A machine that does other things as well migrates slowly.
    os.environ.update(DATABASE_TRANSACTION_TIMEOUT_MS="0", DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS="0")
    os.environ["DJANGO_SETTINGS_MODULE"] = "erp.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from erp.core.models import Channel

    if masters and not Channel.objects.filter(code=CHANNEL).exists():
        build_masters()


def _server(settings: Mapping[str, str] | None, keep: Path | None) -> AbstractContextManager[postgres.Cluster]:
    if keep is None:
        return postgres.throw_away_cluster(durable=True, settings=settings)
    keep.mkdir(parents=True, exist_ok=True)
    postgres.clear_away_the_last_server(keep / "data")
    return postgres.Cluster(keep / "data", durable=True, settings=settings)


def note(what: str) -> None:
    """Write on the database of this process what it was filled with, once it is."""
    from django.db import connection
    from psycopg import sql

    of_database = sql.Identifier(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(of_database, sql.Literal(what)))


NOTED = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"


def noted() -> str | None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(NOTED, [connection.settings_dict["NAME"]])
        found: str | None = cursor.fetchone()[0]
    return found


def read_all(url: str) -> None:
    """Every page once, so that the disk is not measured."""
    import psycopg

    with psycopg.connect(url.replace(f"{postgres.ROLE}@", f"{postgres.SUPERUSER}@"), autocommit=True) as server:
        server.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        server.execute(_READ_ALL)
        server.execute("CHECKPOINT")


_READ_ALL = """
SELECT sum(pg_prewarm(oid)) FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
"""


def prove_sound() -> None:
    """Speed counts only while nothing was oversold: what the services wrote still adds up."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM inventory_stockbalance WHERE allocated > on_hand OR allocated < 0")
        assert cursor.fetchone()[0] == 0


def server_process() -> Path:
    """The account that the kernel keeps of the server process of this connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return Path(f"/proc/{cursor.fetchone()[0]}")


def ran_ns(server: Path) -> int:
    """For how many nanoseconds it has run, told when it waits for the next statement: while it runs, the account is not kept to the moment."""
    while (server / "stat").read_text().rpartition(")")[2].split()[0] != "S":
        time.sleep(0.0002)
    return int((server / "schedstat").read_text().split()[0])


@dataclass(frozen=True)
class Cost:
    """Of one act: processor time of the process and its server, and what the clock said."""

    cpu_s: float
    clock_s: float


def cost_of(act: Callable[[], Any], *, server: Path) -> Cost:
    cpu, began = time.process_time() + ran_ns(server) / 1e9, time.perf_counter()
    act()
    clock = time.perf_counter() - began
    return Cost(time.process_time() + ran_ns(server) / 1e9 - cpu, clock)


def build_masters() -> None:
    from django.db import connection

    from catalog.models import Product, Sku
    from erp.core.actors import Actor
    from erp.core.models import Channel
    from erp.inventory.models import ChannelLocation, CostPool, Location
    from erp.inventory.services import ReceiptLine, receive

    by = Actor.command("bench")
    channel = Channel.objects.create(code=CHANNEL, name="Bench", kind="EC_SITE")
    product = Product.objects.create(code="BENCH", name="Bench")
    pool, _new = CostPool.objects.get_or_create(code="MAIN", defaults={"name": "MAIN"})
    place = Location.objects.create(code=WAREHOUSE, name="Bench", kind="WAREHOUSE", cost_pool=pool)
    ChannelLocation.objects.create(channel=channel, location=place, rank=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_color (code, name, sort_order) SELECT 'c' || i, 'c' || i, i FROM generate_series(1, %s) i",
            [SKUS],
        )
        cursor.execute(
            "INSERT INTO catalog_sku (code, product_id, color_id, is_kit, is_active, version)"
            " SELECT 'B-' || lpad(sort_order::text, 4, '0'), %s, id, false, true, 1 FROM catalog_color",
            [product.pk],
        )
    _rules(channel.pk, product.pk)
    lines = [
        ReceiptLine(line_no=number, sku_id=key, quantity=PIECES // 10, unit_cost=Decimal(420))
        for number, key in enumerate(Sku.objects.order_by("pk").values_list("pk", flat=True), 1)
    ]
    for first in range(0, len(lines), 500):
        receive(
            external_id=f"OPENING-{first}",
            location_id=place.pk,
            lines=lines[first : first + 500],
            occurred_at=AT,
            at=AT,
            by=by,
        )


def _rules(channel_id: int, product_id: int) -> None:
    """Rules of every scope, of every fifth SKU its own, and quotas of another channel. None of them shows nothing: orders need pieces."""
    from catalog.models import Category, Product, Sku
    from erp.core.models import Channel
    from erp.inventory.models import ChannelPolicy, ChannelQuota

    category = Category.objects.create(code="BENCH", name="Bench")
    Product.objects.filter(pk=product_id).update(category=category)
    other = Channel.objects.create(code="BENCH-2", name="Bench", kind="MALL")
    skus = list(Sku.objects.order_by("pk").values_list("pk", flat=True))
    ChannelPolicy.objects.create(channel_id=channel_id, buffer=1)
    ChannelPolicy.objects.create(channel_id=channel_id, category=category, last_pieces=3)
    ChannelPolicy.objects.create(channel_id=channel_id, product_id=product_id, cap=10**6)
    ChannelPolicy.objects.bulk_create(
        [ChannelPolicy(channel_id=channel_id, sku_id=sku_id, buffer_percent=10) for sku_id in skus[::5]]
    )
    ChannelQuota.objects.bulk_create([ChannelQuota(channel=other, sku_id=sku_id, quantity=5) for sku_id in skus[::20]])
