"""Orders and what becomes of them: order → reservation → shipment → sale, cancellation and return. Every act leaves an event with who and why."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erp.core.models import Channel, RevenueBasis, TaxClass


class OrderState(models.TextChoices):
    """What the rest of an order waits for. States move by themselves when their condition is met (``orders.services.states``)."""

    NEW = "NEW", _("New")
    ON_HOLD = "ON_HOLD", _("On hold")
    AWAITING_STOCK = "AWAITING_STOCK", _("Awaiting stock")
    AWAITING_PAYMENT = "AWAITING_PAYMENT", _("Awaiting payment")
    AWAITING_RELEASE_DATE = "AWAITING_RELEASE_DATE", _("Awaiting release date")
    AWAITING_SHIP_DATE = "AWAITING_SHIP_DATE", _("Awaiting ship date")
    READY = "READY", _("Ready to release")
    PICKING = "PICKING", _("Being picked")
    SHIPPED = "SHIPPED", _("Shipped")
    CANCELLED = "CANCELLED", _("Cancelled")


class OrderType(models.TextChoices):
    NORMAL = "NORMAL", _("Normal")
    PREORDER = "PREORDER", _("Pre-order")
    SUBSCRIPTION = "SUBSCRIPTION", _("Subscription")
    EXHIBITION = "EXHIBITION", _("Exhibition order")
    SAMPLE = "SAMPLE", _("Sample")
    EXCHANGE = "EXCHANGE", _("Exchange")
    STORE_PICKUP = "STORE_PICKUP", _("Store pickup")


class PaymentMethod(models.TextChoices):
    CARD = "CARD", _("Card")
    COD = "COD", _("Cash on delivery")
    BANK_TRANSFER = "BANK_TRANSFER", _("Bank transfer in advance")
    CONVENIENCE_STORE = "CONVENIENCE_STORE", _("Convenience store")
    DEFERRED = "DEFERRED", _("Deferred payment")
    WALLET = "WALLET", _("Wallet")
    CARRIER_BILLING = "CARRIER_BILLING", _("Carrier billing")
    MALL = "MALL", _("Mall")
    GIFT_CARD = "GIFT_CARD", _("Gift card")
    ON_ACCOUNT = "ON_ACCOUNT", _("On account")
    CASH = "CASH", _("Cash")
    FUNDER = "FUNDER", _("Paid by the funder of a discount")
    NONE = "NONE", _("None")


class PaymentStatus(models.TextChoices):
    PENDING = "PENDING", _("Pending")
    AUTHORIZED = "AUTHORIZED", _("Authorized")
    CAPTURED = "CAPTURED", _("Captured")
    PAID = "PAID", _("Paid")
    FAILED = "FAILED", _("Failed")
    REFUNDED = "REFUNDED", _("Refunded")


class Order(models.Model):
    """The company's official record of an order. (channel, external_id) exists exactly once; the gross that was charged never changes."""

    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(_("channel's order number"), max_length=100)
    number = models.CharField(_("order number"), max_length=20, unique=True)
    revision = models.PositiveIntegerField(_("revision"), default=1)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    order_type = models.CharField(_("order type"), max_length=20, choices=OrderType.choices, default=OrderType.NORMAL)
    is_provisional = models.BooleanField(_("provisional"), default=False)
    state = models.CharField(_("state"), max_length=25, choices=OrderState.choices, default=OrderState.NEW)
    priority = models.PositiveSmallIntegerField(_("allocation priority"), default=50)
    ordered_at = models.DateTimeField(_("ordered at"))
    order_date = models.DateField(_("order date"))
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    prices_include_tax = models.BooleanField(_("prices include tax"), default=True)
    customer_record = models.ForeignKey(
        "customers.CustomerRecord",
        verbose_name=_("customer record"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    account = models.ForeignKey(
        "customers.Account",
        verbose_name=_("account"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    bill_to = models.ForeignKey(
        "customers.BillTo", verbose_name=_("bill-to"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    customer_po_number = models.CharField(_("customer's order number"), max_length=60, blank=True)
    orderer_name = models.CharField(_("orderer"), max_length=200, blank=True)
    orderer_kana = models.CharField(_("orderer (kana)"), max_length=200, blank=True)
    orderer_phone = models.CharField(_("phone"), max_length=30, blank=True)
    orderer_email = models.CharField(_("e-mail"), max_length=254, blank=True)
    orderer = models.JSONField(_("orderer as sent"), null=True, blank=True)
    revenue_basis = models.CharField(_("revenue basis"), max_length=20, choices=RevenueBasis.choices)
    net_amount = models.DecimalField(_("net amount"), max_digits=16, decimal_places=2, null=True)
    tax_amount = models.DecimalField(_("tax"), max_digits=16, decimal_places=2, null=True)
    total = models.DecimalField(_("total (incl. tax)"), max_digits=16, decimal_places=2, null=True)
    amount_due = models.DecimalField(_("amount due from the customer"), max_digits=16, decimal_places=2, null=True)
    stated_total = models.DecimalField(_("total as sent"), max_digits=16, decimal_places=2, null=True)
    stated_tax = models.JSONField(_("tax as sent"), null=True, blank=True)
    tax_difference = models.DecimalField(
        _("our tax less theirs"), max_digits=16, decimal_places=2, null=True, blank=True
    )
    exposure_amount = models.DecimalField(_("open order exposure"), max_digits=16, decimal_places=2, default=0)
    receipt = models.JSONField(_("receipt"), null=True, blank=True)
    customer_note = models.TextField(_("customer's note"), blank=True)
    shop_note = models.TextField(_("our note"), blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    ship_after = models.DateField(_("do not ship before"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    cancel_reason = models.CharField(_("reason of cancellation"), max_length=200, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="one_order_per_channel_and_external_id"),
            models.CheckConstraint(
                condition=Q(total__isnull=True) | Q(total=F("net_amount") + F("tax_amount")),
                name="order_net_and_tax_make_total",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "id"], condition=~Q(state__in=["SHIPPED", "CANCELLED"]), name="open_order_by_state"
            ),
            models.Index(fields=["order_date", "id"], name="order_by_date"),
            models.Index(fields=["orderer_phone"], condition=~Q(orderer_phone=""), name="order_by_phone"),
        ]

    def __str__(self) -> str:
        return self.number


class Delivery(models.Model):
    """One destination of an order."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="deliveries")
    ref = models.CharField(_("reference"), max_length=60)
    recipient_name = models.CharField(_("recipient"), max_length=200, blank=True)
    recipient_phone = models.CharField(_("phone"), max_length=30, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=10, blank=True)
    prefecture = models.CharField(_("prefecture"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    street = models.CharField(_("street"), max_length=200, blank=True)
    building = models.CharField(_("building"), max_length=200, blank=True)
    ship_to = models.JSONField(_("ship-to as sent"), null=True, blank=True)
    sender = models.JSONField(_("sender as sent"), null=True, blank=True)
    method = models.CharField(_("method"), max_length=30, blank=True)
    carrier = models.CharField(_("carrier"), max_length=30, blank=True)
    wish_date = models.DateField(_("wished date"), null=True, blank=True)
    time_slot = models.CharField(_("time slot"), max_length=10, blank=True)
    pickup_point = models.CharField(_("pickup point"), max_length=100, blank=True)
    hide_prices = models.BooleanField(_("hide prices"), default=False)
    gift = models.JSONField(_("gift wrapping and noshi"), null=True, blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["order", "ref"], name="one_delivery_per_order_and_ref")]

    def __str__(self) -> str:
        return f"{self.pk} {self.ref}"


class OrderLine(models.Model):
    """One line as ordered. Its net, tax and gross are its share of the document after discounts; partial shipments take parts of them."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="lines")
    delivery = models.ForeignKey(Delivery, verbose_name=_("delivery"), on_delete=models.PROTECT, related_name="lines")
    line_no = models.PositiveIntegerField(_("line"))
    line_id = models.CharField(_("channel's line id"), max_length=60)
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    sku_code = models.CharField(_("SKU as sent"), max_length=60, blank=True)
    channel_item_code = models.CharField(_("channel's item code"), max_length=100, blank=True)
    name = models.CharField(_("name"), max_length=300, blank=True)
    options = models.JSONField(_("options"), default=list, blank=True)
    quantity = models.IntegerField(_("quantity"))
    shipped_quantity = models.IntegerField(_("shipped"), default=0)
    cancelled_quantity = models.IntegerField(_("cancelled"), default=0)
    returned_quantity = models.IntegerField(_("returned"), default=0)
    unit_price = models.DecimalField(_("unit price"), max_digits=14, decimal_places=4, null=True)
    tax_included = models.BooleanField(_("price includes tax"))
    tax_class = models.CharField(_("tax class"), max_length=20, choices=TaxClass.choices)
    tax_code = models.CharField(_("tax code"), max_length=20, blank=True)
    tax_percent = models.DecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2, null=True)
    charged_amount = models.DecimalField(_("amount"), max_digits=16, decimal_places=2, null=True)
    discount_amount = models.DecimalField(_("discount"), max_digits=16, decimal_places=2, default=0)
    net_amount = models.DecimalField(_("net amount"), max_digits=16, decimal_places=2, null=True)
    tax_amount = models.DecimalField(_("tax"), max_digits=16, decimal_places=2, null=True)
    gross_amount = models.DecimalField(_("gross amount"), max_digits=16, decimal_places=2, null=True)
    promised_date = models.DateField(_("promised date"), null=True, blank=True)
    release_date = models.DateField(_("release date"), null=True, blank=True)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.UniqueConstraint(fields=["order", "line_no"], name="one_order_line_per_number"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_line_has_pieces"),
            models.CheckConstraint(
                condition=Q(
                    shipped_quantity__gte=0,
                    cancelled_quantity__gte=0,
                    shipped_quantity__lte=F("quantity") - F("cancelled_quantity"),
                ),
                name="not_more_shipped_than_ordered",
            ),
            models.CheckConstraint(
                condition=Q(returned_quantity__gte=0, returned_quantity__lte=F("shipped_quantity")),
                name="not_more_returned_than_shipped",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderLineComponent(models.Model):
    """The pieces that one unit of a line takes from stock: the SKU itself, or the components of a kit as they were when ordered."""

    line = models.ForeignKey(
        OrderLine, verbose_name=_("order line"), on_delete=models.PROTECT, related_name="components"
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    quantity_per_unit = models.PositiveIntegerField(_("pieces per unit"))

    class Meta:
        verbose_name = _("component of an order line")
        verbose_name_plural = _("components of order lines")
        constraints = [
            models.UniqueConstraint(fields=["line", "sku"], name="one_component_per_line_and_sku"),
            models.CheckConstraint(condition=Q(quantity_per_unit__gt=0), name="component_has_pieces"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderFee(models.Model):
    """Shipping, cash-on-delivery fee, wrapping. Posted with the first shipment of its delivery (of the order, if it names none)."""

    class Kind(models.TextChoices):
        SHIPPING = "SHIPPING", _("Shipping")
        COD = "COD", _("Cash-on-delivery fee")
        WRAPPING = "WRAPPING", _("Wrapping")
        OTHER = "OTHER", _("Other fee")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="fees")
    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), null=True, blank=True, on_delete=models.PROTECT, related_name="fees"
    )
    line_no = models.PositiveIntegerField(_("line"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    amount = models.DecimalField(_("amount"), max_digits=16, decimal_places=2, null=True)
    tax_included = models.BooleanField(_("amount includes tax"))
    tax_class = models.CharField(_("tax class"), max_length=20, choices=TaxClass.choices)
    tax_code = models.CharField(_("tax code"), max_length=20, blank=True)
    tax_percent = models.DecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2, null=True)
    discount_amount = models.DecimalField(_("discount"), max_digits=16, decimal_places=2, default=0)
    net_amount = models.DecimalField(_("net amount"), max_digits=16, decimal_places=2, null=True)
    tax_amount = models.DecimalField(_("tax"), max_digits=16, decimal_places=2, null=True)
    gross_amount = models.DecimalField(_("gross amount"), max_digits=16, decimal_places=2, null=True)
    shipment = models.ForeignKey(
        "Shipment",
        verbose_name=_("posted with shipment"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="fees",
    )

    class Meta:
        verbose_name = _("fee")
        verbose_name_plural = _("fees")
        constraints = [models.UniqueConstraint(fields=["order", "line_no"], name="one_fee_per_order_and_line")]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderAdjustment(models.Model):
    """A coupon, points or a campaign. Shop-funded ones lower the sale; others are paid by whoever funds them."""

    class Kind(models.TextChoices):
        COUPON = "COUPON", _("Coupon")
        POINTS = "POINTS", _("Points")
        CAMPAIGN = "CAMPAIGN", _("Campaign")
        ROUNDING = "ROUNDING", _("Accepted difference")

    class Funder(models.TextChoices):
        SHOP = "SHOP", _("Us")
        MALL = "MALL", _("Mall")
        MAKER = "MAKER", _("Maker")
        PROVIDER = "PROVIDER", _("Payment provider")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="adjustments")
    line = models.ForeignKey(
        OrderLine,
        verbose_name=_("order line"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="adjustments",
    )
    line_no = models.PositiveIntegerField(_("line"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    funded_by = models.CharField(_("funded by"), max_length=10, choices=Funder.choices)
    code = models.CharField(_("code"), max_length=60, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=16, decimal_places=2)

    class Meta:
        verbose_name = _("discount")
        verbose_name_plural = _("discounts")
        constraints = [models.UniqueConstraint(fields=["order", "line_no"], name="one_adjustment_per_order_and_line")]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderTaxTotal(models.Model):
    """Tax of the order as a document, rounded once per rate, beside what the EC site printed."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="tax_totals")
    tax_code = models.CharField(_("tax code"), max_length=20)
    tax_percent = models.DecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2)
    net_amount = models.DecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = models.DecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = models.DecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    stated_tax = models.DecimalField(_("tax as sent"), max_digits=16, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = _("tax of an order")
        verbose_name_plural = _("tax of orders")
        constraints = [models.UniqueConstraint(fields=["order", "tax_code"], name="one_tax_total_per_order_and_code")]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderPayment(models.Model):
    """One way in which an order is paid, and how far: received before shipment, applied to shipments, refunded."""

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="payments")
    line_no = models.PositiveIntegerField(_("line"))
    method = models.CharField(_("payment method"), max_length=20, choices=PaymentMethod.choices)
    provider = models.CharField(_("provider"), max_length=50, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=16, decimal_places=2)
    status = models.CharField(_("status"), max_length=12, choices=PaymentStatus.choices)
    reference = models.CharField(_("reference"), max_length=100, blank=True)
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    authorization_expires_at = models.DateTimeField(_("authorization expires at"), null=True, blank=True)
    must_be_paid_first = models.BooleanField(_("paid before shipment"), default=False)
    role = models.CharField(_("role"), max_length=40, blank=True)
    counterparty_id = models.BigIntegerField(_("counterparty"), null=True, blank=True)
    received_amount = models.DecimalField(_("received in advance"), max_digits=16, decimal_places=2, default=0)
    applied_amount = models.DecimalField(_("applied to shipments"), max_digits=16, decimal_places=2, default=0)
    refunded_amount = models.DecimalField(_("refunded"), max_digits=16, decimal_places=2, default=0)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [models.UniqueConstraint(fields=["order", "line_no"], name="one_payment_per_order_and_line")]

    def __str__(self) -> str:
        return f"{self.pk}"


class PaymentEvent(models.Model):
    """News about a payment from the EC site or its provider, kept once per event id."""

    class Kind(models.TextChoices):
        AUTHORIZED = "AUTHORIZED", _("Authorized")
        FAILED = "FAILED", _("Failed")
        PAID = "PAID", _("Paid")
        CAPTURED = "CAPTURED", _("Captured")
        REFUNDED = "REFUNDED", _("Refunded")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="payment_events")
    payment = models.ForeignKey(
        OrderPayment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="events"
    )
    event_id = models.CharField(_("event id"), max_length=100)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    amount = models.DecimalField(_("amount"), max_digits=16, decimal_places=2, null=True, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("payment event")
        verbose_name_plural = _("payment events")
        constraints = [models.UniqueConstraint(fields=["order", "event_id"], name="one_payment_event_per_id")]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderHold(models.Model):
    """One reason why an order waits for a person (確認待ち)."""

    class Reason(models.TextChoices):
        UNKNOWN_SKU = "UNKNOWN_SKU", _("Unknown SKU")
        TOTAL_MISMATCH = "TOTAL_MISMATCH", _("Totals do not add up")
        AMOUNT_UNKNOWN = "AMOUNT_UNKNOWN", _("Amount not yet known")
        CREDIT_EXCEEDED = "CREDIT_EXCEEDED", _("Credit limit exceeded")
        CREDIT_WARNING = "CREDIT_WARNING", _("Credit warning line crossed")
        UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT", _("Unknown account")
        SUSPICIOUS_ADDRESS = "SUSPICIOUS_ADDRESS", _("Address needs a look")
        CUSTOMER_NOTE = "CUSTOMER_NOTE", _("Customer left a note")
        PAYMENT_FAILED = "PAYMENT_FAILED", _("Payment failed")
        NO_PAYMENT_ROUTE = "NO_PAYMENT_ROUTE", _("Payment method not configured")
        PROVISIONAL = "PROVISIONAL", _("Provisional order")
        TAX_RATE = "TAX_RATE", _("Tax rate differs from ours")
        MANUAL = "MANUAL", _("Held by staff")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="holds")
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.CharField(_("opened by"), max_length=100)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    resolved_by = models.CharField(_("resolved by"), max_length=100, blank=True)
    resolution = models.CharField(_("resolution"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("hold reason")
        verbose_name_plural = _("hold reasons")
        constraints = [
            models.UniqueConstraint(
                fields=["order", "reason"], condition=Q(resolved_at__isnull=True), name="one_open_hold_per_reason"
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderEvent(models.Model):
    """What happened to an order, who did it and why. Append-only."""

    class Kind(models.TextChoices):
        PLACED = "PLACED", _("Placed")
        AMENDED = "AMENDED", _("Amended")
        STATE = "STATE", _("State changed")
        HELD = "HELD", _("Put on hold")
        HOLD_RESOLVED = "HOLD_RESOLVED", _("Hold resolved")
        ALLOCATED = "ALLOCATED", _("Allocated")
        OVERSOLD = "OVERSOLD", _("Oversold")
        RELEASED = "RELEASED", _("Released to the warehouse")
        SHIPPED = "SHIPPED", _("Shipped")
        DELIVERED = "DELIVERED", _("Delivered")
        ACCEPTED = "ACCEPTED", _("Accepted")
        PAYMENT = "PAYMENT", _("Payment")
        RETURNED = "RETURNED", _("Returned")
        CANCELLED = "CANCELLED", _("Cancelled")

    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    from_state = models.CharField(_("from"), max_length=25, choices=OrderState.choices, blank=True)
    to_state = models.CharField(_("to"), max_length=25, choices=OrderState.choices, blank=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("order event")
        verbose_name_plural = _("order events")

    def __str__(self) -> str:
        return f"{self.pk}"


class Shipment(models.Model):
    """One parcel's worth of an order: instructed (出荷指示), shipped (出荷確定), then delivered and accepted where revenue waits for it."""

    class State(models.TextChoices):
        INSTRUCTED = "INSTRUCTED", _("Being picked")
        SHIPPED = "SHIPPED", _("Shipped")
        DELIVERED = "DELIVERED", _("Delivered")
        ACCEPTED = "ACCEPTED", _("Accepted")
        RETURNED = "RETURNED", _("Refused and returned")
        CANCELLED = "CANCELLED", _("Cancelled")

    number = models.CharField(_("shipment number"), max_length=20, unique=True)
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="shipments")
    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), on_delete=models.PROTECT, related_name="shipments"
    )
    state = models.CharField(_("state"), max_length=12, choices=State.choices)
    revenue_basis = models.CharField(_("revenue basis"), max_length=20, choices=RevenueBasis.choices)
    instructed_at = models.DateTimeField(_("instructed at"))
    shipped_at = models.DateTimeField(_("shipped at"), null=True, blank=True)
    ship_date = models.DateField(_("ship date"), null=True, blank=True)
    delivered_date = models.DateField(_("delivered on"), null=True, blank=True)
    accepted_date = models.DateField(_("accepted on"), null=True, blank=True)
    revenue_date = models.DateField(_("revenue recognised on"), null=True, blank=True)
    carrier = models.CharField(_("carrier"), max_length=30, blank=True)
    tracking_number = models.CharField(_("tracking number"), max_length=60, blank=True)
    net_amount = models.DecimalField(_("net amount"), max_digits=16, decimal_places=2, default=0)
    tax_amount = models.DecimalField(_("tax"), max_digits=16, decimal_places=2, default=0)
    gross_amount = models.DecimalField(_("gross amount"), max_digits=16, decimal_places=2, default=0)
    cost_amount = models.DecimalField(_("cost"), max_digits=16, decimal_places=2, default=0)
    actor = models.CharField(_("actor"), max_length=100)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["INSTRUCTED", "CANCELLED"]) | Q(ship_date__isnull=False),
                name="shipped_shipment_has_a_date",
            )
        ]
        indexes = [
            models.Index(fields=["state", "id"], condition=Q(state="INSTRUCTED"), name="shipment_being_picked"),
            models.Index(fields=["tracking_number"], condition=~Q(tracking_number=""), name="shipment_by_tracking"),
            models.Index(fields=["ship_date", "id"], name="shipment_by_date"),
        ]

    def __str__(self) -> str:
        return self.number


class ShipmentLine(models.Model):
    """Units of one order line in one shipment, with their part of the line's amounts and what they cost."""

    shipment = models.ForeignKey(Shipment, verbose_name=_("shipment"), on_delete=models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(
        OrderLine, verbose_name=_("order line"), on_delete=models.PROTECT, related_name="shipment_lines"
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    returned_quantity = models.PositiveIntegerField(_("returned"), default=0)
    net_amount = models.DecimalField(_("net amount"), max_digits=16, decimal_places=2, default=0)
    tax_amount = models.DecimalField(_("tax"), max_digits=16, decimal_places=2, default=0)
    gross_amount = models.DecimalField(_("gross amount"), max_digits=16, decimal_places=2, default=0)
    cost_amount = models.DecimalField(_("cost"), max_digits=16, decimal_places=2, default=0)

    class Meta:
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "order_line"], name="one_shipment_line_per_order_line"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="shipment_line_has_pieces"),
            models.CheckConstraint(
                condition=Q(returned_quantity__lte=F("quantity")), name="not_more_returned_than_in_the_parcel"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Return(models.Model):
    """Goods or money that came back: a return, a refused parcel, a refund without goods. The only document that re-stocks."""

    class Kind(models.TextChoices):
        RETURN = "RETURN", _("Return")
        REFUSED = "REFUSED", _("Refused on delivery")
        REFUND_ONLY = "REFUND_ONLY", _("Refund without goods")

    number = models.CharField(_("return number"), max_length=20, unique=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(_("external id"), max_length=100)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), null=True, blank=True, on_delete=models.PROTECT, related_name="returns"
    )
    customer_record = models.ForeignKey(
        "customers.CustomerRecord",
        verbose_name=_("customer record"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    has_original = models.BooleanField(
        _("original sale known"),
        default=True,
        help_text=_("No: sold before these books began; said so on the document."),
    )
    return_date = models.DateField(_("return date"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    net_amount = models.DecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = models.DecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = models.DecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    cost_amount = models.DecimalField(_("cost"), max_digits=16, decimal_places=2, default=0)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="one_return_per_channel_and_external_id")
        ]

    def __str__(self) -> str:
        return self.number


class ReturnLine(models.Model):
    """Units that came back, at the rate and amount of their sale and the cost of their issue."""

    class Condition(models.TextChoices):
        SELLABLE = "SELLABLE", _("Sellable")
        DEFECTIVE = "DEFECTIVE", _("Defective")
        NOT_RETURNED = "NOT_RETURNED", _("Nothing came back")

    document = models.ForeignKey(Return, verbose_name=_("return"), on_delete=models.PROTECT, related_name="lines")
    shipment_line = models.ForeignKey(
        ShipmentLine,
        verbose_name=_("shipment line"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="returns",
    )
    fee = models.ForeignKey(
        OrderFee, verbose_name=_("fee"), null=True, blank=True, on_delete=models.PROTECT, related_name="refunds"
    )
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    description = models.CharField(_("description"), max_length=300, blank=True)
    condition = models.CharField(_("condition"), max_length=12, choices=Condition.choices)
    quantity = models.PositiveIntegerField(_("quantity"))
    tax_code = models.CharField(_("tax code"), max_length=20)
    tax_percent = models.DecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2)
    net_amount = models.DecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = models.DecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = models.DecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    cost_amount = models.DecimalField(_("cost"), max_digits=16, decimal_places=2, default=0)

    class Meta:
        verbose_name = _("return line")
        verbose_name_plural = _("return lines")

    def __str__(self) -> str:
        return f"{self.pk}"


class ParkedMessage(models.Model):
    """A message about an order that has not come yet (a cancel before its order). Applied in the transaction that brings the order."""

    class Kind(models.TextChoices):
        CANCEL = "CANCEL", _("Cancellation")
        PAYMENT = "PAYMENT", _("Payment event")

    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(_("channel's order number"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    message_id = models.CharField(_("message id"), max_length=100)
    body = models.JSONField(_("body"))
    parked_at = models.DateTimeField(_("parked at"))
    applied_at = models.DateTimeField(_("applied at"), null=True, blank=True)
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("parked message")
        verbose_name_plural = _("parked messages")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "external_id", "kind", "message_id"], name="one_parked_message_per_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
