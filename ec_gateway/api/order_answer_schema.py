"""What calls about orders answer, as the OpenAPI text tells it. Nothing here reads or writes."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from ec_gateway import order_document as words
from ec_gateway.api.order_fields import money, told
from ec_gateway.api.schema import Described, ProblemErrorSerializer
from ec_gateway.order_news_document import CONDITIONS
from erp.orders.models import OrderHold, OrderState, OrderWait, Return, Shipment


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
    """`outcome`: placed (new), replayed (known with this content), amended, task (staff decide: it is at the warehouse, or cancelled; said again
    for the same revision), stale (older than a revision that is known: kept, nothing changed). `revision` is the recorded one."""

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


class WaitSerializer(Described):
    """Why stock is not reserved yet though it may be there: `by_hand`, `wished_date` (it is on `due_on`), `payment_overdue` (the reservation was
    given up), `paid_late` (paid after that; the goods have to be had again)."""

    within = "orders.waits"

    reason = told(OrderWait.Reason.values)
    due_on = serializers.DateField(allow_null=True)


class LineViewSerializer(AllocatedLineSerializer):
    within = "orders.allocation"

    name = serializers.CharField(allow_blank=True)
    shipped_quantity = serializers.IntegerField()
    cancelled_quantity = serializers.IntegerField()
    returned_quantity = serializers.IntegerField()
    unit_price = money(allow_null=True)
    gross_amount = money(allow_null=True)
    expected_date = serializers.DateField(
        allow_null=True,
        help_text="When the last unit it lacks should arrive; it moves with the goods. Null: not known, or nothing lacks.",
    )


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

    payment = serializers.IntegerField(
        help_text="Which of the order's payments, from 1. From 1001 on: of an earlier revision, kept for its money or news."
    )
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
    late_revision = serializers.IntegerField(
        allow_null=True, help_text="The newest revision that came too late to amend and waits for staff."
    )
    holds = HoldViewSerializer(many=True)
    waits = WaitSerializer(many=True)
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


class OrderStateSerializer(Described):
    """`outcome`: recorded, replayed, task (staff decide) or parked (its order has not come yet)."""

    within = "orders.state"

    external_id = serializers.CharField()
    number = serializers.CharField(allow_null=True)
    state = serializers.ChoiceField([value.lower() for value in OrderState.values], allow_null=True)
    outcome = serializers.ChoiceField(["recorded", "replayed", "task", "parked"])


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
