"""A hundred thousand listings: what a comparison asks and what it needs. Slow; prints its figures."""

import resource
import sys
import time

import pytest
from django.db import connection

from catalog.models import Sku
from ec_gateway.models import Listing, ReconciliationRow, SitePush
from ec_gateway.reconciliation import reconcile
from tests.ec_gateway.factories import ROBOT, after, shop
from tests.ec_gateway.fake_platform import FakePlatform, line_to, never_wait
from tests.inventory.factories import sku
from tests.statements import Statements

LISTINGS, EDITED, BROKEN = 100_000, 100, 20_000
# One statement for a hundred listings.
MOST_STATEMENTS, MOST_MB = LISTINGS // 100, 150

# Rows as the services leave them, written at once.
SEED = """
WITH made AS (
    INSERT INTO catalog_product SELECT (jsonb_populate_record(p, jsonb_build_object(
        'id', nextval('catalog_product_id_seq'), 'code', 'BIG-' || n))).*
    FROM catalog_product p, generate_series(1, %(count)s) n WHERE p.id = %(product)s RETURNING id, code
), skus AS (
    INSERT INTO catalog_sku (code, product_id, is_kit, is_active, version) SELECT code, id, false, true, 1 FROM made RETURNING id, code
), balances AS (
    INSERT INTO inventory_stockbalance (sku_id, location_id, on_hand, allocated, balance_seq, version)
    SELECT id, %(place)s, 10, 0, 0, 1 FROM skus
), listings AS (
    INSERT INTO ec_gateway_listing (site_id, sku_id, external_code, external_ref, is_active)
    SELECT %(site)s, id, code, '{}', true FROM skus
)
INSERT INTO ec_gateway_sitepush (site_id, sku_id, generation, is_forced, attempts, error, shown, shown_at, sent_at, version, pending_key,
    pending_orders_seen, recent)
SELECT %(site)s, id, 1, false, 0, '', 10, %(long_ago)s, %(long_ago)s, 1, '', '', '{10}' FROM skus
"""


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compared(site, platform, at):
    """The outcome with how many statements it sent, its CPU seconds and the rise of this process's peak memory."""
    memory, cpu, sent = peak_mb(), time.process_time(), Statements()
    with connection.execute_wrapper(sent):
        outcome = reconcile(line=line_to(site, platform, at), holder=f"at {at}", wait=never_wait, by=ROBOT)
    return outcome.run, sent.count, time.process_time() - cpu, peak_mb() - memory


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_hundred_thousand_listings_are_compared_in_little_time_and_memory(capsys):
    site, place = shop()
    values = {"count": LISTINGS, "product": sku().product_id, "place": place.pk, "site": site.pk}
    with connection.cursor() as cursor:
        cursor.execute(SEED, {**values, "long_ago": after(-7200)})
        cursor.execute("ANALYZE")
    codes = list(Listing.objects.filter(site=site).order_by("pk").values_list("external_code", flat=True))
    platform = FakePlatform(stock=dict.fromkeys(codes, 10), page_size=1_000)

    figures = {"nothing differs": compared(site, platform, after(0))}
    platform.stock |= dict.fromkeys(codes[:EDITED], 3)
    figures[f"{EDITED} edited on the site"] = compared(site, platform, after(600))
    platform.stock |= dict.fromkeys(codes[:BROKEN], 3)
    figures[f"{BROKEN} edited on the site"] = compared(site, platform, after(1200))

    with capsys.disabled():
        sys.stdout.write(f"\n{LISTINGS} listings compared:\n")
        for name, (_run, statements, cpu, memory) in figures.items():
            sys.stdout.write(
                f"  {name:<28} {statements:6} statements, {cpu:6.1f} s of our CPU, {memory:6.1f} MB more at the peak\n"
            )
    runs = [run for run, *_rest in figures.values()]
    assert [(run.listings_compared, run.stock_rows) for run in runs] == [
        (LISTINGS, 0),
        (LISTINGS, EDITED),
        (LISTINGS, BROKEN),
    ]
    assert set(ReconciliationRow.objects.filter(run=runs[2]).values_list("cause", "repair")) == {
        ("SHOP_SIDE_EDIT", "PUSH_AGAIN")
    }
    assert SitePush.objects.filter(is_forced=True).count() == BROKEN
    assert Sku.objects.filter(code__startswith="BIG-").count() == LISTINGS
    assert all(sent < MOST_STATEMENTS and memory < MOST_MB for _run, sent, _cpu, memory in figures.values())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM ec_gateway_stagedquantity) + (SELECT count(*) FROM ec_gateway_stagedavailability)"
        )
        assert cursor.fetchone()[0] == 0
