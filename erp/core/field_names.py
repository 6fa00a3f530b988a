"""What the fields of messages are called, for people: the facts of the ownership registry, and the parts of what channels send.

A refusal names its faults by JSON pointers and codes, which are for machines; ``in_words`` says the same to staff.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from erp.core.errors import DomainError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

FIELDS: dict[str, StrOrPromise] = {
    "account_code": _("account code"), "account_codes": _("account codes"), "acceptance": _("acceptance of orders"),
    "address": _("address"), "adjustments": _("discounts and points"), "allocation": _("allocation"), "amount_due": _("amount due"),
    "as_of": _("as of"), "attributes": _("attributes"), "available": _("may be sold"), "bill_to": _("bill-to"),
    "billable_items": _("billable items"), "brand": _("brand"), "browsing_history": _("browsing history"),
    "cancel_reason": _("reason of the cancellation"), "cancelled_at": _("cancelled at"), "category": _("category"), "code": _("code"),
    "color": _("color"), "company": _("company"), "components": _("components"), "cost": _("cost"),
    "country_of_origin": _("country of origin"), "coupons": _("coupons"), "credit_available": _("credit available"),
    "credit_limit": _("credit limit"), "currency": _("currency"), "customer_note": _("note of the customer"),
    "customer_po_number": _("customer's order number"), "deliveries": _("deliveries"), "department": _("department"),
    "description": _("product description"), "discontinued_date": _("discontinued on"), "display": _("how it is displayed"),
    "email": _("e-mail"), "email_is_relay": _("e-mail is a relay address"), "entries": _("journal entries"), "exposure": _("exposure"),
    "external_id": _("external id"), "family_kana": _("family name (kana)"), "family_name": _("family name"), "fees": _("fees"),
    "given_kana": _("given name (kana)"), "given_name": _("given name"), "golden_id": _("golden customer"), "hold_ref": _("reference of the hold"),
    "holds": _("holds"), "orders.holds": _("reasons to wait for a person"),
    "images": _("images"), "is_active": _("active"), "is_frozen": _("frozen"), "is_kit": _("kit"), "jan": "JAN",
    "kana": _("kana"), "kind": _("kind"), "late_revision": _("late revision"), "life_cycle": _("life cycle"),
    "limit_expired": _("limit has expired"), "lines": _("lines"), "login": _("log-in"), "mails": pgettext_lazy("fact", "mails"),
    "material": _("material"), "name": _("name"),
    "net_amount": _("net amount"), "newsletter_consent": _("consent to newsletters"), "next_change_at": _("next change at"),
    "number": pgettext_lazy("of a document", "number"), "open_items": _("open items"), "order_type": _("order type"), "ordered_at": _("ordered at"),
    "orderer": _("orderer"), "payment_routes": _("payment routes"), "payments": _("payments"), "phone": _("phone"), "policy": _("policy"),
    "postings": _("postings"), "price": _("price"), "price_list": _("price list"), "prices_include_tax": _("prices include tax"),
    "quantity": _("quantity"), "receipt": _("receipt"), "release_date": _("release date"), "reservations": _("reservations"),
    "returns": _("returns"), "reviews": _("reviews"), "revision": _("revision"), "rules": pgettext_lazy("fact", "rules of sending"),
    "rfm": "RFM", "sale_price": _("sale price"),
    "season": _("season"), "segment": _("segment"), "seo": "SEO", "settlements": _("settlements"), "ship_after": _("ship after"),
    "shipments": _("shipments"), "shop_note": _("our note"), "size": _("size"), "sku": "SKU", "skus": "SKU", "sold_at": _("sold at"),
    "standard_price": _("standard retail price"), "state": _("state"), "stated_total": _("stated total"), "supplier": _("supplier"),
    "tax_amount": _("tax amount"), "tax_class": _("tax class"), "tax_difference": _("tax difference"),
    "tax_included": _("tax included"), "tax_summary": _("tax summary"), "taxes": _("taxes"), "templates": pgettext_lazy("fact", "templates"),
    "terms": _("terms of the figure"),
    "total": _("total"), "version": _("version"), "video": _("video"), "weight_g": _("weight (g)"), "wholesale_percent": _("wholesale rate (%)"),
    "wholesale_price": _("wholesale price"), "waits": _("reasons to wait for stock"),
}  # fmt: skip

# Parts of messages that are no facts of their own.
PARTS: dict[str, StrOrPromise] = {
    "addressee": _("addressee"), "amount": _("amount"), "authorization_expires_at": _("authorisation expires at"),
    "basis": pgettext_lazy("part", "basis of the tax"), "building": _("building"), "carrier": _("carrier"),
    "channel_item_code": _("item code of the channel"), "city": _("city"), "condition": _("condition"), "country": _("country"),
    "credentials": _("credentials"), "delivery_ref": pgettext_lazy("part", "delivery"), "due_at": _("due at"),
    "event_id": pgettext_lazy("part", "number of the news"), "expires_at": _("expires at"), "funded_by": _("funded by"), "gift": _("gift"),
    "hide_prices": _("hide prices"), "issued_by": _("issued by"), "line_id": pgettext_lazy("part", "number of the line"),
    "line_no": pgettext_lazy("part", "number of the line"), "message": pgettext_lazy("part", "message"),
    "message_id": pgettext_lazy("part", "number of the news"), "method": _("method"), "noshi": pgettext_lazy("part", "noshi"),
    "occurred_at": _("occurred at"), "options": pgettext_lazy("part", "options"), "order": pgettext_lazy("part", "order"), "orders": _("orders"),
    "payment": _("payment"), "pickup_point": pgettext_lazy("part", "pickup point"), "postal_code": _("postal code"),
    "prefecture": _("prefecture"), "promised_date": _("promised date"), "provider": _("provider"), "proviso": _("proviso"),
    "rate": pgettext_lazy("part", "rate"), "rates": pgettext_lazy("part", "rates"), "reason": _("reason"),
    "ref": pgettext_lazy("part", "reference"), "reference": pgettext_lazy("part", "reference"),
    "refund_fees": pgettext_lazy("part", "refund of fees"), "requested": pgettext_lazy("part", "wish"), "returned_on": _("returned on"),
    "sender": pgettext_lazy("part", "sender"), "settings": _("settings"), "ship_to": _("ship-to"), "status": pgettext_lazy("part", "status"),
    "street": _("street"), "tax": pgettext_lazy("part", "tax"), "tax_rate": _("tax rate"), "time_slot": _("time slot"), "unit_price": _("unit price"),
    "wish_date": _("wish date"), "wrapping": pgettext_lazy("part", "wrapping"),
}  # fmt: skip


def in_words(refusal: DomainError) -> str:
    """What was refused and why: of each fault the field as people call it, and the sentence."""
    told = [str(refusal.detail)]
    for problem in refusal.problems:
        place = " › ".join(_steps(problem.pointer))
        told.append(f"{place}: {problem.detail}" if place and problem.detail else place or problem.detail)
    return "\n".join(text for text in told if text) or str(refusal)


def _steps(pointer: str) -> Iterator[str]:
    """``/lines/1/unit_price`` is line 2, unit price. A name that nobody has a word for is shown as it came."""
    parts = [part for part in pointer.split("/") if part] if pointer.startswith("/") else [pointer] if pointer else []
    for place, part in enumerate(parts):
        if part.isdecimal():
            continue
        name = str(FIELDS.get(part) or PARTS.get(part, part))
        number = parts[place + 1] if place + 1 < len(parts) else ""
        yield (
            gettext("%(name)s no. %(number)d") % {"name": name, "number": int(number) + 1}
            if number.isdecimal()
            else name
        )
