"""The people of the day outside the house: shoppers with browsers, and the operators of the sites."""

from __future__ import annotations

import re
from collections.abc import Sequence

import httpx

from ec_gateway.management.fault_day.plan import Act
from ec_gateway.management.fault_day.remote import RemoteSite
from ec_gateway.management.fault_day.shopper import PERSON, Shopper

RETURNABLE = re.compile(r'name="(line-\d+)" value="0" min="0" max="(\d+)"')
# Shoppers lose patience sooner than servers.
PATIENCE_S = 5.0
# Of how many orders somebody looks whether there is something to send back.
MOST_PAGES = 8


class SiteShopper:
    """One shopper of one site, with the orders that this browser knows of."""

    def __init__(self, address: str) -> None:
        self._browser = Shopper(address, timeout_s=PATIENCE_S)
        self._orders: list[tuple[str, str]] = []

    def do(self, act: Act) -> str:
        try:
            return self._do(act)
        except httpx.TransportError:
            return "unanswered"

    def close(self) -> None:
        self._browser.close()

    def _do(self, act: Act) -> str:
        if act.kind == "buy":
            return self._buy(act)
        mine = [number for number, method in self._orders if act.kind != "pay" or method not in ("card", "cod")]
        if not mine:
            return "nothing"
        first = int(act.pick * len(mine))
        if act.kind == "return":
            return self._return([*mine[first:], *mine[:first]][:MOST_PAGES], act)
        number = mine[first]
        fields = {**PERSON, "street": f"銀座{int(act.pick * 900)}"} if act.kind == "address" else {}
        page = self._browser.act(number, act.kind, fields)
        return "refused" if 'class="error"' in page else "done"

    def _buy(self, act: Act) -> str:
        basket, method = act.values["basket"], act.values["method"]
        self._browser.empty_cart()
        number = self._browser.buy(basket, method=method)
        if number is None:
            return "refused"
        self._orders.append((number, method))
        return "done"

    def _return(self, numbers: Sequence[str], act: Act) -> str:
        for number in numbers:
            if possible := RETURNABLE.findall(self._browser.order_page(number)):
                line, most = possible[int(act.pick * len(possible))]
                page = self._browser.act(number, "return", {line: str(1 + int(act.pick * int(most))), "reason": "練習"})
                return "refused" if 'class="error"' in page else "done"
        return "nothing"


class Operator:
    """Whoever switches the faults of all sites, and edits figures by hand."""

    def __init__(self, sites: Sequence[RemoteSite]) -> None:
        self._sites = sites

    def do(self, act: Act) -> str:
        site = self._sites[act.values["site"] - 1]
        try:
            if act.kind == "fault":
                site.switch(act.values["fault"], **act.values["parameters"])
            else:
                site.set_stock(act.values["sku"], act.values["quantity"])
        except httpx.TransportError:
            return "unanswered"
        return "done"
