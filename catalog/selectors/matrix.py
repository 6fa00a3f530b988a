"""A style as its colour × size matrix, in the order that colours and sizes have as data."""

from __future__ import annotations

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
        colors=tuple(sorted(colors.values(), key=_order)),
        sizes=tuple(sorted(sizes.values(), key=_order)),
        cells={(sku.color_id, sku.size_id): sku for sku in skus},
    )


def _order(row: Color | Size | None) -> tuple[int, str]:
    return (-1, "") if row is None else (row.sort_order, row.code)
