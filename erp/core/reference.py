"""Reference data of the kernel: what the law says, and the first epoch of the feed. Loaded after every migration, never overwriting.

A new rate is a new row that staff may add themselves, so a row that is there stays as it is.
"""

from __future__ import annotations

from datetime import UTC, date
from decimal import Decimal
from typing import Any

from django.apps import apps as installed_apps
from django.db import connection, transaction
from django.utils import timezone

from erp.core import changes
from erp.core.actors import Actor
from erp.core.models import DeductibleShare, TaxClass, TaxRate
from erp.core.use_case import sign

BEGIN = date(1989, 4, 1)

# (class, code, percent, national part, from, to, label on documents, marked as reduced)
TAX_RATES: list[tuple[TaxClass, str, str, str, date, date | None, str, bool]] = [
    (TaxClass.STANDARD, "STANDARD_3", "3", "3", BEGIN, date(1997, 3, 31), "3%", False),
    (TaxClass.STANDARD, "STANDARD_5", "5", "4", date(1997, 4, 1), date(2014, 3, 31), "5%", False),
    (TaxClass.STANDARD, "STANDARD_8", "8", "6.3", date(2014, 4, 1), date(2019, 9, 30), "旧税率8%", False),
    (TaxClass.STANDARD, "STANDARD_10", "10", "7.8", date(2019, 10, 1), None, "10%", False),
    (TaxClass.REDUCED, "REDUCED_8", "8", "6.24", date(2019, 10, 1), None, "軽減8%", True),
    (TaxClass.ZERO_RATED, "ZERO_RATED", "0", "0", BEGIN, None, "免税", False),
    (TaxClass.EXEMPT, "EXEMPT", "0", "0", BEGIN, None, "非課税", False),
    (TaxClass.OUT_OF_SCOPE, "OUT_OF_SCOPE", "0", "0", BEGIN, None, "対象外", False),
]

# Source: 平成28年改正法附則52・53, as amended by the reform of 2026.
DEDUCTIBLE_SHARES = [
    (date(2023, 10, 1), 80),
    (date(2026, 10, 1), 70),
    (date(2028, 10, 1), 50),
    (date(2030, 10, 1), 30),
    (date(2031, 10, 1), 0),
]


def load_reference_data(*, apps: Any = installed_apps, **_signal: Any) -> None:
    """Receiver of ``post_migrate``. Repeatable; does nothing while the tables are not there yet (a migration back to zero)."""
    try:
        apps.get_model("core", "FeedEpoch")
    except LookupError:
        return
    with transaction.atomic():
        sign(Actor.command("migrate"))
        TaxRate.objects.bulk_create([_tax_rate(*row) for row in TAX_RATES], ignore_conflicts=True)
        DeductibleShare.objects.bulk_create(
            [DeductibleShare(valid_from=start, percent=percent) for start, percent in DEDUCTIBLE_SHARES],
            ignore_conflicts=True,
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO core_feedepoch (started_at, reason) SELECT %s, 'first start'"
                " WHERE NOT EXISTS (SELECT FROM core_feedepoch)",
                [timezone.now()],
            )
        changes.ensure_partitions(first=timezone.now().astimezone(UTC).date())


def _tax_rate(
    tax_class: TaxClass,
    code: str,
    percent: str,
    national_percent: str,
    valid_from: date,
    valid_to: date | None,
    label: str,
    is_reduced: bool,
) -> TaxRate:
    return TaxRate(
        tax_class=tax_class,
        code=code,
        percent=Decimal(percent),
        national_percent=Decimal(national_percent),
        valid_from=valid_from,
        valid_to=valid_to,
        label=label,
        is_reduced=is_reduced,
    )
