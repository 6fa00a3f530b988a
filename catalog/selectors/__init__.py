"""Questions to the product master."""

from catalog.selectors.matrix import Matrix, in_order, matrix_of, names_apart
from catalog.selectors.prices import PriceAnswer, cost_on, price_for
from catalog.selectors.products import Named, ProductView, SkuView, product_ids, product_page, product_views
from catalog.selectors.skus import (
    SkuFacts,
    ask_sku_facts,
    kits_containing,
    scanned_codes,
    sku_codes,
    sku_facts,
    sku_facts_by_id,
    sku_ids,
    sku_page,
    skus_by_channel_code,
    skus_scanned,
    style_codes,
    styles_of,
)

__all__ = [
    "Matrix",
    "Named",
    "PriceAnswer",
    "ProductView",
    "SkuFacts",
    "SkuView",
    "ask_sku_facts",
    "cost_on",
    "in_order",
    "kits_containing",
    "matrix_of",
    "names_apart",
    "price_for",
    "product_ids",
    "product_page",
    "product_views",
    "scanned_codes",
    "sku_codes",
    "sku_facts",
    "sku_facts_by_id",
    "sku_ids",
    "sku_page",
    "skus_by_channel_code",
    "skus_scanned",
    "style_codes",
    "styles_of",
]
