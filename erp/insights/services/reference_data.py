"""The segments that a new company starts with. A row that is there stays as staff left it.

The ranges are those in general use for RFM; the narrow ones come first, since the first that fits wins.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed_apps
from django.db import transaction

from erp.core.actors import Actor
from erp.core.use_case import sign
from erp.insights.models import Segment

# (code, name, R, F, M). Names are data of a Japanese company and are therefore Japanese.
SEGMENTS = [
    ("new", "新規顧客", (4, 5), (1, 1), (1, 1)),
    ("promising", "有望な新規顧客", (3, 4), (1, 1), (1, 1)),
    ("cant_lose", "離したくない元優良顧客", (1, 1), (4, 5), (4, 5)),
    ("champions", "最優良顧客", (4, 5), (4, 5), (4, 5)),
    ("loyal", "優良顧客", (2, 5), (3, 5), (3, 5)),
    ("potential_loyalist", "優良顧客候補", (3, 5), (1, 3), (1, 3)),
    ("need_attention", "要フォロー顧客", (2, 3), (2, 3), (2, 3)),
    ("about_to_sleep", "休眠間近の顧客", (2, 3), (1, 2), (1, 2)),
    ("at_risk", "離反のおそれがある顧客", (1, 2), (2, 5), (2, 5)),
    ("lost", "休眠顧客", (1, 2), (1, 2), (1, 2)),
    ("others", "その他", (1, 5), (1, 5), (1, 5)),
]


def load_reference_data(*, apps: Any = installed_apps, **_signal: Any) -> None:
    """Receiver of ``post_migrate``. Repeatable; does nothing while the tables are not there (a migration back to zero).

    Staff who deleted or reordered segments keep their set: only an empty table is filled.
    """
    try:
        apps.get_model("insights", "Segment")
    except LookupError:
        return
    with transaction.atomic():
        sign(Actor.command("migrate"))
        if not Segment.objects.exists():
            Segment.objects.bulk_create(
                [
                    Segment(
                        code=code, name=name, rank=rank,
                        r_from=r[0], r_to=r[1], f_from=f[0], f_to=f[1], m_from=m[0], m_to=m[1],
                    )
                    for rank, (code, name, r, f, m) in enumerate(SEGMENTS, 1)
                ],
                ignore_conflicts=True,
            )  # fmt: skip
