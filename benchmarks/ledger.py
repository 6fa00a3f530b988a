"""A company of any size on the stage: so many SKUs, places, channels, and a ledger of so many movements, written in the order of three years.

Rows come from ``generate_series``, with checks, triggers and indexes put aside while they do and back in place before anything is measured. Every
balance is the sum of its movements, numbered without a gap; one of a hundred movements was recorded up to two months late, and the first SKU of
the first place has every fiftieth movement of the company, every other of which is late.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.stage import CHANNEL

YEARS = 3
END = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
BEGIN = END - dt.timedelta(days=365 * YEARS)
OPENING = 1_000_000
UNIT_COST = 420
EVERY = 50
# So many movements a statement, each told of.
AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Size:
    """``skus`` × ``places`` balances share the movements. The last channel sells from all places, each other from one."""

    skus: int = 10_000
    movements: int = 1_000_000
    places: int = 1
    channels: int = 1

    @property
    def balances(self) -> int:
        return self.skus * self.places

    @property
    def codes_of_channels(self) -> list[str]:
        return [CHANNEL, *(f"{CHANNEL}-{number}" for number in range(1, self.channels))]

    @property
    def sells_from_all(self) -> str:
        return self.codes_of_channels[-1]


def build(size: Size, *, documents: bool = True) -> None:
    """Masters, balances and ledger in the database of this process. Without ``documents`` the movements have no headers, which only reports bear."""
    from django.db import connection

    _say(f"{size}")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off; SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'")
        cursor.execute(
            "SET statement_timeout = 0; SET transaction_timeout = 0; SET idle_in_transaction_session_timeout = 0"
        )
        _masters(cursor, size)
        with put_aside(cursor, "inventory_stockdocument", "inventory_stockmovement", keys=documents):
            if documents:
                cursor.execute(_DOCUMENTS, {"begin": BEGIN, "end": END, "count": size.movements, "channel": CHANNEL})
                _say("documents")
            values = {
                "begin": BEGIN, "end": END, "count": size.movements, "skus": size.skus, "balances": size.balances,
                "opening": OPENING, "cost": UNIT_COST, "every": EVERY if size.movements > 2 * size.balances else 1,
            }  # fmt: skip
            for first in range(1, size.movements + 1, AT_ONCE):
                last = min(first + AT_ONCE - 1, size.movements)
                cursor.execute(_MOVEMENTS, values | {"first": first, "last": last})
                _say(f"{last:,} movements")
        with put_aside(cursor, "inventory_stockbalance", "inventory_costbalance", keys=True):
            cursor.execute(_BALANCES)
            cursor.execute(_COSTS)
            _say("balances")
        for table in ("stockdocument", "stockmovement", "stockbalance", "costbalance"):
            cursor.execute(f"VACUUM ANALYZE inventory_{table}")
        for table in (
            "catalog_sku",
            "catalog_product",
            "catalog_color",
            "inventory_location",
            "inventory_channellocation",
        ):
            cursor.execute(f"VACUUM ANALYZE {table}")
    _say("ready")
    connection.close()


def _masters(cursor: Any, size: Size) -> None:
    from erp.core.models import Channel
    from erp.inventory.models import ChannelLocation, CostPool, Location

    pool, _new = CostPool.objects.get_or_create(code="MAIN", defaults={"name": "MAIN"})
    places = [
        Location.objects.create(code=f"BENCH-{number}", name=f"Bench {number}", kind="WAREHOUSE", cost_pool=pool)
        for number in range(size.places)
    ]
    for number, code in enumerate(size.codes_of_channels):
        channel = Channel.objects.create(code=code, name=code, kind="EC_SITE")
        of_channel = places if code == size.sells_from_all else [places[number % size.places]]
        for rank, place in enumerate(of_channel, 1):
            ChannelLocation.objects.create(channel=channel, location=place, rank=rank)
    cursor.execute(
        "INSERT INTO catalog_color (code, name, sort_order) SELECT 'c' || i, 'c' || i, i FROM generate_series(1, 1000) i"
    )
    cursor.execute(_PRODUCTS, [(size.skus + 999) // 1000])
    with put_aside(cursor, "catalog_sku", keys=True):
        cursor.execute(_SKUS, [size.skus])
    cursor.execute("ANALYZE catalog_sku")
    _say("masters")


_PRODUCTS = """
INSERT INTO catalog_product (code, name, kana, tax_class, life_cycle, material, country_of_origin, version)
SELECT 'BENCH-' || i, 'Bench', '', 'STANDARD', 'ACTIVE', '', '', 1 FROM generate_series(1, %s) i
"""
_SKUS = """
INSERT INTO catalog_sku (code, product_id, color_id, is_kit, is_active, version)
SELECT 'B-' || lpad(n::text, greatest(4, length(n::text)), '0'), product.id, color.id, false, true, 1
FROM generate_series(1, %s) n JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM catalog_product) product
    ON product.place = (n - 1) / 1000
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM catalog_color) color ON color.place = (n - 1) %% 1000 ORDER BY n
"""
_DOCUMENTS = """
INSERT INTO inventory_stockdocument
    (id, kind, source_type, source_id, external_id, fingerprint, note, occurred_at, recorded_at, actor, created_xid)
