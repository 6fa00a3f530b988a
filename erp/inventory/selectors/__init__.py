"""Questions to stock. Answers are dataclasses; nothing here locks or writes."""

from erp.inventory.selectors.as_of import (
    Explained,
    StockThen,
    TotalThen,
    explain_stock_as_of,
    final_before,
    stock_as_of,
    stock_totals_as_of,
)
from erp.inventory.selectors.availability import (
    SOLD_FROM,
    Availability,
    Component,
    Term,
    answer_of_code,
    available_to_promise,
    by_kind_of_place,
    question_of_code,
)
from erp.inventory.selectors.expectations import Incoming, incoming
from erp.inventory.selectors.holds import HeldFor, HeldSku, HoldView, held_for, hold, holds_of
from erp.inventory.selectors.ledger import (
    IssuedPart,
    ReservedPart,
    ask_reserved,
    holders_of,
    issued_values,
    reserved,
)
from erp.inventory.selectors.places import (
    consigned_location_ids,
    counter_location_id,
    location_id_of,
    place_names,
    shelves,
    shop_location_ids,
    transit_location_id,
)
from erp.inventory.selectors.policies import NO_RULES, Rules, TermKind, rules
from erp.inventory.selectors.product_stock import ProductStock, product_stock
from erp.inventory.selectors.promises import (
    PromisedPart,
    WantedPieces,
    arrived_documents,
    differs,
    places_of_channels,
    promisable_skus,
    promised,
    promised_documents,
)
from erp.inventory.selectors.purchases import UninvoicedReceipt, is_uninvoiced, uninvoiced_receipts
from erp.inventory.selectors.snapshot_faults import skus_by_movements, snapshot_faults, unequal_as_of
from erp.inventory.selectors.staff import places_of, shop_channels_of
from erp.inventory.selectors.valuation import PoolValue, stock_values
from erp.inventory.selectors.worth import unit_worth

__all__ = [
    "NO_RULES",
    "SOLD_FROM",
    "Availability",
    "Component",
    "Explained",
    "HeldFor",
    "HeldSku",
    "HoldView",
    "Incoming",
    "IssuedPart",
    "PoolValue",
    "ProductStock",
    "PromisedPart",
    "ReservedPart",
    "Rules",
    "StockThen",
    "Term",
    "TermKind",
    "TotalThen",
    "UninvoicedReceipt",
    "WantedPieces",
    "answer_of_code",
    "arrived_documents",
    "ask_reserved",
    "available_to_promise",
    "by_kind_of_place",
    "consigned_location_ids",
    "counter_location_id",
    "differs",
    "explain_stock_as_of",
    "final_before",
    "held_for",
    "hold",
    "holders_of",
    "holds_of",
    "incoming",
    "is_uninvoiced",
    "issued_values",
    "location_id_of",
    "place_names",
    "places_of",
    "places_of_channels",
    "product_stock",
    "promisable_skus",
    "promised",
    "promised_documents",
    "question_of_code",
    "reserved",
    "rules",
    "shelves",
    "shop_channels_of",
    "shop_location_ids",
    "skus_by_movements",
    "snapshot_faults",
    "stock_as_of",
    "stock_totals_as_of",
    "stock_values",
    "transit_location_id",
    "unequal_as_of",
    "uninvoiced_receipts",
    "unit_worth",
]
