"""What ``manage.py verify`` asks of the product master."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from catalog.models import Sku
from erp.core.checks import Fault

_BAD_KITS = """
SELECT kit.id, kit.code, CASE
    WHEN NOT kit.is_kit THEN 'has components but is no kit'
    WHEN NOT EXISTS (SELECT FROM catalog_kitcomponent part WHERE part.kit_id = kit.id) THEN 'is a kit without components'
    ELSE 'contains a kit' END
FROM catalog_sku kit
WHERE (kit.is_kit AND NOT EXISTS (SELECT FROM catalog_kitcomponent part WHERE part.kit_id = kit.id))
   OR (NOT kit.is_kit AND EXISTS (SELECT FROM catalog_kitcomponent part WHERE part.kit_id = kit.id))
   OR EXISTS (SELECT FROM catalog_kitcomponent part JOIN catalog_sku inner_kit ON inner_kit.id = part.component_id
              WHERE part.kit_id = kit.id AND inner_kit.is_kit)
ORDER BY kit.id
"""


def kit_count() -> int:
    return Sku.objects.filter(is_kit=True).count()


def bad_kits() -> Iterator[Fault]:
    """A kit's pieces are promised through its components, so it must have some, and none of them may be a kit."""
    with connection.cursor() as cursor:
        cursor.execute(_BAD_KITS)
        for sku_id, code, detail in cursor.fetchall():
            yield Fault("P3", "SKU", sku_id, code, detail)