OVERRIDING SYSTEM VALUE
SELECT i, 'ISSUE', 'SHIPMENT', i, '', '', '', t, t, d.actor, '3'::xid8
FROM (SELECT %(begin)s::timestamptz AS begin, %(end)s::timestamptz AS end, 'channel:' || %(channel)s AS actor) d
CROSS JOIN generate_series(1, (%(count)s + 2) / 3) i
CROSS JOIN LATERAL (SELECT d.begin + (d.end - d.begin) * (i * 3 / %(count)s::float8) AS t) moment
"""
# Balance 0 has every so manieth movement, the others take turns: so numbers without a gap follow from the place in the row alone. Where there
# are hardly more movements than balances, all take turns, so that each has its opening.
_MOVEMENTS = """
INSERT INTO inventory_stockmovement
    (id, document_id, sku_id, location_id, quantity, balance_seq, on_hand_after, value, document_line, occurred_at, recorded_at)
OVERRIDING SYSTEM VALUE
SELECT i, (i + 2) / 3, sku.first + balance %% %(skus)s, place.first + balance / %(skus)s, pieces, seq,
       %(opening)s - CASE WHEN seq %% 2 = 0 THEN 1 ELSE 0 END, pieces * %(cost)s, i,
       t - CASE WHEN i %% 100 = 0 THEN make_interval(days => (i / 100 %% 60)::int) ELSE interval '0' END, t
FROM (SELECT min(id) AS first FROM catalog_sku) sku, (SELECT min(id) AS first FROM inventory_location WHERE code LIKE 'BENCH-%%') place,
     generate_series(%(first)s::int, %(last)s::int) i
     CROSS JOIN LATERAL (SELECT
         CASE WHEN %(every)s = 1 THEN (i - 1) %% %(balances)s
              WHEN i %% %(every)s = 0 THEN 0 ELSE 1 + (i - i / %(every)s - 1) %% (%(balances)s - 1) END AS balance,
         CASE WHEN %(every)s = 1 THEN (i - 1) / %(balances)s + 1
              WHEN i %% %(every)s = 0 THEN i / %(every)s ELSE (i - i / %(every)s - 1) / (%(balances)s - 1) + 1 END AS seq) at
     CROSS JOIN LATERAL (SELECT CASE WHEN seq = 1 THEN %(opening)s WHEN seq %% 2 = 0 THEN -1 ELSE 1 END AS pieces,
         %(begin)s::timestamptz + (%(end)s::timestamptz - %(begin)s::timestamptz) * (i / %(count)s::float8) AS t) what
"""
_BALANCES = """
INSERT INTO inventory_stockbalance (sku_id, location_id, on_hand, allocated, balance_seq, version)
SELECT sku.id, place.id, coalesce(m.pieces, 0), 0, coalesce(m.count, 0), 1
FROM catalog_sku sku CROSS JOIN inventory_location place LEFT JOIN (
    SELECT sku_id, location_id, sum(quantity) AS pieces, count(*) AS count FROM inventory_stockmovement GROUP BY 1, 2
) m ON m.sku_id = sku.id AND m.location_id = place.id
WHERE place.code LIKE 'BENCH-%' ORDER BY sku.id, place.id
"""
_COSTS = f"""
INSERT INTO inventory_costbalance (sku_id, cost_pool_id, quantity, value, version)
SELECT b.sku_id, place.cost_pool_id, sum(b.on_hand), sum(b.on_hand) * {UNIT_COST}, 1
FROM inventory_stockbalance b JOIN inventory_location place ON place.id = b.location_id GROUP BY 1, 2 ORDER BY 1, 2
"""


@contextmanager
def put_aside(cursor: Any, *tables: str, keys: bool) -> Iterator[None]:
    """The tables without triggers, checks and indexes but the primary key's, which all come back; foreign keys for new rows only, or not at all."""
    dropped: list[str] = []
    for table in tables:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid), contype FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('f', 'u', 'x')",
            [table],
        )
        for name, definition, kind in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
            if kind != "f" or keys:
                late = " NOT VALID" if kind == "f" else ""
                dropped.append(
                    f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition.removesuffix(" NOT VALID")}{late}'
                )
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND indexname NOT LIKE '%%_pkey'", [table]
        )
        for name, definition in cursor.fetchall():
            cursor.execute(f'DROP INDEX "{name}"')
            dropped.insert(0, definition)
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for statement in dropped:
        cursor.execute(statement)
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 1)) FROM {table}")
    _say("indexes")


_began = time.perf_counter()


def _say(what: str) -> None:
    print(f"{time.perf_counter() - _began:6.0f} s  {what}", flush=True)
