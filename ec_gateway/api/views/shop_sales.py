"""What tills sold. It happened, so it is recorded; what is odd about it is named as a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from ec_gateway.api import order_answers as told
from ec_gateway.api.frame import Answer
from ec_gateway.api.order_calls import MOST_ORDERS, ListCall, Lost, id_in
from ec_gateway.api.order_examples import EXAMPLES
from ec_gateway.api.order_fields import choice, flag, moment, money, own_id, text
from ec_gateway.api.order_schema import (
    AdjustmentSerializer,
    LineSerializer,
    OrdererSerializer,
    PaymentSerializer,
    TaxSummarySerializer,
)
from ec_gateway.api.schema import Described, ProblemErrorSerializer, operation
from ec_gateway.models import ApiKey
from ec_gateway.services.intake import storable
from ec_gateway.shop_sale_document import CONDITIONS, Receipt, read_receipt
from erp.core.errors import InvalidInput
from erp.core.retries import is_passing
from erp.orders.services import (
    RefusedSale,
    SaleOutcome,
    keep_refused_sales,
    part_exchanges,
    record_shop_sales,
    record_till_returns,
)


class TillLineSerializer(LineSerializer):
    within = "orders.lines"

    quantity = serializers.IntegerField(
        min_value=-1_000_000, max_value=1_000_000, help_text="Not 0. Negative: so many came back without their receipt."
    )
    unit_price = money(help_text="Of one piece, never negative.")
    condition = choice(CONDITIONS)


class ShopSaleSerializer(Described):
    """A receipt. Goods of a receipt that is known come back as its return (`/orders/{external_id}/returns`); without it, in lines with a
    negative `quantity`: `total` and the `payments` that were given out are negative then. Both may stand on one receipt."""

    asset = "orders"

    external_id = own_id(help_text="The receipt's number, unique in the channel: the key of idempotency.")
    sold_at = moment(required=True)
    currency = text()
    prices_include_tax = flag()
    account_code = text()
    orderer = OrdererSerializer(required=False, allow_null=True)
    lines = serializers.ListField(child=TillLineSerializer(), min_length=1, max_length=2_000)
    adjustments = AdjustmentSerializer(many=True, required=False, allow_null=True)
    tax_summary = TaxSummarySerializer(required=False, allow_null=True)
    total = money(help_text="What changed hands; negative: it was given out.")
    payments = PaymentSerializer(many=True, required=False, allow_null=True)
    shop_note = text()
    attributes = serializers.DictField(required=False, allow_null=True)


class ShopSalesSerializer(Described):
    is_envelope = True

    sales = serializers.ListField(child=ShopSaleSerializer(), min_length=1, max_length=MOST_ORDERS)


class ShopSaleResultSerializer(Described):
    """`status` 201: recorded, 200: known with this content; otherwise the problem. `tasks`: what a person has to look at."""

    within = "orders.state"

    external_id = serializers.CharField(allow_blank=True)
    status = serializers.IntegerField()
    number = serializers.CharField(required=False, help_text="Of the sale.")
    return_number = serializers.CharField(required=False, help_text="Of what came back.")
    tasks = serializers.ListField(child=serializers.CharField(), required=False)
    type = serializers.CharField(required=False)
    title = serializers.CharField(required=False)
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False, allow_blank=True)
    errors = serializers.ListField(child=ProblemErrorSerializer(), required=False)  # type: ignore[assignment]


class ShopSalesAnswerSerializer(Described):
    is_envelope = True

    results = ShopSaleResultSerializer(many=True)


class ShopSales(ListCall):
    scopes: ClassVar = {"POST": ApiKey.Scope.ORDERS_WRITE}

    @operation(
        id="record_shop_sales",
        summary="Send what tills sold, up to 500 receipts",
        tag="shop sales",
        description=(
            "Sales that already happened are never refused: reserved pieces are taken, pieces beyond the books come in provisionally, an unknown"
            " SKU, a closed period or a total that does not add up are recorded with a task. Goods that came back without a receipt are taken in"
            " at what such pieces are worth, and their money goes back where it was given out. Only a malformed receipt, one in a currency that the"
            " books do not keep, and other content under a known number are answered with a problem, beside the results of the others, and told"
            " to staff; one that fails here is kept, told, and answered 500 in its own result. Committed in steps: send it again when it breaks off."
        ),
        request=ShopSalesSerializer,
        answers={200: ShopSalesAnswerSerializer},
        refusals=(404, 409),
        is_write=True,
        examples=EXAMPLES["record_shop_sales"],
    )
    def post(self, request: Request) -> HttpResponse:
        body = self.json_body(request)
        return self.listed(request, body, "sales", lambda items: self._record(request, items))

    def keep(self, request: Request, lost: Sequence[Lost]) -> None:
        """What was sold is gone whatever the message was like, so staff are told as well. An outage is told to the till only, which sends again."""
        outages = [item for item in lost if is_passing(item[2])]
        if outages:
            super().keep(request, outages)
        lasting = [
            RefusedSale(external_id, storable(body), why) for external_id, body, why in lost if not is_passing(why)
        ]
        if lasting:
            keep_refused_sales(
                channel_id=self.client.channel_id, refused=lasting, at=self.at, by=self.actor(request)
            )  # fmt: skip

    def _record(self, request: Request, items: Sequence[Any]) -> Answer:
        results: dict[int, dict[str, Any]] = {}
        receipts: dict[int, Receipt] = {}
        refused = []
        for index, item in enumerate(items):
            try:
                receipts[index] = read_receipt(item, at=self.at)
            except InvalidInput as refusal:
                results[index] = told.refused_body(id_in(item), refusal)
                refused.append((id_in(item), item, refusal))
        if refused:
            self.keep(request, refused)

        def step(places: Sequence[int]) -> list[dict[str, Any]]:
            return self._step(request, {place: receipts[place] for place in places}, items)

        results |= self.in_steps(request, items, receipts, step)
        return Answer(200, {"results": [results[index] for index in range(len(items))]})

    def _step(self, request: Request, receipts: Mapping[int, Receipt], items: Sequence[Any]) -> list[dict[str, Any]]:
        """What was sold, then what came back, each in one transaction: what is there of a step that broke off is found again."""
        channel, by = self.client.channel_code, self.actor(request)
        exchanges = {place: receipt.exchange for place, receipt in receipts.items() if receipt.exchange}
        parts = dict(zip(exchanges, part_exchanges(channel=channel, exchanges=list(exchanges.values())), strict=True))
        sales = {place: receipt.sale for place, receipt in receipts.items() if receipt.sale}
        sales |= {place: sale for place, (sale, _back) in parts.items()}
        backs = {place: receipt.back for place, receipt in receipts.items() if receipt.back}
        backs |= {place: back for place, (_sale, back) in parts.items()}
        sold: dict[int, SaleOutcome] = {}
        taken: dict[int, SaleOutcome] = {}
        if sales:
            bodies = [items[place] for place in sales]
            outcomes = record_shop_sales(
                channel=channel, sales=list(sales.values()), bodies=bodies, at=self.at, by=by
            )  # fmt: skip
            sold = dict(zip(sales, outcomes, strict=True))
        if backs:
            bodies = [items[place] for place in backs]
            outcomes = record_till_returns(
                channel=channel, returns=list(backs.values()), bodies=bodies, at=self.at, by=by
            )  # fmt: skip
            taken = dict(zip(backs, outcomes, strict=True))
        return [_result(sold.get(place), taken.get(place)) for place in receipts]


def _result(sale: SaleOutcome | None, back: SaleOutcome | None) -> dict[str, Any]:
    outcomes = [outcome for outcome in (sale, back) if outcome is not None]
    for outcome in outcomes:
        if outcome.refusal is not None:
            return told.refused_body(outcome.external_id, outcome.refusal)
    return {
        "external_id": outcomes[0].external_id,
        "status": 200 if all(outcome.is_replay for outcome in outcomes) else 201,
        **({} if sale is None else {"number": sale.number}),
        **({} if back is None else {"return_number": back.number}),
        "tasks": [kind.lower() for outcome in outcomes for kind in outcome.tasks],
    }
