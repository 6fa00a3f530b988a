"""Prices for B2B pages: the account's list or its wholesale rate, else the channel's price, else 上代."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from catalog import selectors as catalog
from customers import selectors as customers
from customers.selectors import AccountTerms
from ec_gateway.api.frame import ApiView, json_answer, plain
from ec_gateway.api.questions import MOST, Question
from ec_gateway.api.schema import Described, Example, operation, query
from ec_gateway.api.views.customers import account_of
from ec_gateway.models import ApiKey
from erp.core.clock import business_date
from erp.core.errors import InvalidInput, NotFound


class PriceSerializer(Described):
    asset = "price"

    sku = serializers.CharField()
    price = serializers.CharField(help_text="Decimal.")
    currency = serializers.CharField()
    tax_included = serializers.BooleanField()
    price_list = serializers.CharField(help_text="Code of the list it is from.")
    wholesale_percent = serializers.CharField(allow_null=True, help_text="掛率 that was applied to the standard price.")


class PriceListSerializer(Described):
    is_envelope = True

    on = serializers.DateField(help_text="The business date the prices are of.")
    customer = serializers.CharField(allow_null=True)
    account_code = serializers.CharField(allow_null=True)
    items = PriceSerializer(many=True)
    unpriced = serializers.ListField(child=serializers.CharField(), help_text="SKUs that have no price.")
    unknown = serializers.ListField(child=serializers.CharField(), help_text="Codes nobody knows.")


class PriceList(ApiView):
    scopes: ClassVar = {"GET": ApiKey.Scope.PRODUCTS_READ}

    @operation(
        id="price_list",
        summary="Today's prices of SKUs, for a business customer or for everyone",
        tag="products",
        parameters=[
            query("sku", description="SKU codes, separated by commas; at most 1000.", required=True),
            query("customer", description="Your own number of the customer."),
            query("account", description="Which of the customer's accounts, where there are several."),
        ],
        answers={200: PriceListSerializer},
        refusals=[404],
        examples=[
            Example(
                "for a shop with 掛率 60%",
                query={"customer": "b-1", "sku": "TS-001-WH-M"},
                response={
                    "on": "2026-11-23",
                    "customer": "b-1",
                    "account_code": "A1",
                    "items": [
                        {
                            "sku": "TS-001-WH-M",
                            "price": "1980",
                            "currency": "JPY",
                            "tax_included": True,
                            "price_list": "RETAIL",
                            "wholesale_percent": "60",
                        }
                    ],
                    "unpriced": [],
                    "unknown": [],
                },
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        asked = Question(request)
        codes, number = asked.codes("sku", most=MOST), asked.text("customer")
        account = self._account(asked, number) if number else None
        asked.close()
        known, on = catalog.sku_ids(codes), business_date(self.at)
        prices = catalog.price_for(
            sku_ids=known.values(),
            on=on,
            channel_id=self.client.channel_id,
            price_list_id=account.price_list_id if account else None,
            wholesale_percent=account.wholesale_percent if account else None,
        )
        found = [(code, prices[known[code]]) for code in codes if code in known and known[code] in prices]
        return json_answer(
            {
                "on": on,
                "customer": number or None,
                "account_code": account.account_code if account else None,
                "items": [
                    {
                        "sku": code,
                        "price": plain(price.price),
                        "currency": price.currency,
                        "tax_included": price.tax_included,
                        "price_list": price.price_list_code,
                        "wholesale_percent": None if price.percent is None else plain(price.percent),
                    }
                    for code, price in found
                ],
                "unpriced": [code for code in codes if code in known and known[code] not in prices],
                "unknown": [code for code in codes if code not in known],
            }
        )

    def _account(self, asked: Question, number: str) -> AccountTerms | None:
        """Raises NotFound, unless the question has faults that come before."""
        try:
            customer = customers.channel_customer(channel_id=self.client.channel_id, external_id=number)
            return account_of(customer, asked.text("account"))
        except InvalidInput as faults:
            asked.problems += faults.problems
        except NotFound:
            asked.close()
            raise
        return None
