"""The order as it was placed: its lines, components, fees, discounts and tax. (channel, external_id) exists exactly once."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Digits, Folded, Pairs
from erp.core.models import Channel, RevenueBasis, TaxClass


class OrderState(models.TextChoices):
    """What the rest of an order waits for. States move by themselves when their condition is met (``orders.services.states``)."""

    # Received, but not final yet: the channel still has to say that it stands.
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


# Nothing of it is left to do.
OVER = (OrderState.SHIPPED, OrderState.CANCELLED)


class OrderType(models.TextChoices):
    NORMAL = "NORMAL", _("Normal")
    PREORDER = "PREORDER", _("Pre-order")
    SUBSCRIPTION = "SUBSCRIPTION", _("Subscription")
    EXHIBITION = "EXHIBITION", _("Exhibition order")
    SAMPLE = "SAMPLE", _("Sample")
    EXCHANGE = "EXCHANGE", _("Exchange")
    STORE_PICKUP = "STORE_PICKUP", _("Store pickup")


class Order(models.Model):
    """The company's official record of an order. (channel, external_id) exists exactly once; the gross that was charged never changes."""

    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    external_id = models.CharField(_("channel's order number"), max_length=100)
    number = models.CharField(_("order number"), max_length=20, unique=True)
    revision = models.PositiveIntegerField(_("revision"), default=1)
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    order_type = models.CharField(_("order type"), max_length=20, choices=OrderType.choices, default=OrderType.NORMAL)
    is_provisional = models.BooleanField(_("provisional"), default=False)
    state = models.CharField(_("state"), max_length=25, choices=OrderState.choices)
    state_since = models.DateTimeField(_("in this state since"))
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
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2, null=True)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2, null=True)
    total = FiniteDecimalField(_("total (incl. tax)"), max_digits=16, decimal_places=2, null=True)
    amount_due = FiniteDecimalField(_("amount due from the customer"), max_digits=16, decimal_places=2, null=True)
    stated_total = FiniteDecimalField(_("total as sent"), max_digits=16, decimal_places=2, null=True)
    stated_tax = models.JSONField(_("tax as sent"), null=True, blank=True)
    tax_difference = FiniteDecimalField(
        _("our tax less theirs"), max_digits=16, decimal_places=2, null=True, blank=True
    )
    exposure_amount = FiniteDecimalField(_("open order exposure"), max_digits=16, decimal_places=2, default=0)
    # What returns took off what payers owe, less the refunds that were reported beyond what we owed: below zero, money went back that the books do
    # not know of, and a task says so.
    refund_gap_amount = FiniteDecimalField(
        _("refunds still to be reported"), max_digits=16, decimal_places=2, default=0, db_default=0, editable=False
    )
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
        # What the channel sent about an order, as it came. The log of all messages asks a permission of its own.
        permissions = [
            ("read_messages", "Can read what a channel sent about an order"),
            ("write_memo", "Can leave a memo on an order"),
            ("move_reservation", "Can give what is reserved for one order to another"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="one_order_per_channel_and_external_id"),
            models.CheckConstraint(
                condition=Q(total__isnull=True) | Q(total=F("net_amount") + F("tax_amount")),
                name="order_net_and_tax_make_total",
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "id"],
                condition=~Q(state__in=[state.value for state in OVER]),
                name="open_order_by_state",
            ),
            models.Index(fields=["order_date", "id"], name="order_by_date"),
            models.Index(fields=["order_type", "id"], condition=~Q(order_type="NORMAL"), name="order_of_rare_type"),
            models.Index(Folded("external_id"), name="order_by_external_id"),
            models.Index(Digits("orderer_phone"), condition=Q(orderer_phone__gt=""), name="order_by_phone"),
            models.Index(Folded("orderer_email"), condition=Q(orderer_email__gt=""), name="order_by_email"),
            models.Index(
                Folded("customer_po_number"), condition=Q(customer_po_number__gt=""), name="order_by_po_number"
            ),
            GinIndex(Pairs("orderer_name"), Pairs("orderer_kana"), name="order_by_name"),
        ]

    def __str__(self) -> str:
        return self.number


