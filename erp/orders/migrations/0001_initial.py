import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import erp.core.fields
import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0002_guards"),
        ("core", "0002_guards"),
        ("customers", "0002_guards"),
        ("inventory", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=100, verbose_name="channel's order number")),
                ("number", models.CharField(max_length=20, unique=True, verbose_name="order number")),
                ("revision", models.PositiveIntegerField(default=1, verbose_name="revision")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                (
                    "order_type",
                    models.CharField(
                        choices=[
                            ("NORMAL", "Normal"),
                            ("PREORDER", "Pre-order"),
                            ("SUBSCRIPTION", "Subscription"),
                            ("EXHIBITION", "Exhibition order"),
                            ("SAMPLE", "Sample"),
                            ("EXCHANGE", "Exchange"),
                            ("STORE_PICKUP", "Store pickup"),
                        ],
                        default="NORMAL",
                        max_length=20,
                        verbose_name="order type",
                    ),
                ),
                ("is_provisional", models.BooleanField(default=False, verbose_name="provisional")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("NEW", "New"),
                            ("ON_HOLD", "On hold"),
                            ("AWAITING_STOCK", "Awaiting stock"),
                            ("AWAITING_PAYMENT", "Awaiting payment"),
                            ("AWAITING_RELEASE_DATE", "Awaiting release date"),
                            ("AWAITING_SHIP_DATE", "Awaiting ship date"),
                            ("READY", "Ready to release"),
                            ("PICKING", "Being picked"),
                            ("SHIPPED", "Shipped"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        max_length=25,
                        verbose_name="state",
                    ),
                ),
                ("state_since", models.DateTimeField(verbose_name="in this state since")),
                ("priority", models.PositiveSmallIntegerField(default=50, verbose_name="allocation priority")),
                ("ordered_at", models.DateTimeField(verbose_name="ordered at")),
                ("order_date", models.DateField(verbose_name="order date")),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                ("prices_include_tax", models.BooleanField(default=True, verbose_name="prices include tax")),
                (
                    "customer_po_number",
                    models.CharField(blank=True, max_length=60, verbose_name="customer's order number"),
                ),
                ("orderer_name", models.CharField(blank=True, max_length=200, verbose_name="orderer")),
                ("orderer_kana", models.CharField(blank=True, max_length=200, verbose_name="orderer (kana)")),
                ("orderer_phone", models.CharField(blank=True, max_length=30, verbose_name="phone")),
                ("orderer_email", models.CharField(blank=True, max_length=254, verbose_name="e-mail")),
                ("orderer", models.JSONField(blank=True, null=True, verbose_name="orderer as sent")),
                (
                    "revenue_basis",
                    models.CharField(
                        choices=[
                            ("SHIPMENT", "On shipment"),
                            ("DELIVERY", "On delivery"),
                            ("ACCEPTANCE", "On acceptance"),
                            ("SALES_REPORT", "On sales report"),
                        ],
                        max_length=20,
                        verbose_name="revenue basis",
                    ),
                ),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="net amount"
                    ),
                ),
                (
                    "tax_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, null=True, verbose_name="tax"),
                ),
                (
                    "total",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="total (incl. tax)"
                    ),
                ),
                (
                    "amount_due",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="amount due from the customer"
                    ),
                ),
                (
                    "stated_total",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="total as sent"
                    ),
                ),
                ("stated_tax", models.JSONField(blank=True, null=True, verbose_name="tax as sent")),
                (
                    "tax_difference",
                    erp.core.fields.FiniteDecimalField(
                        blank=True, decimal_places=2, max_digits=16, null=True, verbose_name="our tax less theirs"
                    ),
                ),
                (
                    "exposure_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="open order exposure"
                    ),
                ),
                (
                    "refund_gap_amount",
                    erp.core.fields.FiniteDecimalField(
                        db_default=0,
                        decimal_places=2,
                        default=0,
                        editable=False,
                        max_digits=16,
                        verbose_name="refunds still to be reported",
                    ),
                ),
                ("receipt", models.JSONField(blank=True, null=True, verbose_name="receipt")),
                ("customer_note", models.TextField(blank=True, verbose_name="customer's note")),
                ("shop_note", models.TextField(blank=True, verbose_name="our note")),
                ("attributes", models.JSONField(blank=True, default=dict, verbose_name="attributes")),
                ("ship_after", models.DateField(blank=True, null=True, verbose_name="do not ship before")),
                ("cancelled_at", models.DateTimeField(blank=True, null=True, verbose_name="cancelled at")),
                ("cancel_reason", models.CharField(blank=True, max_length=200, verbose_name="reason of cancellation")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.account",
                        verbose_name="account",
                    ),
                ),
                (
                    "bill_to",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.billto",
                        verbose_name="bill-to",
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
                (
                    "customer_record",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customerrecord",
                        verbose_name="customer record",
                    ),
                ),
            ],
            options={
                "verbose_name": "order",
                "verbose_name_plural": "orders",
                "permissions": [
                    ("read_messages", "Can read what a channel sent about an order"),
                    ("write_memo", "Can leave a memo on an order"),
                    ("move_reservation", "Can give what is reserved for one order to another"),
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["SHIPPED", "CANCELLED"]), _negated=True),
                        fields=["state", "id"],
                        name="open_order_by_state",
                    ),
                    models.Index(fields=["order_date", "id"], name="order_by_date"),
                    models.Index(
                        condition=models.Q(("order_type", "NORMAL"), _negated=True),
                        fields=["order_type", "id"],
                        name="order_of_rare_type",
                    ),
                    models.Index(erp.core.folding.Folded("external_id"), name="order_by_external_id"),
                    models.Index(
                        erp.core.folding.Digits("orderer_phone"),
                        condition=models.Q(("orderer_phone__gt", "")),
                        name="order_by_phone",
                    ),
                    models.Index(
                        erp.core.folding.Folded("orderer_email"),
                        condition=models.Q(("orderer_email__gt", "")),
                        name="order_by_email",
                    ),
                    models.Index(
                        erp.core.folding.Folded("customer_po_number"),
                        condition=models.Q(("customer_po_number__gt", "")),
                        name="order_by_po_number",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("orderer_name"),
                        erp.core.folding.Pairs("orderer_kana"),
                        name="order_by_name",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "external_id"), name="one_order_per_channel_and_external_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("total__isnull", True),
                            (
                                "total",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("net_amount"), "+", models.F("tax_amount")
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="order_net_and_tax_make_total",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref", models.CharField(max_length=60, verbose_name="reference")),
                ("recipient_name", models.CharField(blank=True, max_length=200, verbose_name="recipient")),
                ("recipient_phone", models.CharField(blank=True, max_length=30, verbose_name="phone")),
                ("postal_code", models.CharField(blank=True, max_length=10, verbose_name="postal code")),
                ("prefecture", models.CharField(blank=True, max_length=20, verbose_name="prefecture")),
                ("city", models.CharField(blank=True, max_length=100, verbose_name="city")),
                ("street", models.CharField(blank=True, max_length=200, verbose_name="street")),
                ("building", models.CharField(blank=True, max_length=200, verbose_name="building")),
                ("ship_to", models.JSONField(blank=True, null=True, verbose_name="ship-to as sent")),
                ("sender", models.JSONField(blank=True, null=True, verbose_name="sender as sent")),
                ("method", models.CharField(blank=True, max_length=30, verbose_name="method")),
                ("carrier", models.CharField(blank=True, max_length=30, verbose_name="carrier")),
                ("wish_date", models.DateField(blank=True, null=True, verbose_name="wished date")),
                ("time_slot", models.CharField(blank=True, max_length=10, verbose_name="time slot")),
                ("pickup_point", models.CharField(blank=True, max_length=100, verbose_name="pickup point")),
                ("hide_prices", models.BooleanField(default=False, verbose_name="hide prices")),
                ("gift", models.JSONField(blank=True, null=True, verbose_name="gift wrapping and noshi")),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery",
                "verbose_name_plural": "deliveries",
                "indexes": [
                    models.Index(
                        erp.core.folding.Digits("recipient_phone"),
                        condition=models.Q(("recipient_phone__gt", "")),
                        name="delivery_by_phone",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("recipient_name"), name="delivery_by_name"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("order", "ref"), name="one_delivery_per_order_and_ref")
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line_no", models.PositiveIntegerField(verbose_name="line")),
                ("line_id", models.CharField(max_length=60, verbose_name="channel's line id")),
                ("sku_code", models.CharField(blank=True, max_length=60, verbose_name="SKU as sent")),
                ("channel_item_code", models.CharField(blank=True, max_length=100, verbose_name="channel's item code")),
                ("name", models.CharField(blank=True, max_length=300, verbose_name="name")),
                ("options", models.JSONField(blank=True, default=list, verbose_name="options")),
                ("quantity", models.IntegerField(verbose_name="quantity")),
                ("shipped_quantity", models.IntegerField(default=0, verbose_name="shipped")),
                ("cancelled_quantity", models.IntegerField(default=0, verbose_name="cancelled")),
                ("returned_quantity", models.IntegerField(default=0, verbose_name="returned")),
                (
                    "unit_price",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=4, max_digits=14, null=True, verbose_name="unit price"
                    ),
                ),
                ("tax_included", models.BooleanField(verbose_name="price includes tax")),
                (
                    "tax_class",
                    models.CharField(
                        choices=[
                            ("STANDARD", "Standard rate"),
                            ("REDUCED", "Reduced rate"),
                            ("ZERO_RATED", "Zero-rated (export)"),
                            ("EXEMPT", "Exempt"),
                            ("OUT_OF_SCOPE", "Out of scope"),
                        ],
                        max_length=20,
                        verbose_name="tax class",
                    ),
                ),
                ("tax_code", models.CharField(blank=True, max_length=20, verbose_name="tax code")),
                (
                    "tax_percent",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=5, null=True, verbose_name="tax rate (%)"
                    ),
                ),
                (
                    "charged_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="amount"
                    ),
                ),
                (
                    "discount_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="discount"
                    ),
                ),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="net amount"
                    ),
                ),
                (
                    "tax_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, null=True, verbose_name="tax"),
                ),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="gross amount"
                    ),
                ),
                ("promised_date", models.DateField(blank=True, null=True, verbose_name="promised date")),
                ("release_date", models.DateField(blank=True, null=True, verbose_name="release date")),
                ("arrival_date", models.DateField(blank=True, null=True, verbose_name="expected arrival")),
                ("arrival_told", models.DateField(blank=True, null=True, verbose_name="expected arrival as told")),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.delivery",
                        verbose_name="delivery",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "order line",
                "verbose_name_plural": "order lines",
                "indexes": [
                    models.Index(fields=["sku_code"], name="order_line_by_sku_code"),
                    models.Index(
                        condition=models.Q(("arrival_date__isnull", False)),
                        fields=["order"],
                        name="order_line_that_waits",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("order", "line_no"), name="one_order_line_per_number"),
                    models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="order_line_has_pieces"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cancelled_quantity__gte", 0),
                            ("shipped_quantity__gte", 0),
                            (
                                "shipped_quantity__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("quantity"), "-", models.F("cancelled_quantity")
                                ),
                            ),
                        ),
                        name="not_more_shipped_than_ordered",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("returned_quantity__gte", 0), ("returned_quantity__lte", models.F("shipped_quantity"))
                        ),
                        name="not_more_returned_than_shipped",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLineComponent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity_per_unit", models.PositiveIntegerField(verbose_name="pieces per unit")),
                (
                    "line",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="components",
                        to="orders.orderline",
                        verbose_name="order line",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "component of an order line",
                "verbose_name_plural": "components of order lines",
                "constraints": [
                    models.UniqueConstraint(fields=("line", "sku"), name="one_component_per_line_and_sku"),
                    models.CheckConstraint(
                        condition=models.Q(("quantity_per_unit__gt", 0)), name="component_has_pieces"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Shipment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=20, unique=True, verbose_name="shipment number")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("INSTRUCTED", "Being picked"),
                            ("SHIPPED", "Shipped"),
                            ("DELIVERED", "Delivered"),
                            ("ACCEPTED", "Accepted"),
                            ("RETURNED", "Refused and returned"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        max_length=12,
                        verbose_name="state",
                    ),
                ),
                (
                    "revenue_basis",
                    models.CharField(
                        choices=[
                            ("SHIPMENT", "On shipment"),
                            ("DELIVERY", "On delivery"),
                            ("ACCEPTANCE", "On acceptance"),
                            ("SALES_REPORT", "On sales report"),
                        ],
                        max_length=20,
                        verbose_name="revenue basis",
                    ),
                ),
                ("instructed_at", models.DateTimeField(verbose_name="instructed at")),
                ("shipped_at", models.DateTimeField(blank=True, null=True, verbose_name="shipped at")),
                ("ship_date", models.DateField(blank=True, null=True, verbose_name="ship date")),
                ("delivered_date", models.DateField(blank=True, null=True, verbose_name="delivered on")),
                ("accepted_date", models.DateField(blank=True, null=True, verbose_name="accepted on")),
                ("revenue_date", models.DateField(blank=True, null=True, verbose_name="revenue recognised on")),
                ("carrier", models.CharField(blank=True, max_length=30, verbose_name="carrier")),
                ("tracking_number", models.CharField(blank=True, max_length=60, verbose_name="tracking number")),
                (
                    "collects_cod",
                    models.BooleanField(
                        db_default=False, default=False, verbose_name="cash on delivery is collected with it"
                    ),
                ),
                (
                    "cod_amount",
                    erp.core.fields.FiniteDecimalField(
                        db_default=0,
                        decimal_places=2,
                        default=0,
                        editable=False,
                        max_digits=16,
                        verbose_name="to be collected",
                    ),
                ),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="net amount"
                    ),
                ),
                (
                    "tax_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, default=0, max_digits=16, verbose_name="tax"),
                ),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="gross amount"
                    ),
                ),
                (
                    "cost_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, default=0, max_digits=16, verbose_name="cost"),
                ),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shipments",
                        to="orders.delivery",
                        verbose_name="delivery",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shipments",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "shipment",
                "verbose_name_plural": "shipments",
                "indexes": [
                    models.Index(fields=["state", "id"], name="shipment_by_state"),
                    models.Index(
                        condition=models.Q(("revenue_basis", "SHIPMENT"), _negated=True),
                        fields=["revenue_basis", "id"],
                        name="shipment_sold_later",
                    ),
                    models.Index(
                        erp.core.folding.Folded("tracking_number"),
                        condition=models.Q(("tracking_number__gt", "")),
                        name="shipment_by_tracking",
                    ),
                    models.Index(fields=["ship_date", "id"], name="shipment_by_date"),
                    models.Index(
                        condition=models.Q(("revenue_date__isnull", False)),
                        fields=["revenue_date"],
                        name="shipment_by_revenue_date",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["INSTRUCTED", "CANCELLED"]), ("ship_date__isnull", False), _connector="OR"
                        ),
                        name="shipped_shipment_has_a_date",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("collects_cod", True)),
                        fields=("order",),
                        name="one_parcel_of_an_order_collects",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderFee",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line_no", models.PositiveIntegerField(verbose_name="line")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("SHIPPING", "Shipping"),
                            ("COD", "Cash-on-delivery fee"),
                            ("WRAPPING", "Wrapping"),
                            ("OTHER", "Other fee"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="amount"
                    ),
                ),
                ("tax_included", models.BooleanField(verbose_name="amount includes tax")),
                (
                    "tax_class",
                    models.CharField(
                        choices=[
                            ("STANDARD", "Standard rate"),
                            ("REDUCED", "Reduced rate"),
                            ("ZERO_RATED", "Zero-rated (export)"),
                            ("EXEMPT", "Exempt"),
                            ("OUT_OF_SCOPE", "Out of scope"),
                        ],
                        max_length=20,
                        verbose_name="tax class",
                    ),
                ),
                ("tax_code", models.CharField(blank=True, max_length=20, verbose_name="tax code")),
                (
                    "tax_percent",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=5, null=True, verbose_name="tax rate (%)"
                    ),
                ),
                (
                    "discount_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="discount"
                    ),
                ),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="net amount"
                    ),
                ),
                (
                    "tax_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, null=True, verbose_name="tax"),
                ),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, null=True, verbose_name="gross amount"
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fees",
                        to="orders.delivery",
                        verbose_name="delivery",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fees",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "shipment",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fees",
                        to="orders.shipment",
                        verbose_name="posted with shipment",
                    ),
                ),
            ],
            options={
                "verbose_name": "fee",
                "verbose_name_plural": "fees",
                "constraints": [
                    models.UniqueConstraint(fields=("order", "line_no"), name="one_fee_per_order_and_line")
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderAdjustment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line_no", models.PositiveIntegerField(verbose_name="line")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("COUPON", "Coupon"),
                            ("POINTS", "Points"),
                            ("CAMPAIGN", "Campaign"),
                            ("ROUNDING", "Accepted difference"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "funded_by",
                    models.CharField(
                        choices=[
                            ("SHOP", "Us"),
                            ("MALL", "Mall"),
                            ("MAKER", "Maker"),
                            ("PROVIDER", "Payment provider"),
                        ],
                        max_length=10,
                        verbose_name="funded by",
                    ),
                ),
                ("code", models.CharField(blank=True, max_length=60, verbose_name="code")),
                ("amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="amount")),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="adjustments",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "line",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="adjustments",
                        to="orders.orderline",
                        verbose_name="order line",
                    ),
                ),
            ],
            options={
                "verbose_name": "discount",
                "verbose_name_plural": "discounts",
                "constraints": [
                    models.UniqueConstraint(fields=("order", "line_no"), name="one_adjustment_per_order_and_line")
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderTaxTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tax_code", models.CharField(max_length=20, verbose_name="tax code")),
                (
                    "tax_percent",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=5, verbose_name="tax rate (%)"),
                ),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="net amount"),
                ),
                ("tax_amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="tax")),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="gross amount"),
                ),
                (
                    "stated_tax",
                    erp.core.fields.FiniteDecimalField(
                        blank=True, decimal_places=2, max_digits=16, null=True, verbose_name="tax as sent"
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tax_totals",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "tax of an order",
                "verbose_name_plural": "tax of orders",
                "constraints": [
                    models.UniqueConstraint(fields=("order", "tax_code"), name="one_tax_total_per_order_and_code")
                ],
            },
        ),
        migrations.CreateModel(
            name="AllocationRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "order_type",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("NORMAL", "Normal"),
                            ("PREORDER", "Pre-order"),
                            ("SUBSCRIPTION", "Subscription"),
                            ("EXHIBITION", "Exhibition order"),
                            ("SAMPLE", "Sample"),
                            ("EXCHANGE", "Exchange"),
                            ("STORE_PICKUP", "Store pickup"),
                        ],
                        default="",
                        max_length=20,
                        verbose_name="order type",
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("AT_ACCEPTANCE", "At acceptance"),
                            ("BY_HAND", "By hand"),
                            ("BEFORE_WISHED_DATE", "Days before the wished date"),
                        ],
                        default="",
                        max_length=20,
                        verbose_name="allocation",
                    ),
                ),
                (
                    "days_before",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="An order without a wished date is allocated at acceptance.",
                        null=True,
                        verbose_name="days before the wished date",
                    ),
                ),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Smaller numbers keep their stock longer when pieces run out.",
                        null=True,
                        verbose_name="allocation priority",
                    ),
                ),
                (
                    "overdue",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("KEEP", "Keep the reservation"),
                            ("RELEASE", "Give up the reservation"),
                            ("CANCEL", "Cancel the order"),
                        ],
                        default="",
                        help_text="Money that comes later still counts: stock is acquired again, or the order waits for it.",
                        max_length=10,
                        verbose_name="when money in advance is overdue",
                    ),
                ),
                (
                    "overdue_days",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="So many days after the money was due.", verbose_name="days of grace"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.account",
                        verbose_name="account",
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "allocation rule",
                "verbose_name_plural": "allocation rules",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "order_type", "account"),
                        name="one_allocation_rule_per_scope",
                        nulls_distinct=False,
                        violation_error_message="There is a rule for these orders already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("mode", "BEFORE_WISHED_DATE"), _negated=True),
                            ("days_before__isnull", False),
                            _connector="OR",
                        ),
                        name="allocation_rule_says_how_many_days",
                        violation_error_message="Say how many days before the wished date.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderWait",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("BY_HAND", "Allocated by hand"),
                            ("WISHED_DATE", "Allocated shortly before the wished date"),
                            ("PAYMENT_OVERDUE", "Payment overdue, reservation given up"),
                            ("PAID_LATE", "Paid after it was due, stock to be had again"),
                        ],
                        max_length=20,
                        verbose_name="reason",
                    ),
                ),
                ("due_on", models.DateField(blank=True, null=True, verbose_name="reserved on")),
                ("opened_at", models.DateTimeField(verbose_name="opened at")),
                ("opened_by", models.CharField(max_length=100, verbose_name="opened by")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed at")),
                (
                    "closed_by",
                    models.CharField(blank=True, db_default="", default="", max_length=100, verbose_name="closed by"),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="waits",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "reason to wait for stock",
                "verbose_name_plural": "reasons to wait for stock",
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=["reason", "due_on"],
                        name="open_wait_by_day",
                    ),
                    models.Index(fields=["reason", "-id"], name="wait_by_reason"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=("order", "reason"),
                        name="one_open_wait_per_reason",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ShipmentLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("returned_quantity", models.PositiveIntegerField(default=0, verbose_name="returned")),
                (
                    "reported_quantity",
                    models.PositiveIntegerField(db_default=0, default=0, verbose_name="reported sold"),
                ),
                (
                    "unsold_quantity",
                    models.PositiveIntegerField(db_default=0, default=0, verbose_name="returned unsold"),
                ),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="net amount"
                    ),
                ),
                (
                    "tax_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, default=0, max_digits=16, verbose_name="tax"),
                ),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="gross amount"
                    ),
                ),
                (
                    "cost_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, default=0, max_digits=16, verbose_name="cost"),
                ),
                ("cost_date", models.DateField(blank=True, null=True, verbose_name="cost posted later, on")),
                (
                    "order_line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shipment_lines",
                        to="orders.orderline",
                        verbose_name="order line",
                    ),
                ),
                (
                    "shipment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.shipment",
                        verbose_name="shipment",
                    ),
                ),
            ],
            options={
                "verbose_name": "shipment line",
                "verbose_name_plural": "shipment lines",
                "indexes": [
                    models.Index(
                        condition=models.Q(("cost_date__isnull", False)),
                        fields=["cost_date"],
                        name="shipment_line_by_cost_date",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("shipment", "order_line"), name="one_shipment_line_per_order_line"),
                    models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="shipment_line_has_pieces"),
                    models.CheckConstraint(
                        condition=models.Q(("returned_quantity__lte", models.F("quantity"))),
                        name="not_more_returned_than_in_the_parcel",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "reported_quantity__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("quantity"), "-", models.F("unsold_quantity")
                                ),
                            ),
                            ("unsold_quantity__lte", models.F("returned_quantity")),
                        ),
                        name="not_more_reported_or_unsold_than_in_the_parcel",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CarrierAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "carrier",
                    models.CharField(
                        choices=[
                            ("yamato", "Yamato (B2 Cloud)"),
                            ("sagawa", "Sagawa (e-Hiden III)"),
                            ("japanpost", "Japan Post (Yu-Pri R)"),
                        ],
                        max_length=12,
                        unique=True,
                        verbose_name="carrier",
                    ),
                ),
                (
                    "customer_code",
                    models.CharField(
                        blank=True,
                        help_text="Yamato: 請求先顧客コード. Sagawa: お客様コード (12 digits).",
                        max_length=15,
                        verbose_name="customer code",
                    ),
                ),
                (
                    "branch_code",
                    models.CharField(
                        blank=True, help_text="Yamato: 請求先分類コード.", max_length=3, verbose_name="branch code"
                    ),
                ),
                (
                    "freight_number",
                    models.CharField(
                        blank=True, help_text="Yamato: 運賃管理番号.", max_length=2, verbose_name="freight number"
                    ),
                ),
                ("goods_name", models.CharField(default="衣料品", max_length=25, verbose_name="goods on labels")),
                (
                    "prepaid_form",
                    models.CharField(
                        blank=True,
                        help_text="Japan Post: 送り状種別.",
                        max_length=20,
                        verbose_name="form of prepaid labels",
                    ),
                ),
                (
                    "cod_form",
                    models.CharField(
                        blank=True,
                        help_text="Japan Post: 送り状種別.",
                        max_length=20,
                        verbose_name="form of cash-on-delivery labels",
                    ),
                ),
            ],
            options={
                "verbose_name": "carrier contract",
                "verbose_name_plural": "carrier contracts",
            },
        ),
        migrations.CreateModel(
            name="LabelRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "carrier",
                    models.CharField(
                        choices=[
                            ("yamato", "Yamato (B2 Cloud)"),
                            ("sagawa", "Sagawa (e-Hiden III)"),
                            ("japanpost", "Japan Post (Yu-Pri R)"),
                        ],
                        max_length=12,
                        verbose_name="carrier",
                    ),
                ),
                ("ship_date", models.DateField(verbose_name="ship date")),
                ("parcel_count", models.PositiveIntegerField(verbose_name="parcels")),
                ("written_at", models.DateTimeField(verbose_name="written at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
            ],
            options={
                "verbose_name": "label file",
                "verbose_name_plural": "label files",
                "indexes": [models.Index(fields=["carrier", "-id"], name="label_file_by_carrier")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("parcel_count__gt", 0)), name="label_file_has_parcels")
                ],
            },
        ),
        migrations.CreateModel(
            name="LabelRunLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.labelrun",
                        verbose_name="label file",
                    ),
                ),
                (
                    "shipment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="label_lines",
                        to="orders.shipment",
                        verbose_name="shipment",
                    ),
                ),
            ],
            options={
                "verbose_name": "parcel of a label file",
                "verbose_name_plural": "parcels of label files",
                "constraints": [
                    models.UniqueConstraint(fields=("run", "shipment"), name="one_line_per_label_file_and_shipment")
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderDistribution",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=60, verbose_name="distribution number")),
                ("purchase", models.CharField(blank=True, max_length=60, verbose_name="expected delivery")),
                ("asked", models.JSONField(blank=True, default=dict, verbose_name="SKUs and accounts")),
                ("kept_back", models.JSONField(blank=True, default=dict, verbose_name="kept back")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("DRAFT", "Draft"),
                            ("CONFIRMING", "Being confirmed"),
                            ("CONFIRMED", "Confirmed"),
                            ("UNDONE", "Undone"),
                        ],
                        default="DRAFT",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("created_by", models.CharField(max_length=100, verbose_name="created by")),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="confirmed at")),
                ("confirmed_by", models.CharField(blank=True, max_length=100, verbose_name="confirmed by")),
                ("undone_at", models.DateTimeField(blank=True, null=True, verbose_name="undone at")),
                ("undone_by", models.CharField(blank=True, max_length=100, verbose_name="undone by")),
                (
                    "ended_waits",
                    models.JSONField(blank=True, default=list, verbose_name="reasons to wait that it ended"),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="distributed from",
                    ),
                ),
            ],
            options={
                "verbose_name": "distribution to orders",
                "verbose_name_plural": "distributions to orders",
                "permissions": [("distribute_to_orders", "Can distribute stock among the orders of accounts")],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("external_id"), name="order_distribution_by_number"
                    ),
                    models.Index(fields=["state", "-id"], name="order_distribution_by_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("external_id",),
                        name="one_order_distribution_per_number",
                        violation_error_message="There is a distribution with this number already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("confirmed_at__isnull", True), ("state", "DRAFT")),
                            models.Q(
                                models.Q(("state", "DRAFT"), _negated=True),
                                ("confirmed_at__isnull", False),
                                models.Q(("confirmed_by", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="order_distribution_confirmed_by_somebody",
                        violation_error_message="A distribution that is no draft says who confirmed it, and when.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderDistributionShare",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="pieces")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.account",
                        verbose_name="account",
                    ),
                ),
                (
                    "distribution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="orders.orderdistribution",
                        verbose_name="distribution to orders",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "share of an account",
                "verbose_name_plural": "shares of accounts",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("distribution", "sku", "account"), name="one_share_per_sku_and_account"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderDistributionLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="pieces")),
                ("reserved", models.PositiveIntegerField(blank=True, null=True, verbose_name="reserved")),
                ("released", models.PositiveIntegerField(default=0, verbose_name="given back")),
                ("undone_at", models.DateTimeField(blank=True, null=True, verbose_name="undone at")),
                (
                    "distribution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.orderdistribution",
                        verbose_name="distribution to orders",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
                (
                    "order_line",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="orders.orderline",
                        verbose_name="order line",
                    ),
                ),
            ],
            options={
                "verbose_name": "order line of a distribution",
                "verbose_name_plural": "order lines of distributions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("distribution", "order_line", "sku"), name="one_line_per_distribution_and_order_line"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("quantity__gte", 1),
                            models.Q(
                                ("reserved__isnull", True), ("reserved__lte", models.F("quantity")), _connector="OR"
                            ),
                        ),
                        name="not_more_reserved_than_distributed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("released", 0),
                            models.Q(("released__lte", models.F("reserved")), ("undone_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="not_more_given_back_than_reserved",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderPayment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line_no", models.PositiveIntegerField(verbose_name="line")),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("CARD", "Card"),
                            ("COD", "Cash on delivery"),
                            ("BANK_TRANSFER", "Bank transfer in advance"),
                            ("CONVENIENCE_STORE", "Convenience store"),
                            ("DEFERRED", "Deferred payment"),
                            ("WALLET", "Wallet"),
                            ("CARRIER_BILLING", "Carrier billing"),
                            ("MALL", "Mall"),
                            ("GIFT_CARD", "Gift card"),
                            ("ON_ACCOUNT", "On account"),
                            ("CASH", "Cash"),
                            ("FUNDER", "Paid by the funder of a discount"),
                            ("NONE", "None"),
                        ],
                        max_length=20,
                        verbose_name="payment method",
                    ),
                ),
                ("provider", models.CharField(blank=True, max_length=50, verbose_name="provider")),
                ("amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="amount")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Pending"),
                            ("AUTHORIZED", "Authorized"),
                            ("CAPTURED", "Captured"),
                            ("PAID", "Paid"),
                            ("FAILED", "Failed"),
                            ("REFUNDED", "Refunded"),
                        ],
                        max_length=12,
                        verbose_name="status",
                    ),
                ),
                (
                    "sent_status",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("PENDING", "Pending"),
                            ("AUTHORIZED", "Authorized"),
                            ("CAPTURED", "Captured"),
                            ("PAID", "Paid"),
                            ("FAILED", "Failed"),
                            ("REFUNDED", "Refunded"),
                        ],
                        db_default="",
                        default="",
                        max_length=12,
                        verbose_name="status as sent",
                    ),
                ),
                ("reference", models.CharField(blank=True, max_length=100, verbose_name="reference")),
                ("due_at", models.DateTimeField(blank=True, null=True, verbose_name="due at")),
                (
                    "authorization_expires_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="authorization expires at"),
                ),
                ("must_be_paid_first", models.BooleanField(default=False, verbose_name="paid before shipment")),
                ("role", models.CharField(blank=True, max_length=40, verbose_name="role")),
                ("counterparty_id", models.BigIntegerField(blank=True, null=True, verbose_name="counterparty")),
                (
                    "received_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="received in advance"
                    ),
                ),
                (
                    "applied_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="applied to shipments"
                    ),
                ),
                (
                    "owed_amount",
                    erp.core.fields.FiniteDecimalField(
                        db_default=0,
                        decimal_places=2,
                        default=0,
                        editable=False,
                        max_digits=16,
                        verbose_name="owed since the sale",
                    ),
                ),
                (
                    "refunded_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="refunded"
                    ),
                ),
                (
                    "surplus_refunded_amount",
                    erp.core.fields.FiniteDecimalField(
                        db_default=0,
                        decimal_places=2,
                        default=0,
                        max_digits=16,
                        verbose_name="refunded, being more than was to be paid",
                    ),
                ),
                (
                    "unsold_amount",
                    erp.core.fields.FiniteDecimalField(
                        db_default=0,
                        decimal_places=2,
                        default=0,
                        editable=False,
                        max_digits=16,
                        verbose_name="not to be paid any more, came back unsold",
                    ),
                ),
                (
                    "told_amount",
                    erp.core.fields.FiniteDecimalField(
                        db_default=0,
                        decimal_places=2,
                        default=0,
                        editable=False,
                        max_digits=16,
                        verbose_name="told as received",
                    ),
                ),
                (
                    "not_booked_amount",
                    erp.core.fields.FiniteDecimalField(
                        db_default=0,
                        decimal_places=2,
                        default=0,
                        editable=False,
                        max_digits=16,
                        verbose_name="told and not booked",
                    ),
                ),
                (
                    "carried_amount",
                    erp.core.fields.FiniteDecimalField(
                        db_default=0,
                        decimal_places=2,
                        default=0,
                        editable=False,
                        max_digits=16,
                        verbose_name="received under earlier revisions",
                    ),
                ),
                ("carried_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="came at")),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "payment",
                "verbose_name_plural": "payments",
                "indexes": [
                    models.Index(
                        erp.core.folding.Folded("reference"),
                        condition=models.Q(("reference__gt", "")),
                        name="payment_by_reference",
                    ),
                    models.Index(fields=["status", "id"], name="payment_by_status"),
                    models.Index(fields=["method", "id"], name="payment_by_method"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("order", "line_no"), name="one_payment_per_order_and_line")
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=100, verbose_name="event id")),
                ("line_no", models.PositiveIntegerField(db_default=1, default=1, verbose_name="line")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("AUTHORIZED", "Authorized"),
                            ("FAILED", "Failed"),
                            ("PAID", "Paid"),
                            ("CAPTURED", "Captured"),
                            ("REFUNDED", "Refunded"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                (
                    "amount",
                    erp.core.fields.FiniteDecimalField(
                        blank=True, decimal_places=2, max_digits=16, null=True, verbose_name="amount"
                    ),
                ),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                (
                    "reference",
                    models.CharField(blank=True, db_default="", default="", max_length=300, verbose_name="reference"),
                ),
                (
                    "is_news_only",
                    models.BooleanField(db_default=False, default=False, verbose_name="kept as news, not booked"),
                ),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payment_events",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="orders.orderpayment",
                        verbose_name="payment",
                    ),
                ),
            ],
            options={
                "verbose_name": "payment event",
                "verbose_name_plural": "payment events",
                "constraints": [models.UniqueConstraint(fields=("order", "event_id"), name="one_payment_event_per_id")],
            },
        ),
        migrations.CreateModel(
            name="PrintRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("PICKING_LIST", "Picking list"),
                            ("DELIVERY_NOTE", "Delivery note"),
                            ("GIFT_NOTE", "Delivery note without prices"),
                        ],
                        max_length=15,
                        verbose_name="paper",
                    ),
                ),
                ("parcel_count", models.PositiveIntegerField(verbose_name="parcels")),
                ("printed_at", models.DateTimeField(verbose_name="printed at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
            ],
            options={
                "verbose_name": "print run",
                "verbose_name_plural": "print runs",
                "indexes": [models.Index(fields=["kind", "-id"], name="print_run_by_kind")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("parcel_count__gt", 0)), name="print_run_has_parcels")
                ],
            },
        ),
        migrations.CreateModel(
            name="PrintRunLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.printrun",
                        verbose_name="print run",
                    ),
                ),
                (
                    "shipment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="print_lines",
                        to="orders.shipment",
                        verbose_name="shipment",
                    ),
                ),
            ],
            options={
                "verbose_name": "shipment of a print run",
                "verbose_name_plural": "shipments of print runs",
                "constraints": [
                    models.UniqueConstraint(fields=("run", "shipment"), name="one_line_per_print_run_and_shipment")
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderHold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("UNKNOWN_SKU", "Unknown SKU"),
                            ("TOTAL_MISMATCH", "Totals do not add up"),
                            ("AMOUNT_UNKNOWN", "Amount not yet known"),
                            ("CREDIT_EXCEEDED", "Credit limit exceeded"),
                            ("CREDIT_WARNING", "Credit warning line crossed"),
                            ("UNKNOWN_ACCOUNT", "Unknown account"),
                            ("SUSPICIOUS_ADDRESS", "Address needs a look"),
                            ("CUSTOMER_NOTE", "Customer left a note"),
                            ("PAYMENT_FAILED", "Payment failed"),
                            ("PAYMENT_DIFFERENCE", "Not all of it is paid"),
                            ("LATE_REVISION", "A newer revision waits"),
                            ("NO_PAYMENT_ROUTE", "Payment method not configured"),
                            ("TAX_RATE", "Tax rate differs from ours"),
                            ("CURRENCY", "Currency not kept in the books"),
                            ("MANUAL", "Held by staff"),
                        ],
                        max_length=20,
                        verbose_name="reason",
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=300, verbose_name="detail")),
                ("opened_at", models.DateTimeField(verbose_name="opened at")),
                ("opened_by", models.CharField(max_length=100, verbose_name="opened by")),
                ("resolved_at", models.DateTimeField(blank=True, null=True, verbose_name="resolved at")),
                ("resolved_by", models.CharField(blank=True, max_length=100, verbose_name="resolved by")),
                ("resolution", models.CharField(blank=True, max_length=300, verbose_name="resolution")),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "hold reason",
                "verbose_name_plural": "hold reasons",
                "indexes": [
                    models.Index(
                        condition=models.Q(("resolved_at__isnull", True)),
                        fields=["opened_at", "id"],
                        name="unresolved_order_hold_by_time",
                    ),
                    models.Index(fields=["opened_at", "id"], name="order_hold_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("resolved_at__isnull", True)),
                        fields=("order", "reason"),
                        name="one_open_hold_per_reason",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("PLACED", "Placed"),
                            ("AMENDED", "Amended"),
                            ("STATE", "State changed"),
                            ("HELD", "Put on hold"),
                            ("HOLD_RESOLVED", "Hold resolved"),
                            ("ALLOCATED", "Allocated"),
                            ("OVERSOLD", "Oversold"),
                            ("PROMISED", "Expected arrival"),
                            ("MOVED", "Reservation moved"),
                            ("UNRESERVED", "Reservation given up"),
                            ("PRIORITY", "Priority set"),
                            ("RELEASED", "Released to the warehouse"),
                            ("SHIPPED", "Shipped"),
                            ("TRACKING", "Tracking number"),
                            ("DELIVERED", "Delivered"),
                            ("ACCEPTED", "Accepted"),
                            ("PAYMENT", "Payment"),
                            ("REPORTED", "Reported sold"),
                            ("RETURNED", "Returned"),
                            ("CANCELLED", "Cancelled"),
                            ("MEMO", "Staff memo"),
                        ],
                        max_length=15,
                        verbose_name="kind",
                    ),
                ),
                (
                    "from_state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("NEW", "New"),
                            ("ON_HOLD", "On hold"),
                            ("AWAITING_STOCK", "Awaiting stock"),
                            ("AWAITING_PAYMENT", "Awaiting payment"),
                            ("AWAITING_RELEASE_DATE", "Awaiting release date"),
                            ("AWAITING_SHIP_DATE", "Awaiting ship date"),
                            ("READY", "Ready to release"),
                            ("PICKING", "Being picked"),
                            ("SHIPPED", "Shipped"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        max_length=25,
                        verbose_name="from",
                    ),
                ),
                (
                    "to_state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("NEW", "New"),
                            ("ON_HOLD", "On hold"),
                            ("AWAITING_STOCK", "Awaiting stock"),
                            ("AWAITING_PAYMENT", "Awaiting payment"),
                            ("AWAITING_RELEASE_DATE", "Awaiting release date"),
                            ("AWAITING_SHIP_DATE", "Awaiting ship date"),
                            ("READY", "Ready to release"),
                            ("PICKING", "Being picked"),
                            ("SHIPPED", "Shipped"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        max_length=25,
                        verbose_name="to",
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=1000, verbose_name="detail")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "order event",
                "verbose_name_plural": "order events",
            },
        ),
        migrations.CreateModel(
            name="LateRevision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.PositiveIntegerField(verbose_name="revision")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                ("content", models.JSONField(verbose_name="content")),
                ("message_id", models.BigIntegerField(verbose_name="message")),
                ("reason", models.CharField(max_length=300, verbose_name="reason")),
                ("changes", models.TextField(verbose_name="what it changes")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="late_revisions",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "late revision",
                "verbose_name_plural": "late revisions",
                "constraints": [
                    models.UniqueConstraint(fields=("order", "revision"), name="one_late_revision_per_order_and_number")
                ],
            },
        ),
        migrations.CreateModel(
            name="ParkedMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=100, verbose_name="channel's order number")),
                (
                    "kind",
                    models.CharField(
                        choices=[("CANCEL", "Cancellation"), ("PAYMENT", "Payment event"), ("RETURN", "Return")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("message_id", models.CharField(max_length=100, verbose_name="message id")),
                ("body", models.JSONField(verbose_name="body")),
                ("parked_at", models.DateTimeField(verbose_name="parked at")),
                ("applied_at", models.DateTimeField(blank=True, null=True, verbose_name="applied at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "parked message",
                "verbose_name_plural": "parked messages",
                "indexes": [
                    models.Index(fields=["kind", "-id"], name="parked_message_by_kind"),
                    models.Index(
                        condition=models.Q(("applied_at__isnull", True)),
                        fields=["-id"],
                        name="parked_message_that_waits",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "external_id", "kind", "message_id"), name="one_parked_message_per_id"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=20, unique=True, verbose_name="receipt number")),
                ("issue", models.PositiveSmallIntegerField(verbose_name="issue")),
                (
                    "medium",
                    models.CharField(
                        choices=[("ELECTRONIC", "PDF by mail"), ("PAPER", "On paper")],
                        max_length=12,
                        verbose_name="form of the receipt",
                    ),
                ),
                ("addressee", models.CharField(max_length=100, verbose_name="addressee")),
                ("proviso", models.CharField(max_length=100, verbose_name="proviso")),
                ("issued_on", models.DateField(verbose_name="issued on")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                (
                    "amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="amount received"),
                ),
                ("content", models.JSONField(verbose_name="content")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason of issuing again")),
                ("token", models.CharField(max_length=40, verbose_name="token")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "official receipt",
                "verbose_name_plural": "official receipts",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("addressee"), name="receipt_by_addressee"
                    ),
                    models.Index(fields=["medium", "-id"], name="receipt_by_medium"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("order", "issue"), name="one_receipt_per_order_and_issue"),
                    models.UniqueConstraint(fields=("order", "token"), name="one_receipt_per_order_and_token"),
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="receipt_has_an_amount"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("issue", 1),
                            models.Q(("issue__gt", 1), models.Q(("reason", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="receipt_issued_again_says_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SalesReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=20, unique=True, verbose_name="sales report number")),
                ("external_id", models.CharField(max_length=100, verbose_name="external id")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                ("report_date", models.DateField(verbose_name="sold on")),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="net amount"),
                ),
                ("tax_amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="tax")),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="gross amount"),
                ),
                (
                    "cost_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="cost"),
                ),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "sales report",
                "verbose_name_plural": "sales reports",
                "indexes": [
                    models.Index(erp.core.folding.Folded("external_id"), name="sales_report_by_external_id"),
                    models.Index(fields=["report_date", "-id"], name="sales_report_by_day"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "external_id"), name="one_sales_report_per_channel_and_external_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "gross_amount",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("net_amount"), "+", models.F("tax_amount")
                                ),
                            )
                        ),
                        name="sales_report_net_and_tax_make_gross",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SalesReportLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="net amount"),
                ),
                ("tax_amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="tax")),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="gross amount"),
                ),
                (
                    "cost_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="cost"),
                ),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.salesreport",
                        verbose_name="sales report",
                    ),
                ),
                (
                    "shipment_line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reports",
                        to="orders.shipmentline",
                        verbose_name="shipment line",
                    ),
                ),
            ],
            options={
                "verbose_name": "line of a sales report",
                "verbose_name_plural": "lines of sales reports",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("report", "shipment_line"), name="one_report_line_per_shipment_line"
                    ),
                    models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="report_line_has_pieces"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Return",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=20, unique=True, verbose_name="return number")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("RETURN", "Return"),
                            ("REFUSED", "Refused on delivery"),
                            ("REFUND_ONLY", "Refund without goods"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("external_id", models.CharField(max_length=100, verbose_name="external id")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                (
                    "has_original",
                    models.BooleanField(
                        default=True,
                        help_text="No: sold before these books began; said so on the document.",
                        verbose_name="original sale known",
                    ),
                ),
                ("return_date", models.DateField(verbose_name="return date")),
                ("posted_date", models.DateField(verbose_name="posted on")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="net amount"),
                ),
                ("tax_amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="tax")),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="gross amount"),
                ),
                (
                    "cost_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, default=0, max_digits=16, verbose_name="cost"),
                ),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
                (
                    "customer_record",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.customerrecord",
                        verbose_name="customer record",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="returns",
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
            ],
            options={
                "verbose_name": "return",
                "verbose_name_plural": "returns",
                "indexes": [
                    models.Index(erp.core.folding.Folded("external_id"), name="return_by_external_id"),
                    models.Index(
                        condition=models.Q(("kind", "RETURN"), _negated=True),
                        fields=["kind", "id"],
                        name="return_of_rare_kind",
                    ),
                    models.Index(
                        condition=models.Q(("has_original", False)), fields=["id"], name="return_without_original"
                    ),
                    models.Index(fields=["posted_date"], name="return_by_posting_day"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "external_id"), name="one_return_per_channel_and_external_id"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReturnLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("description", models.CharField(blank=True, max_length=300, verbose_name="description")),
                (
                    "condition",
                    models.CharField(
                        choices=[
                            ("SELLABLE", "Sellable"),
                            ("DEFECTIVE", "Defective"),
                            ("NOT_RETURNED", "Nothing came back"),
                        ],
                        max_length=12,
                        verbose_name="condition",
                    ),
                ),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                (
                    "is_unsold",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Its sale had not been posted.",
                        verbose_name="came back unsold",
                    ),
                ),
                ("tax_code", models.CharField(max_length=20, verbose_name="tax code")),
                (
                    "tax_percent",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=5, verbose_name="tax rate (%)"),
                ),
                (
                    "net_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="net amount"),
                ),
                ("tax_amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="tax")),
                (
                    "gross_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="gross amount"),
                ),
                (
                    "cost_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, default=0, max_digits=16, verbose_name="cost"),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="orders.return",
                        verbose_name="return",
                    ),
                ),
                (
                    "fee",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="orders.orderfee",
                        verbose_name="fee",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
                (
                    "shipment_line",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="returns",
                        to="orders.shipmentline",
                        verbose_name="shipment line",
                    ),
                ),
            ],
            options={
                "verbose_name": "return line",
                "verbose_name_plural": "return lines",
            },
        ),
    ]
