"""The order of the contract as the OpenAPI text tells it. What these say is tested against ``order_document``; nothing here reads or writes."""

from __future__ import annotations

from rest_framework import serializers

from ec_gateway import order_document as words
from ec_gateway.api.order_fields import choice, day, flag, moment, money, own_id, text
from ec_gateway.api.schema import Described
from ec_gateway.order_news_document import CONDITIONS, PAYMENT_KINDS


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


class CancellationSerializer(Described):
    within = "orders.cancel_reason"

    reason = text()
    message_id = own_id(required=False, allow_null=True)


class ReturnedUnitsSerializer(Described):
    within = "orders.returns"

    line_id = serializers.CharField(min_length=1, max_length=60)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)
    condition = choice(CONDITIONS)


class ReturnSerializer(Described):
    within = "orders.returns"

    external_id = own_id(help_text="The channel's number of the return: the key of idempotency.")
    lines = serializers.ListField(child=ReturnedUnitsSerializer(), min_length=1, max_length=2_000)
    refund_fees = flag()
    reason = text()
    returned_on = day()


class PaymentEventSerializer(Described):
    within = "orders.payments"

    event_id = own_id(help_text="The key of idempotency.")
    kind = choice(PAYMENT_KINDS, required=True)
    occurred_at = moment(required=True)
    amount = money(required=False, allow_null=True, help_text="Without one: all that is left of the payment.")
    payment = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=10_000)
    reference = text(help_text="What the provider calls this one movement of money, not the charge or the order.")
