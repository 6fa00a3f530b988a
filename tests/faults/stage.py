"""The stage of the fault tests: the schema, one channel with one warehouse, and few SKUs with too few pieces, so that everybody meets.

DATABASE_URL=… python -m tests.faults.stage
"""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal

CHANNEL, WAREHOUSE = "FAULTS", "FAULTS-WH"
SKUS = 5
PIECES = 60
AT = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    _build_masters()


def _build_masters() -> None:
    from catalog.models import Color, Product, Sku
    from erp.core.actors import Actor
    from erp.core.models import Channel
    from erp.inventory.models import ChannelLocation, CostPool, Location
    from erp.inventory.services import ReceiptLine, receive

    channel = Channel.objects.create(code=CHANNEL, name="Faults", kind="EC_SITE")
    pool, _is_new = CostPool.objects.get_or_create(code="MAIN", defaults={"name": "MAIN"})
    place = Location.objects.create(code=WAREHOUSE, name="Faults", kind="WAREHOUSE", cost_pool=pool)
    ChannelLocation.objects.create(channel=channel, location=place, rank=1)
    product = Product.objects.create(code="FAULTS", name="Faults")
    skus = [
        Sku.objects.create(
            code=f"F-{number}", product=product, color=Color.objects.create(code=f"f{number}", name=f"{number}")
        )
        for number in range(1, SKUS + 1)
    ]
    lines = [ReceiptLine(number, sku.pk, PIECES, Decimal(420)) for number, sku in enumerate(skus, 1)]
    by = Actor.command("faults")
    receive(external_id="OPENING", location_id=place.pk, lines=lines, occurred_at=AT, at=AT, by=by)


if __name__ == "__main__":
    main()
