"""Every use-case of the product master. Takes one level of the house's lock order: document, by name."""

from catalog.services.announcing import (
    announce_dated_prices,
    announce_list,
    announce_name,
    announce_prices,
    announce_products,
    announce_todays_prices,
    announce_todays_products,
)
from catalog.services.codes import add_code
from catalog.services.kits import define_kit
from catalog.services.prices import set_cost, set_price
from catalog.services.product_import import ImportReport, import_products
from catalog.services.styles import change_life_cycle, create_matrix, find_bad_codes

__all__ = [
    "ImportReport",
    "add_code",
    "announce_dated_prices",
    "announce_list",
    "announce_name",
    "announce_prices",
    "announce_products",
    "announce_todays_prices",
    "announce_todays_products",
    "change_life_cycle",
    "create_matrix",
    "define_kit",
    "find_bad_codes",
    "import_products",
    "set_cost",
    "set_price",
]
