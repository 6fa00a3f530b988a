"""The cost pools, the places of goods on the road and of defective ones, and the reasons that a new company starts with.

Loaded after every migration. A row that is there stays as staff left it. Names are data of a Japanese company and are therefore Japanese.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed_apps
from django.db import transaction

from erp.core.actors import Actor
from erp.core.use_case import sign
from erp.inventory.models import CostPool, Location, Reason

# Defective pieces have a pool of their own: written down to nothing they would thin the average of the good ones.
POOLS = [
    ("MAIN", "商品", "inventory.goods"),
    ("IN_TRANSIT", "積送品", "inventory.in_transit"),
    ("CONSIGNED", "委託先在庫", "inventory.consigned"),
    ("DEFECT", "不良品", "inventory.goods"),
]
TRANSIT, DEFECT = "TRANSIT", "DEFECT"

UP, DOWN, BOTH = Reason.Direction.UP, Reason.Direction.DOWN, Reason.Direction.BOTH
REASONS = [
    ("DAMAGE", "破損・汚損", DOWN, "stock_loss"),
    ("LOSS", "棚卸減耗", DOWN, "stock_loss"),
    ("FOUND", "棚卸差益", UP, "stock_loss"),
    ("SAMPLE", "見本・サンプル提供", DOWN, "promotion"),
    ("WRITE_OFF", "廃棄", DOWN, "stock_loss"),
    ("PROVISIONAL", "在庫差異(仮入庫)", BOTH, "stock_loss"),
    ("OPENING", "期首在庫", UP, "retained_earnings"),
]


def load_reference_data(*, apps: Any = installed_apps, **_signal: Any) -> None:
    """Receiver of ``post_migrate``. Repeatable; does nothing while the tables are not there (a migration back to zero)."""
    try:
        apps.get_model("inventory", "ProvisionalReceipt")
    except LookupError:
        return
    with transaction.atomic():
        sign(Actor.command("migrate"))
        CostPool.objects.bulk_create(
            [CostPool(code=code, name=name, account_role=role) for code, name, role in POOLS], ignore_conflicts=True
        )
        pools = {pool.code: pool for pool in CostPool.objects.filter(code__in=["IN_TRANSIT", "DEFECT"])}
        Location.objects.bulk_create(
            [
                Location(code=TRANSIT, name="積送中", kind=Location.Kind.IN_TRANSIT, cost_pool=pools["IN_TRANSIT"]),
                Location(code=DEFECT, name="不良品置場", kind=Location.Kind.DEFECT, cost_pool=pools["DEFECT"]),
            ],
            ignore_conflicts=True,
        )
        Reason.objects.bulk_create(
            [
                Reason(code=code, name=name, direction=direction, account_role=role)
                for code, name, direction, role in REASONS
            ],
            ignore_conflicts=True,
        )
