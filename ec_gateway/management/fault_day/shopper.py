"""A shopper with a browser: opens pages and sends their forms, as anybody would."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
FIGURE = re.compile(r'data-sku="([^"]+)">(?:(\d+)|<)')
CART_LINE = re.compile(r'name="sku" value="([^"]+)"')
TIMEOUT_S = 10.0
PERSON = {
    "family_name": "髙橋",
    "given_name": "花子",
    "family_kana": "タカハシ",
    "given_kana": "ハナコ",
    "email": "hanako@example.jp",
    "phone": "090-0000-0000",
    "postal_code": "150-0001",
    "prefecture": "東京都",
    "city": "渋谷区",
    "street": "神宮前1-2-3",
    "building": "",
}


class Shopper:
    """One person with cookies of their own at one shop. Raises httpx.HTTPError when the shop does not answer."""

    def __init__(self, address: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._browser = httpx.Client(base_url=address, timeout=timeout_s, follow_redirects=True, trust_env=False)

    def __enter__(self) -> Shopper:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._browser.close()

    def look(self, page: str) -> str:
        answer = self._browser.get(page)
        answer.raise_for_status()
        return answer.text

    def figures(self, style: str) -> dict[str, int]:
        """What the product page says is left, by SKU."""
        return {sku: int(count or 0) for sku, count in FIGURE.findall(self.look(f"/products/{style}"))}

    def put_in_cart(self, sku: str, quantity: int) -> None:
        self._send("/cart", "/cart", {"sku": sku, "quantity": str(quantity)}, on="/checkout")

    def empty_cart(self) -> None:
        """Put everything back on the shelf, such as what an attempt to buy left behind that nobody answered."""
        for sku in CART_LINE.findall(self.look("/cart")):
            self._send("/cart", "/cart", {"sku": sku, "quantity": "0", "set": "1"})

    def buy(self, basket: Mapping[str, int], *, method: str = "card", note: str = "") -> str | None:
        """The number of the order, or None when the shop refused."""
        for sku, quantity in basket.items():
            self.put_in_cart(sku, quantity)
        answer = self._send("/checkout", "/checkout", {**PERSON, "method": method, "note": note})
        is_placed = answer.url.path.startswith("/orders/")
        return answer.url.path.removeprefix("/orders/") if is_placed else None

    def order_page(self, external_id: str) -> str:
        return self.look(f"/orders/{external_id}")

    def act(self, external_id: str, act: str, fields: Mapping[str, str] | None = None) -> str:
        """Cancel, pay, return, address: the page that follows."""
        page = f"/orders/{external_id}"
        return self._send(page, f"{page}/{act}", fields or {}).text

    def _send(self, page: str, action: str, fields: Mapping[str, str], *, on: str = "") -> httpx.Response:
        """Send a form that stands on ``page``, or on another page of the shop when that one shows none now."""
        token = TOKEN.search(self.look(on or page)) or TOKEN.search(self.look("/checkout"))
        data = {**fields, "csrfmiddlewaretoken": token[1] if token else ""}
        answer = self._browser.post(action, data=data)
        answer.raise_for_status()
        return answer
