"""Where the proof plays: few SKUs and two kits that share them, two warehouses, a shop, the road between them, three EC sites and a till.

There are far fewer pieces than everybody wants, so that every act meets a shortage or somebody else.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from catalog.models import Color, Product, Sku
from catalog.services import define_kit
from erp.core.actors import Actor
from erp.core.models import Channel
from erp.inventory.services import ReceiptLine, keep_back, open_location, receive, sell_from

SITES = ("PROOF-A", "PROOF-B", "PROOF-C")
TILL = "PROOF-TILL"
WAREHOUSES = ("PROOF-EAST", "PROOF-WEST")
SHOP, ROAD = "PROOF-SHOP", "PROOF-ROAD"
PIECES = ("NP-SHIRT", "NP-KNIT", "NP-SOCKS", "NP-SCARF")
KITS: Mapping[str, Mapping[str, int]] = {
    "NP-SET": {"NP-SHIRT": 1, "NP-SOCKS": 2},
    "NP-GIFT": {"NP-KNIT": 1, "NP-SCARF": 1, "NP-SOCKS": 1},
}
# Of each SKU in each warehouse, and in the shop.
OPENING, IN_SHOP = 15, 6
PRICE, COST = Decimal(1100), Decimal(400)
BY = Actor.command("prove_no_oversell")


@dataclass(frozen=True, slots=True)
class Stage:
    """Ids by code; ``parts`` is what one unit of a SKU takes out of the stock: SKU id → pieces."""

    skus: Mapping[str, int]
    places: Mapping[str, int]
    channels: Mapping[str, int]
    parts: Mapping[str, Mapping[int, int]]
    opening: Mapping[int, int]

    def told(self) -> str:
        """As JSON, for a process that need not make it again."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, told: str) -> Stage:
        known = json.loads(told)
        # The keys of a JSON object are texts.
        known["opening"] = {int(key): pieces for key, pieces in known["opening"].items()}
        known["parts"] = {code: {int(key): n for key, n in of.items()} for code, of in known["parts"].items()}
        return cls(**known)


def build(*, at: dt.datetime) -> Stage:
    """Make it in an empty company. Calling again returns what is there."""
    places = {code: open_location(code=code, name=code, at=at, by=BY) for code in WAREHOUSES}
    places[SHOP] = open_location(code=SHOP, name=SHOP, kind="SHOP", at=at, by=BY)
    places[ROAD] = open_location(code=ROAD, name=ROAD, kind="IN_TRANSIT", at=at, by=BY)
    channels = {code: _channel(code, "EC_SITE") for code in SITES} | {TILL: _channel(TILL, "SHOP")}
    product, _new = Product.objects.get_or_create(code="NP", defaults={"name": "NP"})
    skus = {code: _sku(product, code, number) for number, code in enumerate([*PIECES, *KITS], 1)}
    for code, components in KITS.items():
        define_kit(sku_code=code, components=components, at=at, by=BY)
    for number, site in enumerate(SITES):
        # The sites sell from both warehouses, each in an order of its own; the first from the shop too, the last keeps pieces back.
        for rank, code in enumerate(WAREHOUSES if number % 2 else WAREHOUSES[::-1], 1):
            sell_from(channel_id=channels[site], location_id=places[code], rank=rank, at=at, by=BY)
    sell_from(channel_id=channels[SITES[0]], location_id=places[SHOP], rank=9, at=at, by=BY)
    keep_back(channel_id=channels[SITES[-1]], sku_id=None, quantity=2, at=at, by=BY)
    sell_from(channel_id=channels[TILL], location_id=places[SHOP], rank=1, at=at, by=BY)
    for code, pieces in {**dict.fromkeys(WAREHOUSES, OPENING), SHOP: IN_SHOP}.items():
        lines = [ReceiptLine(number, skus[sku], pieces, COST) for number, sku in enumerate(PIECES, 1)]
        receive(external_id=f"OPENING-{code}", location_id=places[code], lines=lines, occurred_at=at, at=at, by=BY)
    parts = {code: {skus[code]: 1} for code in PIECES}
    parts |= {code: {skus[part]: count for part, count in of.items()} for code, of in KITS.items()}
    total = len(WAREHOUSES) * OPENING + IN_SHOP
    return Stage(skus, places, channels, parts, {skus[code]: total for code in PIECES})


def _channel(code: str, kind: str) -> int:
    return Channel.objects.get_or_create(code=code, defaults={"name": code, "kind": kind})[0].pk


def _sku(product: Product, code: str, number: int) -> int:
    color, _new = Color.objects.get_or_create(code=f"np{number}", defaults={"name": code, "sort_order": number})
    return Sku.objects.get_or_create(code=code, defaults={"product": product, "color": color})[0].pk
