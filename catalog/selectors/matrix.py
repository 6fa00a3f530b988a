"""A style as its colour × size matrix, in the order that colours and sizes have as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from catalog.models import Color, Size, Sku


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows are colours, columns are sizes; ``cells`` has no entry where a combination is not made. None stands for "has none"."""

    colors: tuple[Color | None, ...]
    sizes: tuple[Size | None, ...]
    cells: dict[tuple[int | None, int | None], Sku]

    def row(self, color: Color | None) -> list[Sku | None]:
        color_id = None if color is None else color.pk
        return [self.cells.get((color_id, None if size is None else size.pk)) for size in self.sizes]


def matrix_of(product_id: int) -> Matrix:
    skus = list(Sku.objects.filter(product_id=product_id).select_related("color", "size"))
    colors = {sku.color_id: sku.color for sku in skus}
    sizes = {sku.size_id: sku.size for sku in skus}
    return Matrix(
        colors=tuple(sorted(colors.values(), key=in_order)),
        sizes=tuple(sorted(sizes.values(), key=in_order)),
        cells={(sku.color_id, sku.size_id): sku for sku in skus},
    )


def in_order(row: Color | Size | None) -> tuple[int, str]:
    """Where a colour or size stands among others; what has none stands first."""
    return (-1, "") if row is None else (row.sort_order, row.code)


def names_apart(masters: Sequence[Color | Size | None]) -> list[str]:
    """How colours or sizes are called beside each other: where two have one name, each with its code."""
    counts = Counter(master.name for master in masters if master)
    return [
        "–" if master is None else f"{master.name} ({master.code})" if counts[master.name] > 1 else master.name
        for master in masters
    ]
