"""Products as Mamori manages them. How they are shown (texts, images, videos) is the EC site's own."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from catalog import selectors as catalog
from catalog.models import Product
from catalog.selectors import Named, ProductView, SkuView
from ec_gateway.api.etags import unless_known
from ec_gateway.api.frame import ApiView, json_answer, plain
from ec_gateway.api.pagination import cursor_behind
from ec_gateway.api.questions import Question
from ec_gateway.api.schema import IF_NONE_MATCH, Described, Example, operation, path, query
from ec_gateway.models import ApiKey
from erp.core import changes
from erp.core.clock import business_date
from erp.core.errors import NotFound
from erp.core.models import TaxClass

PAGE = 100


class NamedSerializer(Described):
    within = "product.name"

    code = serializers.CharField()
    name = serializers.CharField(allow_blank=True)


class StandardPriceSerializer(Described):
    within = "price.standard_price"

    price = serializers.CharField(help_text="Decimal.")
    currency = serializers.CharField()
    tax_included = serializers.BooleanField()


class KitPartSerializer(Described):
    within = "product.components"

    sku = serializers.CharField()
    quantity = serializers.IntegerField()


class SkuSerializer(Described):
    asset = "product"

    sku = serializers.CharField()
    color = NamedSerializer(allow_null=True)
    size = NamedSerializer(allow_null=True)
    jan = serializers.ListField(child=serializers.CharField(), help_text="JAN and other GTINs.")
    is_kit = serializers.BooleanField()
    components = KitPartSerializer(many=True)
    is_active = serializers.BooleanField()
    weight_g = serializers.IntegerField(allow_null=True)
    standard_price = StandardPriceSerializer(allow_null=True, help_text="上代 of today.")
    cost = serializers.CharField(required=False, allow_null=True, help_text="With the scope cost:read only.")
    version = serializers.IntegerField()


class ProductSerializer(Described):
    asset = "product"

    code = serializers.CharField(help_text="Style number (品番).")
    name = serializers.CharField()
    kana = serializers.CharField(allow_blank=True)
    brand = NamedSerializer(allow_null=True)
    season = NamedSerializer(allow_null=True)
    category = NamedSerializer(allow_null=True)
    supplier = NamedSerializer(required=False, allow_null=True, help_text="With the scope cost:read only.")
    tax_class = serializers.ChoiceField(choices=[value.lower() for value in TaxClass.values])
    life_cycle = serializers.ChoiceField(choices=[value.lower() for value in Product.LifeCycle.values])
    release_date = serializers.DateField(allow_null=True)
    discontinued_date = serializers.DateField(allow_null=True)
    material = serializers.CharField(allow_blank=True)
    country_of_origin = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(help_text="Ignore an answer with a lower one than you have.")
    skus = SkuSerializer(many=True)


class ProductListSerializer(Described):
    """Of changed styles (`cursor`, `has_more`) or of all (`next_cursor`, `feed_cursor`)."""

    is_envelope = True

    items = ProductSerializer(many=True)
    cursor = serializers.CharField(required=False, help_text="Continue with `changed_after`.")
    has_more = serializers.BooleanField(required=False)
    next_cursor = serializers.CharField(required=False, allow_null=True)
    feed_cursor = serializers.CharField(required=False, help_text="On the first page, taken before it was read.")


_SHIRT = {
    "code": "TS-001",
    "name": "Tシャツ",
    "kana": "",
    "brand": None,
    "season": None,
    "category": None,
    "supplier": None,
    "tax_class": "standard",
    "life_cycle": "active",
    "release_date": None,
    "discontinued_date": None,
    "material": "綿100%",
    "country_of_origin": "日本",
    "version": 2,
    "skus": [
        {
            "sku": "TS-001-WH-M",
            "color": {"code": "WH", "name": "ホワイト"},
            "size": {"code": "M", "name": "M"},
            "jan": ["4901234567894"],
            "is_kit": False,
            "components": [],
            "is_active": True,
            "weight_g": 180,
            "standard_price": {"price": "3300", "currency": "JPY", "tax_included": True},
            "cost": "1200",
            "version": 2,
        }
    ],
}


class _OfProducts(ApiView):
    """What both calls share: without the scope for it no cost leaves the house."""

    scopes: ClassVar = {"GET": ApiKey.Scope.PRODUCTS_READ}

    def _bodies(self, ids: list[int]) -> list[dict[str, Any]]:
        with_cost = ApiKey.Scope.COST_READ in self.client.scopes
        views = catalog.product_views(ids, on=business_date(self.at), with_cost=with_cost)
        return [_product(view, with_cost=with_cost) for view in views]


class ProductList(_OfProducts):
    @operation(
        id="product_list",
        summary="Styles that changed since a cursor, or all of them",
        tag="products",
        parameters=[
            query("changed_after", description="A cursor of the feed: styles and prices that changed since."),
            query("cursor", description="Of the next page of the full list."),
            query("limit", {"type": "integer", "minimum": 1, "maximum": PAGE}),
        ],
        answers={200: ProductListSerializer},
        refusals=[410],
        examples=[
            Example(
                "changed",
                query={"changed_after": "1.0"},
                response={"items": [_SHIRT], "cursor": "1.1042", "has_more": False},
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        asked = Question(request)
        mode, limit = asked.only_one_of("changed_after", "cursor"), asked.limit(usual=PAGE, most=PAGE)
        after = asked.id_behind()
        asked.close()
        if mode == "changed_after":
            return self._changed(asked.feed_cursor("changed_after"), limit)
        feed = {} if after else {"feed_cursor": str(changes.current_cursor())}
        ids = catalog.product_page(after_id=after, limit=limit)
        following = cursor_behind(str(ids[-1])) if len(ids) == limit else None
        return json_answer({"items": self._bodies(ids), "next_cursor": following, **feed})

    def _changed(self, after: changes.Cursor, limit: int) -> HttpResponse:
        page = changes.read_page(after, limit=limit, topics=["product", "price"], audience=self.client.channel_code)
        styles = {int(item.key) for item in page.changes if item.topic == "product"}
        priced = {int(item.key) for item in page.changes if item.topic == "price"}
        if priced:
            styles |= set(catalog.styles_of(priced).values())
        items = self._bodies(sorted(styles)) if styles else []
        return json_answer({"items": items, "cursor": str(page.cursor), "has_more": page.has_more})


class ProductOfCode(_OfProducts):
    @operation(
        id="product_read",
        summary="One style with its SKUs",
        tag="products",
        parameters=[path("code"), IF_NONE_MATCH],
        answers={200: ProductSerializer, 304: None},
        refusals=[404],
        examples=[Example("a shirt", path={"code": "TS-001"}, response=_SHIRT)],
    )
    def get(self, request: Request, code: str) -> HttpResponse:
        found = self._bodies(list(catalog.product_ids([code]).values()))
        if not found:
            raise NotFound(_("There is no style %(code)s.") % {"code": code})
        return unless_known(request, found[0])


def _product(view: ProductView, *, with_cost: bool) -> dict[str, Any]:
    body = {
        "code": view.code,
        "name": view.name,
        "kana": view.kana,
        "brand": _named(view.brand),
        "season": _named(view.season),
        "category": _named(view.category),
        "tax_class": view.tax_class.lower(),
        "life_cycle": view.life_cycle.lower(),
        "release_date": view.release_date,
        "discontinued_date": view.discontinued_date,
        "material": view.material,
        "country_of_origin": view.country_of_origin,
        "version": view.version,
        "skus": [_sku(sku, with_cost=with_cost) for sku in view.skus],
    }
    return body | {"supplier": _named(view.supplier)} if with_cost else body


def _sku(view: SkuView, *, with_cost: bool) -> dict[str, Any]:
    price = view.standard_price
    body = {
        "sku": view.code,
        "color": _named(view.color),
        "size": _named(view.size),
        "jan": list(view.jan),
        "is_kit": view.is_kit,
        "components": [{"sku": code, "quantity": quantity} for code, quantity in view.components],
        "is_active": view.is_active,
        "weight_g": view.weight_g,
        "standard_price": None
        if price is None
        else {"price": plain(price.price), "currency": price.currency, "tax_included": price.tax_included},
        "version": view.version,
    }
    if with_cost:
        body["cost"] = None if view.cost is None else plain(view.cost)
    return body


def _named(named: Named | None) -> dict[str, str] | None:
    return None if named is None else {"code": named.code, "name": named.name}