class Delivery(models.Model):
    """One destination of an order."""

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
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
        indexes = [
            models.Index(Digits("recipient_phone"), condition=Q(recipient_phone__gt=""), name="delivery_by_phone"),
            GinIndex(Pairs("recipient_name"), name="delivery_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.ref}"


class OrderLine(models.Model):
    """One line as ordered. Its net, tax and gross are its share of the document after discounts; partial shipments take parts of them."""

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="lines", db_index=False
    )
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
    unit_price = FiniteDecimalField(_("unit price"), max_digits=14, decimal_places=4, null=True)
    tax_included = models.BooleanField(_("price includes tax"))
    tax_class = models.CharField(_("tax class"), max_length=20, choices=TaxClass.choices)
    tax_code = models.CharField(_("tax code"), max_length=20, blank=True)
    tax_percent = FiniteDecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2, null=True)
    charged_amount = FiniteDecimalField(_("amount"), max_digits=16, decimal_places=2, null=True)
    discount_amount = FiniteDecimalField(_("discount"), max_digits=16, decimal_places=2, default=0)
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2, null=True)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2, null=True)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2, null=True)
    promised_date = models.DateField(_("promised date"), null=True, blank=True)
    release_date = models.DateField(_("release date"), null=True, blank=True)
    # When the last piece it lacks should come, as far as all of them are promised from what is expected.
    arrival_date = models.DateField(_("expected arrival"), null=True, blank=True)
    # The arrival that the shopper knows of, while another stands above and the mail about it is not sent.
    arrival_told = models.DateField(_("expected arrival as told"), null=True, blank=True)

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
        indexes = [
            models.Index(fields=["sku_code"], name="order_line_by_sku_code"),
            models.Index(fields=["order"], condition=Q(arrival_date__isnull=False), name="order_line_that_waits"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.sku_code or self.channel_item_code} {self.name}"


class OrderLineComponent(models.Model):
    """The pieces that one unit of a line takes from stock: the SKU itself, or the components of a kit as they were when ordered."""

    line = models.ForeignKey(
        OrderLine, verbose_name=_("order line"), on_delete=models.PROTECT, related_name="components", db_index=False
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

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="fees", db_index=False
    )
    delivery = models.ForeignKey(
        Delivery, verbose_name=_("delivery"), null=True, blank=True, on_delete=models.PROTECT, related_name="fees"
    )
    line_no = models.PositiveIntegerField(_("line"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    amount = FiniteDecimalField(_("amount"), max_digits=16, decimal_places=2, null=True)
    tax_included = models.BooleanField(_("amount includes tax"))
    tax_class = models.CharField(_("tax class"), max_length=20, choices=TaxClass.choices)
    tax_code = models.CharField(_("tax code"), max_length=20, blank=True)
    tax_percent = FiniteDecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2, null=True)
    discount_amount = FiniteDecimalField(_("discount"), max_digits=16, decimal_places=2, default=0)
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2, null=True)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2, null=True)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2, null=True)
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

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="adjustments", db_index=False
    )
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
    amount = FiniteDecimalField(_("amount"), max_digits=16, decimal_places=2)

    class Meta:
        verbose_name = _("discount")
        verbose_name_plural = _("discounts")
        constraints = [models.UniqueConstraint(fields=["order", "line_no"], name="one_adjustment_per_order_and_line")]

    def __str__(self) -> str:
        return f"{self.pk}"


class OrderTaxTotal(models.Model):
    """Tax of the order as a document, rounded once per rate, beside what the EC site printed."""

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="tax_totals", db_index=False
    )
    tax_code = models.CharField(_("tax code"), max_length=20)
    tax_percent = FiniteDecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2)
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    stated_tax = FiniteDecimalField(_("tax as sent"), max_digits=16, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = _("tax of an order")
        verbose_name_plural = _("tax of orders")
        constraints = [models.UniqueConstraint(fields=["order", "tax_code"], name="one_tax_total_per_order_and_code")]

    def __str__(self) -> str:
        return f"{self.pk}"
