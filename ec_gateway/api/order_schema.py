"""The order of the contract as the OpenAPI text tells it. What these say is tested against ``order_document``; nothing here reads or writes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from ec_gateway import order_document as words
from ec_gateway.api.schema import Described, ProblemErrorSerializer
from ec_gateway.order_news_document import CONDITIONS, PAYMENT_KINDS
from erp.orders.models import OrderHold, OrderState, Return, Shipment


def money(**fields: Any) -> serializers.RegexField:
    """A decimal number in a text."""
    return serializers.RegexField(r"^-?[0-9]{1,20}(\.[0-9]{1,10})?$", **fields)


def text(**fields: Any) -> serializers.CharField:
    return serializers.CharField(required=False, allow_blank=True, allow_null=True, **fields)


def choice(of: dict[str, str], *, required: bool = False) -> serializers.ChoiceField:
    return serializers.ChoiceField(list(of), required=required, allow_null=not required)


def told(values: list[str]) -> serializers.ChoiceField:
    """An enumeration in an answer."""
    return serializers.ChoiceField([value.lower() for value in values])


def moment(*, required: bool = False) -> serializers.DateTimeField:
    return serializers.DateTimeField(required=required, allow_null=not required, help_text="ISO 8601 with its offset.")


def day() -> serializers.DateField:
    return serializers.DateField(required=False, allow_null=True)


def flag() -> serializers.BooleanField:
    return serializers.BooleanField(required=False, allow_null=True)


def own_id(**fields: Any) -> serializers.CharField:
    return serializers.CharField(min_length=1, max_length=100, **fields)


class AddressSerializer(Described):
    within = "orders.orderer"

    country = text()
    postal_code = text()
    prefecture = text()
    city = text()
    street = text()
    building = text()


class PersonSerializer(Described):
    within = "orders.orderer"

    company = text()
    department = text()
    family_name = text()
    given_name = text()
    family_kana = text()
    given_kana = text()
    phone = text()
    address = AddressSerializer(required=False, allow_null=True)


class OrdererSerializer(PersonSerializer):
    within = "orders.orderer"

    external_id = text()
    kind = choice(words.CUSTOMER_KINDS)
    email = text()
    email_is_relay = flag()


class NoshiSerializer(Described):
    within = "orders.deliveries"

    kind = text()
    name = text()


class GiftSerializer(Described):
    within = "orders.deliveries"

    wrapping = text()
    message = text()
    noshi = NoshiSerializer(required=False, allow_null=True)


class DeliverySerializer(Described):
    within = "orders.deliveries"

    ref = text()
    ship_to = PersonSerializer(required=False, allow_null=True)
    sender = PersonSerializer(required=False, allow_null=True)
    method = text()
    carrier = text()
    wish_date = day()
    time_slot = text()
    pickup_point = text()
    hide_prices = flag()
    gift = GiftSerializer(required=False, allow_null=True)


class LineSerializer(Described):
    within = "orders.lines"

    line_id = text(help_text="The channel's own id of the line, by which it is returned; its number if none is sent.")
    delivery_ref = text()
    sku = text()
    channel_item_code = text()
    name = text()
    options = serializers.ListField(child=serializers.JSONField(), required=False, allow_null=True)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)
    unit_price = money(required=False, allow_null=True, help_text="null: not yet known; the order waits.")
    tax_included = flag()
    tax_class = choice(words.TAX_CLASSES)
    tax_rate = money(required=False, allow_null=True, help_text="Percent, as the channel printed it.")
    promised_date = day()


class FeeSerializer(Described):
    within = "orders.fees"

    kind = choice(words.FEES, required=True)
    delivery_ref = text()
    amount = money(required=False, allow_null=True)
    tax_included = flag()
    tax_class = choice(words.TAX_CLASSES)


class AdjustmentSerializer(Described):
    within = "orders.adjustments"

    kind = choice(words.ADJUSTMENTS, required=True)
    funded_by = choice(words.FUNDERS, required=True)
    code = text()
    line_id = text()
    amount = money(help_text="Positive: what it takes off.")


class StatedRateSerializer(Described):
    within = "orders.tax_summary"

    tax_class = choice(words.TAX_CLASSES, required=True)
    rate = money()
    amount = money(help_text="Gross under this rate.")
    tax = money()


class TaxSummarySerializer(Described):
    within = "orders.tax_summary"

    basis = choice(words.BASES)
    issued_by = choice(words.ISSUERS)
    rates = StatedRateSerializer(many=True, required=False, allow_null=True)


class PaymentSerializer(Described):
    within = "orders.payments"

    method = choice(words.METHODS, required=True)
    provider = text()
    amount = money()
    status = choice(words.STATUSES)
    reference = text()
    due_at = moment()
    authorization_expires_at = moment()


class ReceiptSerializer(Described):
    within = "orders.receipt"

    requested = flag()
    addressee = text()
    proviso = text()


class OrderSerializer(Described):
    """An order as a channel sends it. `total` = lines + fees − shop-funded discounts; `amount_due` = `total` − what others fund = Σ payments."""

    asset = "orders"

    external_id = own_id(help_text="The channel's number of the order; with `revision` the key of idempotency.")
    revision = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2_000_000_000)
    acceptance = choice(words.ACCEPTANCES)
    order_type = choice(words.ORDER_TYPES)
    ordered_at = moment(required=True)
    currency = text()
    prices_include_tax = flag()
    hold_ref = text()
    account_code = text()
    customer_po_number = text()
    orderer = OrdererSerializer(required=False, allow_null=True)
    bill_to = PersonSerializer(required=False, allow_null=True)
    deliveries = DeliverySerializer(many=True, required=False, allow_null=True)
    lines = serializers.ListField(child=LineSerializer(), min_length=1, max_length=2_000)
    fees = FeeSerializer(many=True, required=False, allow_null=True)
    adjustments = AdjustmentSerializer(many=True, required=False, allow_null=True)
    tax_summary = TaxSummarySerializer(required=False, allow_null=True)
    total = money(allow_null=True, help_text="null: not yet known; the order waits (amount_unknown).")
    amount_due = money(required=False, allow_null=True)
    payments = PaymentSerializer(many=True, required=False, allow_null=True)
    receipt = ReceiptSerializer(required=False, allow_null=True)
    customer_note = text()
    shop_note = text()
    attributes = serializers.DictField(required=False, allow_null=True)


class AmendedOrderSerializer(OrderSerializer):
    """An order whose number stands in the address."""

    external_id = own_id(required=False, help_text="As in the address, or left out.")


class BulkSerializer(Described):
    is_envelope = True

    orders = serializers.ListField(child=OrderSerializer(), min_length=1, max_length=500)


# Answers


class AllocatedLineSerializer(Described):
    within = "orders.allocation"

    line_id = serializers.CharField()
    sku = serializers.CharField(allow_blank=True)
    quantity = serializers.IntegerField()
    reserved_quantity = serializers.IntegerField(help_text="Units kept in stock for this line.")


class HoldReasonSerializer(Described):
    within = "orders.holds"

    reason = told(OrderHold.Reason.values)


class PlacedSerializer(Described):
    """`outcome`: placed (new), replayed (known with this content), amended, task (staff decide: it is at the warehouse, or paid), stale (an
    older revision: kept, nothing changed)."""

    within = "orders.allocation"

    external_id = serializers.CharField()
    number = serializers.CharField()
    revision = serializers.IntegerField()
    state = told(OrderState.values)
    outcome = serializers.ChoiceField(["placed", "replayed", "amended", "task", "stale"])
    lines = AllocatedLineSerializer(many=True)
    holds = HoldReasonSerializer(many=True)


class BulkResultSerializer(PlacedSerializer):
    """One per order, in the order sent: `status` as `POST /orders` would have answered. A refused order carries the problem instead."""

    within = "orders.allocation"

    status = serializers.IntegerField()
    number = serializers.CharField(required=False)
    revision = serializers.IntegerField(required=False)
    state = serializers.ChoiceField([value.lower() for value in OrderState.values], required=False)
    outcome = serializers.ChoiceField(["placed", "replayed", "amended", "task", "stale"], required=False)
    lines = AllocatedLineSerializer(many=True, required=False)
    holds = HoldReasonSerializer(many=True, required=False)
    type = serializers.CharField(required=False)
    title = serializers.CharField(required=False)
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False, allow_blank=True)
    errors = serializers.ListField(child=ProblemErrorSerializer(), required=False)  # type: ignore[assignment]


class BulkAnswerSerializer(Described):
    is_envelope = True

    results = BulkResultSerializer(many=True)


class HoldViewSerializer(HoldReasonSerializer):
    within = "orders.holds"

    opened_at = serializers.DateTimeField()


class LineViewSerializer(AllocatedLineSerializer):
    within = "orders.allocation"

    name = serializers.CharField(allow_blank=True)
    shipped_quantity = serializers.IntegerField()
    cancelled_quantity = serializers.IntegerField()
    returned_quantity = serializers.IntegerField()
    unit_price = money(allow_null=True)
    gross_amount = money(allow_null=True)


class ParcelLineSerializer(Described):
    within = "orders.shipments"

    line_id = serializers.CharField()
    quantity = serializers.IntegerField()


class ShipmentSerializer(Described):
    within = "orders.shipments"

    number = serializers.CharField()
    state = told(Shipment.State.values)
    delivery_ref = serializers.CharField()
    carrier = serializers.CharField(allow_blank=True)
    tracking_number = serializers.CharField(allow_blank=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    ship_date = serializers.DateField(allow_null=True)
    delivered_date = serializers.DateField(allow_null=True)
    lines = ParcelLineSerializer(many=True)


class ReturnLineViewSerializer(Described):
    within = "orders.returns"

    line_id = serializers.CharField(allow_blank=True, help_text="Empty for a fee.")
    description = serializers.CharField(allow_blank=True)
    quantity = serializers.IntegerField()
    condition = told(list(CONDITIONS))
    gross_amount = money()


class ReturnViewSerializer(Described):
    within = "orders.returns"

    number = serializers.CharField()
    external_id = serializers.CharField()
    kind = told(Return.Kind.values)
    return_date = serializers.DateField()
    net_amount = money()
    tax_amount = money()
    gross_amount = money()
    lines = ReturnLineViewSerializer(many=True)


class PaymentViewSerializer(Described):
    within = "orders.payments"

    payment = serializers.IntegerField(help_text="Which of the order's payments, from 1.")
    method = serializers.CharField()
    provider = serializers.CharField(allow_blank=True)
    amount = money()
    status = told(list(words.STATUSES))
    received_amount = money()
    refunded_amount = money()


class TaxViewSerializer(Described):
    within = "orders.taxes"

    tax_code = serializers.CharField()
    percent = money()
    net_amount = money()
    tax_amount = money(help_text="Ours: rounded once per rate over the order.")
    gross_amount = money()
    stated_tax = money(allow_null=True, help_text="What the channel printed.")


@extend_schema_serializer(component_name="OrderView")
class OrderViewSerializer(Described):
    asset = "orders"

    external_id = serializers.CharField()
    number = serializers.CharField()
    revision = serializers.IntegerField()
    order_type = told(list(words.ORDER_TYPES))
    acceptance = told(list(words.ACCEPTANCES))
    state = told(OrderState.values)
    ordered_at = serializers.DateTimeField()
    currency = serializers.CharField()
    net_amount = money(allow_null=True)
    tax_amount = money(allow_null=True)
    total = money(allow_null=True)
    amount_due = money(allow_null=True)
    stated_total = money(allow_null=True)
    tax_difference = money(allow_null=True, help_text="Our tax less the channel's.")
    ship_after = serializers.DateField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    cancel_reason = serializers.CharField(allow_blank=True)
    holds = HoldViewSerializer(many=True)
    lines = LineViewSerializer(many=True)
    shipments = ShipmentSerializer(many=True)
    returns = ReturnViewSerializer(many=True)
    payments = PaymentViewSerializer(many=True)
    taxes = TaxViewSerializer(many=True)


class OrdersPageSerializer(Described):
    """One of two lists: of changed orders (`cursor`, `has_more`), of all (`next_cursor`, `feed_cursor`)."""

    is_envelope = True

    items = OrderViewSerializer(many=True)
    cursor = serializers.CharField(required=False, help_text="Continue with `changed_after`.")
    has_more = serializers.BooleanField(required=False, help_text="More changes are there already.")
    next_cursor = serializers.CharField(required=False, allow_null=True, help_text="Of the next page; null: the last.")
    feed_cursor = serializers.CharField(
        required=False, help_text="On the first page, taken before it was read: `changed_after` once all pages are."
    )


class CancellationSerializer(Described):
    within = "orders.cancel_reason"

    reason = text()
    message_id = own_id(required=False, allow_null=True)


class OrderStateSerializer(Described):
    """`outcome`: recorded, replayed, task (staff decide) or parked (its order has not come yet)."""

    within = "orders.state"

    external_id = serializers.CharField()
    number = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField([value.lower() for value in OrderState.values], allow_null=True)
    outcome = serializers.ChoiceField(["recorded", "replayed", "task", "parked"])


class ReturnedUnitsSerializer(Described):
    within = "orders.returns"

    line_id = serializers.CharField(min_length=1)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)
    condition = choice(CONDITIONS)


class ReturnSerializer(Described):
    within = "orders.returns"

    external_id = own_id(help_text="The channel's number of the return: the key of idempotency.")
    lines = serializers.ListField(child=ReturnedUnitsSerializer(), min_length=1, max_length=2_000)
    refund_fees = flag()
    reason = text()
    returned_on = day()


class ReturnedSerializer(Described):
    """Amounts are null while the return waits for its order (`outcome` parked)."""

    within = "orders.returns"

    external_id = serializers.CharField()
    order = serializers.CharField()
    number = serializers.CharField(allow_null=True)
    outcome = serializers.ChoiceField(["recorded", "replayed", "parked"])
    return_date = serializers.DateField(allow_null=True)
    net_amount = money(allow_null=True)
    tax_amount = money(allow_null=True)
    gross_amount = money(allow_null=True)


class PaymentEventSerializer(Described):
    within = "orders.payments"

    event_id = own_id(help_text="The key of idempotency.")
    kind = choice(PAYMENT_KINDS, required=True)
    occurred_at = moment(required=True)
    amount = money(required=False, allow_null=True, help_text="Without one: all that is left of the payment.")
    payment = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=10_000)
    reference = text()
