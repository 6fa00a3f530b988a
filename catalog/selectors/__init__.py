"""Questions to the product master."""

from catalog.selectors.matrix import Matrix, matrix_of
from catalog.selectors.prices import PriceAnswer, cost_on, price_for
from catalog.selectors.skus import SkuFacts, ask_sku_facts, sku_facts, sku_facts_by_id, skus_by_channel_code

__all__ = [
    "Matrix",
    "PriceAnswer",
    "SkuFacts",
    "ask_sku_facts",
    "cost_on",
    "matrix_of",
    "price_for",
    "sku_facts",
    "sku_facts_by_id",
    "skus_by_channel_code",
]
