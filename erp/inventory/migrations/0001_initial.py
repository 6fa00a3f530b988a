import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import erp.core.fields
import erp.core.folding
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0002_guards"),
        ("core", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CostPool",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "account_role",
                    models.CharField(default="inventory.goods", max_length=40, verbose_name="account role"),
                ),
                (
                    "costing_method",
                    models.CharField(
                        choices=[("MOVING_AVERAGE", "Moving average"), ("STANDARD", "Standard cost")],
                        default="MOVING_AVERAGE",
                        max_length=15,
                        verbose_name="costing method",
                    ),
                ),
                (
                    "write_down_limit",
                    erp.core.fields.FiniteDecimalField(
                        blank=True,
                        decimal_places=0,
                        max_digits=14,
                        null=True,
                        verbose_name="write-down that one person may post",
                    ),
                ),
                (
                    "write_downs_reverse",
                    models.BooleanField(default=False, verbose_name="write-downs are taken back next month (洗替法)"),
                ),
            ],
            options={
                "verbose_name": "cost pool",
                "verbose_name_plural": "cost pools",
                "permissions": [("revalue_stock", "Can revalue stock at standard cost")],
            },
        ),
        migrations.CreateModel(
            name="Location",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("WAREHOUSE", "Warehouse"),
                            ("SHOP", "Shop"),
                            ("IN_TRANSIT", "In transit"),
                            ("MALL_HELD", "Held by a mall"),
                            ("CONSIGNED", "Consigned to an account"),
                            ("INSPECTION", "Inspection"),
                            ("DEFECT", "Defective"),
                        ],
                        max_length=15,
                        verbose_name="kind",
                    ),
                ),
                (
                    "holder_account_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="consigned to account"),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "count_value_limit",
                    erp.core.fields.FiniteDecimalField(
                        blank=True,
                        db_default=10000,
                        decimal_places=0,
                        default=10000,
                        max_digits=14,
                        null=True,
                        verbose_name="differences of a stocktake without approval (yen)",
                    ),
                ),
                (
                    "count_pieces_limit",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="differences of a stocktake without approval (pieces)"
                    ),
                ),
                (
                    "cost_pool",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.costpool",
                        verbose_name="cost pool",
                    ),
                ),
                (
                    "holder_channel",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="held by channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "location",
                "verbose_name_plural": "locations",
                "permissions": [("all_locations", "Works with the stock of every location")],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("code"), erp.core.folding.Pairs("name"), name="location_by_name"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "CONSIGNED"), _negated=True),
                            ("holder_account_id__isnull", False),
                            _connector="OR",
                        ),
                        name="consigned_stock_has_a_holder",
                        violation_error_message="A consigned location names the account that holds it.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("count_value_limit__isnull", True), ("count_value_limit__gte", 0), _connector="OR"
                        ),
                        name="count_limit_not_negative",
                        violation_error_message="A limit is not negative.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "MALL_HELD"), _negated=True),
                            ("holder_channel__isnull", False),
                            _connector="OR",
                        ),
                        name="mall_held_stock_has_a_mall",
                        violation_error_message="A location held by a mall names its channel.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChannelLocation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rank", models.PositiveSmallIntegerField(default=100, verbose_name="rank")),
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
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
            ],
            options={
                "verbose_name": "channel's location",
                "verbose_name_plural": "channels' locations",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "location"),
                        name="one_row_per_channel_and_location",
                        violation_error_message="This channel sells from this location already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Shelf",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=30, verbose_name="shelf")),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
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
                "verbose_name": "shelf",
                "verbose_name_plural": "shelves",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(erp.core.folding.Pairs("code"), name="shelf_by_code"),
                    models.Index(fields=["location", "code", "id"], name="shelf_in_its_order"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("location", "sku"),
                        name="one_shelf_per_location_and_sku",
                        violation_error_message="This SKU has a shelf at this location already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ShopStaff",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "shop staff",
                "verbose_name_plural": "shop staff",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "location"),
                        name="one_row_per_user_and_location",
                        violation_error_message="This user works at this location already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ChannelRules",
            fields=[
                (
                    "channel",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
                ("version", models.BigIntegerField(default=1, verbose_name="version")),
            ],
            options={
                "verbose_name": "rules of a channel",
                "verbose_name_plural": "rules of channels",
            },
        ),
        migrations.CreateModel(
            name="Reason",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "direction",
                    models.CharField(
                        choices=[("UP", "More"), ("DOWN", "Less"), ("BOTH", "Either")],
                        default="BOTH",
                        max_length=5,
                        verbose_name="direction",
                    ),
                ),
                ("account_role", models.CharField(max_length=40, verbose_name="account role")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "adjustment reason",
                "verbose_name_plural": "adjustment reasons",
            },
        ),
        migrations.CreateModel(
            name="StockBalance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("on_hand", models.IntegerField(default=0, verbose_name="on hand")),
                ("allocated", models.IntegerField(default=0, verbose_name="allocated")),
                (
                    "unclaimed",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.expressions.CombinedExpression(
                            models.F("on_hand"), "-", models.F("allocated")
                        ),
                        output_field=models.IntegerField(),
                        verbose_name="unclaimed",
                    ),
                ),
                (
                    "has_pieces",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Q(("on_hand__gt", 0)),
                        output_field=models.BooleanField(),
                        verbose_name="has pieces",
                    ),
                ),
                ("balance_seq", models.BigIntegerField(default=0, verbose_name="movements so far")),
                ("version", models.BigIntegerField(default=1, verbose_name="version")),
                ("last_counted_at", models.DateTimeField(blank=True, null=True, verbose_name="last counted")),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock balance",
                "verbose_name_plural": "stock balances",
                "indexes": [
                    models.Index(fields=["location", "sku"], name="balance_by_location_and_sku"),
                    models.Index(
                        condition=models.Q(("has_pieces", True)),
                        fields=["last_counted_at", "id"],
                        name="balance_by_last_count",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("sku", "location"), name="one_balance_per_sku_location"),
                    models.CheckConstraint(condition=models.Q(("allocated__gte", 0)), name="allocated_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(("on_hand__gte", models.F("allocated"))), name="never_oversold"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CostBalance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.IntegerField(default=0, verbose_name="quantity")),
                (
                    "value",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="value"
                    ),
                ),
                ("version", models.BigIntegerField(default=1, verbose_name="version")),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
                (
                    "cost_pool",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.costpool",
                        verbose_name="cost pool",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock value",
                "verbose_name_plural": "stock values",
                "constraints": [
                    models.UniqueConstraint(fields=("sku", "cost_pool"), name="one_cost_balance_per_sku_pool"),
                    models.CheckConstraint(condition=models.Q(("quantity__gte", 0)), name="cost_quantity_not_negative"),
                    models.CheckConstraint(condition=models.Q(("value__gte", 0)), name="cost_value_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(models.Q(("quantity", 0), _negated=True), ("value", 0), _connector="OR"),
                        name="no_value_without_pieces",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockDocument",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("RECEIPT", "Receipt"),
                            ("ISSUE", "Issue"),
                            ("TRANSFER", "Transfer"),
                            ("ADJUSTMENT", "Adjustment"),
                            ("REVALUATION", "Revaluation"),
                        ],
                        max_length=15,
                        verbose_name="kind",
                    ),
                ),
                ("source_type", models.CharField(max_length=20, verbose_name="source document")),
                ("source_id", models.BigIntegerField(verbose_name="source id")),
                ("external_id", models.CharField(blank=True, max_length=100, verbose_name="external id")),
                ("fingerprint", models.CharField(blank=True, max_length=64, verbose_name="fingerprint")),
                (
                    "destination",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="destination",
                    ),
                ),
                (
                    "awaits_invoice",
                    models.BooleanField(db_default=False, default=False, verbose_name="received before its invoice"),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("created_xid", erp.core.fields.Xid8Field(db_default=erp.core.fields.CurrentXid(), editable=False)),
                (
                    "supplier",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.supplier",
                        verbose_name="supplier",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock document",
                "verbose_name_plural": "stock documents",
                "permissions": [
                    ("receive_stock", "Can receive stock"),
                    ("adjust_stock", "Can adjust stock"),
                    ("transfer_stock", "Can transfer stock and record its arrival"),
                    ("count_stock", "Can record a stock count"),
                    ("return_stock", "Can return goods to a supplier"),
                    ("invoice_stock", "Can book a supplier's invoice"),
                    ("write_down_stock", "Can write stock down"),
                    ("add_late_cost", "Can add a late cost"),
                ],
                "indexes": [
                    models.Index(fields=["source_type", "source_id"], name="stock_document_by_source"),
                    models.Index(
                        condition=models.Q(("awaits_invoice", True)),
                        fields=["occurred_at", "id"],
                        name="receipt_before_its_invoice",
                    ),
                    models.Index(
                        erp.core.folding.Folded("external_id"),
                        condition=models.Q(("external_id__gt", "")),
                        name="stock_document_by_paper",
                    ),
                    models.Index(
                        condition=models.Q(("kind", "ISSUE"), _negated=True),
                        fields=["kind", "id"],
                        name="stock_document_by_kind",
                    ),
                    django.contrib.postgres.indexes.BrinIndex(fields=["recorded_at"], name="stock_document_by_record"),
                    models.Index(
                        condition=models.Q(("kind", "ADJUSTMENT")),
                        fields=["actor", "recorded_at"],
                        name="adjustment_by_actor",
                    ),
                    models.Index(
                        condition=models.Q(("destination__isnull", False)),
                        fields=["destination", "id"],
                        name="transfer_by_destination",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("external_id", ""), _negated=True),
                        fields=("source_type", "external_id"),
                        name="one_stock_document_per_external_id",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StockMovement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "quantity",
                    models.IntegerField(
                        help_text="Signed: pieces in are positive, pieces out negative.", verbose_name="quantity"
                    ),
                ),
                ("balance_seq", models.BigIntegerField(verbose_name="number on its balance")),
                ("on_hand_after", models.IntegerField(verbose_name="on hand after")),
                ("value", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="value")),
                ("document_line", models.BigIntegerField(verbose_name="document line")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
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
                (
                    "document",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="movements",
                        to="inventory.stockdocument",
                        verbose_name="stock document",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "reason",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.reason",
                        verbose_name="reason",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock movement",
                "verbose_name_plural": "stock movements",
                "indexes": [
                    models.Index(fields=["document"], name="movement_by_document"),
                    models.Index(fields=["location", "id"], name="movement_by_location"),
                    models.Index(
                        fields=["sku", "occurred_at"],
                        include=("location", "balance_seq", "recorded_at", "quantity", "value"),
                        name="movement_by_sku_time_summed",
                    ),
                    django.contrib.postgres.indexes.BrinIndex(
                        autosummarize=True,
                        fields=["occurred_at"],
                        name="movement_by_time",
                        opclasses=["timestamptz_minmax_multi_ops"],
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sku", "location", "balance_seq"), name="one_movement_per_balance_and_number"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("quantity", 0), _negated=True),
                            models.Q(("value", 0), _negated=True),
                            _connector="OR",
                        ),
                        name="movement_moves_something",
                    ),
                    models.CheckConstraint(condition=models.Q(("on_hand_after__gte", 0)), name="stock_never_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExpectedReceipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=60, verbose_name="order number")),
                ("line_no", models.PositiveIntegerField(default=1, verbose_name="line")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("received_quantity", models.PositiveIntegerField(default=0, verbose_name="received")),
                (
                    "unit_cost",
                    erp.core.fields.FiniteDecimalField(
                        blank=True, decimal_places=4, max_digits=14, null=True, verbose_name="unit cost (excl. tax)"
                    ),
                ),
                ("expected_date", models.DateField(verbose_name="expected date")),
                ("cancelled_at", models.DateTimeField(blank=True, null=True, verbose_name="cancelled at")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
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
                    "supplier",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.supplier",
                        verbose_name="supplier",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
            ],
            options={
                "verbose_name": "expected receipt",
                "verbose_name_plural": "expected receipts",
                "indexes": [
                    models.Index(fields=["sku", "expected_date"], name="expected_receipt_by_date"),
                    models.Index(fields=["expected_date", "id"], name="expected_receipt_by_day"),
                    models.Index(erp.core.folding.Folded("external_id"), name="expected_receipt_by_paper"),
                    models.Index(
                        condition=models.Q(
                            ("cancelled_at__isnull", True), ("received_quantity__lt", models.F("quantity"))
                        ),
                        fields=["expected_date", "id"],
                        name="open_expectation_by_date",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sku", "external_id", "line_no"),
                        name="one_expected_receipt_per_sku_and_order_line",
                        violation_error_message="This purchase has this line of this SKU already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("received_quantity__lte", models.F("quantity"))),
                        name="not_more_than_expected",
                        violation_error_message="More was received than is expected.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("unit_cost__isnull", True), ("unit_cost__gte", 0), _connector="OR"),
                        name="expected_cost_not_negative",
                        violation_error_message="A cost is not negative.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProvisionalReceipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("document_line", models.BigIntegerField(verbose_name="document line")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("value", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="value")),
                ("settled_quantity", models.PositiveIntegerField(default=0, verbose_name="explained")),
                (
                    "settled_value",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="explained value"
                    ),
                ),
                (
                    "counted_quantity",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="A receipt of before the count may still be theirs.",
                        verbose_name="explained by a count alone",
                    ),
                ),
                ("counted_at", models.DateTimeField(blank=True, null=True, verbose_name="counted at")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
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
                (
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
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
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.stockdocument",
                        verbose_name="stock document",
                    ),
                ),
            ],
            options={
                "verbose_name": "provisional receipt",
                "verbose_name_plural": "provisional receipts",
                "indexes": [
                    models.Index(
                        condition=models.Q(("settled_quantity__lt", models.F("quantity"))),
                        fields=["sku", "location", "id"],
                        name="open_provisional_by_balance",
                    ),
                    models.Index(
                        condition=models.Q(("settled_quantity__lt", models.F("quantity"))),
                        fields=["-id"],
                        name="open_provisional_newest",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("settled_quantity__lte", models.F("quantity"))),
                        name="not_more_explained_than_provisional",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("counted_quantity__lte", models.F("settled_quantity"))),
                        name="not_more_counted_than_explained",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChannelPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="in force from")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="in force until")),
                ("due_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="told at")),
                (
                    "buffer",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="So many pieces are never shown.",
                        null=True,
                        verbose_name="pieces kept back",
                    ),
                ),
                (
                    "buffer_percent",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Of the free pieces, rounded up. Comes on top of pieces kept back.",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="share kept back (%)",
                    ),
                ),
                (
                    "last_pieces",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Shows 0 where fewer than this would be shown.",
                        null=True,
                        verbose_name="sold out below",
                    ),
                ),
                (
                    "cap",
                    models.PositiveIntegerField(
                        blank=True, help_text="Never shows more than this.", null=True, verbose_name="shown at most"
                    ),
                ),
                (
                    "category",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.category",
                        verbose_name="category",
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
                    "product",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.product",
                        verbose_name="style",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "availability rule",
                "verbose_name_plural": "availability rules",
                "indexes": [
                    models.Index(
                        condition=models.Q(("sku__isnull", False)), fields=["sku", "channel"], name="policy_by_sku"
                    ),
                    models.Index(
                        condition=models.Q(("product__isnull", False)),
                        fields=["product", "channel"],
                        name="policy_by_product",
                    ),
                    models.Index(
                        condition=models.Q(("category__isnull", False)),
                        fields=["category", "channel"],
                        name="policy_by_category",
                    ),
                    models.Index(
                        condition=models.Q(("sku__isnull", True)),
                        fields=["channel", "product", "category"],
                        name="policy_of_more_than_a_sku",
                    ),
                    models.Index(fields=["channel", "starts_at"], name="policy_by_start"),
                    models.Index(fields=["channel", "-id"], name="policy_by_channel"),
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="policy_that_is_due"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("product__isnull", True), ("sku__isnull", True)),
                            models.Q(("category__isnull", True), ("sku__isnull", True)),
                            models.Q(("category__isnull", True), ("product__isnull", True)),
                            _connector="OR",
                        ),
                        name="policy_has_one_scope",
                        violation_error_message="Name a SKU, a style or a category, not two of them.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("buffer__isnull", False),
                            ("buffer_percent__isnull", False),
                            ("last_pieces__isnull", False),
                            ("cap__isnull", False),
                            _connector="OR",
                        ),
                        name="policy_says_something",
                        violation_error_message="Give at least one rule.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("buffer_percent__isnull", True), ("buffer_percent__lte", 100), _connector="OR"
                        ),
                        name="policy_share_is_a_percentage",
                        violation_error_message="The share lies between 0 and 100 percent.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("starts_at__isnull", True),
                            ("ends_at__isnull", True),
                            ("ends_at__gt", models.F("starts_at")),
                            _connector="OR",
                        ),
                        name="policy_ends_after_it_starts",
                        violation_error_message="It ends before it starts.",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            ("channel", "="),
                            (django.db.models.functions.comparison.Coalesce("sku", 0), "="),
                            (django.db.models.functions.comparison.Coalesce("product", 0), "="),
                            (django.db.models.functions.comparison.Coalesce("category", 0), "="),
                            (
                                models.Func(
                                    django.db.models.functions.comparison.Coalesce(
                                        "starts_at",
                                        django.db.models.functions.comparison.Cast(
                                            models.Value("-infinity"), models.DateTimeField()
                                        ),
                                    ),
                                    django.db.models.functions.comparison.Greatest(
                                        "starts_at",
                                        django.db.models.functions.comparison.Coalesce(
                                            "ends_at",
                                            django.db.models.functions.comparison.Cast(
                                                models.Value("infinity"), models.DateTimeField()
                                            ),
                                        ),
                                    ),
                                    function="tstzrange",
                                    output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="policies_of_a_scope_do_not_overlap",
                        violation_error_message="Another rule of this channel for the same goods is in force in this time. Change that one, or end it first.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChannelQuota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="in force from")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="in force until")),
                ("due_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="told at")),
                (
                    "quantity",
                    models.PositiveIntegerField(
                        validators=[django.core.validators.MinValueValidator(1)], verbose_name="pieces set aside"
                    ),
                ),
                (
                    "is_binding",
                    models.BooleanField(
                        default=False,
                        help_text="Orders of other channels do not get these pieces either, but wait. Otherwise only what is shown and held is less.",
                        verbose_name="also against orders of others",
                    ),
                ),
                ("used", models.IntegerField(default=0, editable=False, verbose_name="pieces used")),
                ("version", models.BigIntegerField(default=1, editable=False, verbose_name="version")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="for sales channel",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "quota of a channel",
                "verbose_name_plural": "quotas of channels",
                "indexes": [
                    models.Index(fields=["sku", "channel"], name="quota_by_sku"),
                    models.Index(fields=["channel", "-id"], name="quota_by_channel"),
                    models.Index(condition=models.Q(("is_binding", True)), fields=["-id"], name="quota_that_binds"),
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="quota_that_is_due"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gt", 0)),
                        name="quota_has_pieces",
                        violation_error_message="A quota is of one piece at least.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("used__gte", 0)),
                        name="quota_use_not_negative",
                        violation_error_message="No quota was used less than not at all.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("starts_at__isnull", True),
                            ("ends_at__isnull", True),
                            ("ends_at__gt", models.F("starts_at")),
                            _connector="OR",
                        ),
                        name="quota_ends_after_it_starts",
                        violation_error_message="It ends before it starts.",
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            ("channel", "="),
                            ("sku", "="),
                            (
                                models.Func(
                                    django.db.models.functions.comparison.Coalesce(
                                        "starts_at",
                                        django.db.models.functions.comparison.Cast(
                                            models.Value("-infinity"), models.DateTimeField()
                                        ),
                                    ),
                                    django.db.models.functions.comparison.Greatest(
                                        "starts_at",
                                        django.db.models.functions.comparison.Coalesce(
                                            "ends_at",
                                            django.db.models.functions.comparison.Cast(
                                                models.Value("infinity"), models.DateTimeField()
                                            ),
                                        ),
                                    ),
                                    function="tstzrange",
                                    output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                                ),
                                "&&",
                            ),
                        ],
                        name="quotas_of_a_sku_do_not_overlap",
                        violation_error_message="This channel has a quota of this SKU in this time already.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("document_type", models.CharField(max_length=20, verbose_name="document type")),
                ("document_id", models.BigIntegerField(verbose_name="document id")),
                ("document_line", models.BigIntegerField(verbose_name="document line")),
                ("quantity", models.IntegerField(verbose_name="quantity")),
                ("consumed", models.IntegerField(default=0, verbose_name="consumed")),
                ("released", models.IntegerField(default=0, verbose_name="released")),
                ("priority", models.PositiveSmallIntegerField(default=50, verbose_name="priority")),
                ("reserved_at", models.DateTimeField(verbose_name="reserved at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "quota",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.channelquota",
                        verbose_name="quota",
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
                "verbose_name": "reservation",
                "verbose_name_plural": "reservations",
                "indexes": [
                    models.Index(
                        condition=models.Q(("quantity__gt", 0)),
                        fields=["sku", "location", "priority"],
                        name="open_reservation_by_balance",
                    ),
                    models.Index(
                        condition=models.Q(("quota__isnull", False)), fields=["quota"], name="reservation_by_quota"
                    ),
                    models.Index(fields=["location", "id"], name="reservation_by_location"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("document_type", "document_id", "document_line", "sku", "location"),
                        name="one_reservation_per_document_line_and_balance",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("consumed__gte", 0), ("quantity__gte", 0), ("released__gte", 0)),
                        name="reservation_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref", models.CharField(max_length=100, verbose_name="reference")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("CART", "Cart"),
                            ("QUOTE", "Quote"),
                            ("KEEP", "Kept for a customer"),
                            ("CUSTOMER_ORDER", "Customer order"),
                        ],
                        default="CART",
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("owner_label", models.CharField(blank=True, max_length=100, verbose_name="kept for")),
                (
                    "owner_phone",
                    models.CharField(blank=True, db_default="", default="", max_length=30, verbose_name="phone"),
                ),
                ("priority", models.PositiveSmallIntegerField(db_default=50, default=50, verbose_name="priority")),
                ("expires_at", models.DateTimeField(verbose_name="expires at")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                (
                    "wanted",
                    models.JSONField(
                        help_text="Pairs of SKU and quantity, as asked for.", verbose_name="wanted pieces"
                    ),
                ),
                (
                    "kits",
                    models.JSONField(
                        db_default=[],
                        default=list,
                        help_text="Pairs of kit and number, of what was asked for.",
                        verbose_name="wanted kits",
                    ),
                ),
                (
                    "kit_parts",
                    models.JSONField(
                        db_default=[],
                        default=list,
                        help_text="Triples of kit, SKU and pieces in one kit, as they were kept.",
                        verbose_name="pieces of the kits",
                    ),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed at")),
                ("filled_at", models.DateTimeField(blank=True, null=True, verbose_name="all pieces there at")),
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
                "verbose_name": "hold",
                "verbose_name_plural": "holds",
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=["expires_at"],
                        name="open_hold_by_expiry",
                    ),
                    models.Index(
                        condition=models.Q(("closed_at__isnull", True), ("kind", "CUSTOMER_ORDER")),
                        fields=["priority", "id"],
                        name="open_customer_order",
                    ),
                    models.Index(erp.core.folding.Folded("ref"), name="hold_by_ref"),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("owner_label"), name="hold_by_owner_label"
                    ),
                    models.Index(
                        condition=models.Q(("kind", "CART"), _negated=True),
                        fields=["kind", "id"],
                        name="hold_beside_carts",
                    ),
                    models.Index(fields=["channel", "id"], name="hold_by_channel"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "ref"),
                        name="one_hold_per_channel_and_ref",
                        violation_error_message="This channel has a hold of this reference already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HoldLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line_no", models.PositiveIntegerField(verbose_name="line")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("expires_at", models.DateTimeField(verbose_name="expires at")),
                ("released_at", models.DateTimeField(blank=True, null=True, verbose_name="released at")),
                (
                    "hold",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="inventory.hold",
                        verbose_name="hold",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
            ],
            options={
                "verbose_name": "hold line",
                "verbose_name_plural": "hold lines",
                "indexes": [
                    models.Index(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=["sku", "location", "expires_at"],
                        name="open_hold_line_by_balance",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sku", "location", "hold", "line_no"), name="one_hold_line_per_balance_and_line"
                    ),
                    models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="hold_line_has_pieces"),
                ],
            },
        ),
        migrations.CreateModel(
            name="StandardCost",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "cost",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=4, max_digits=14, verbose_name="standard cost (excl. tax)"
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
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
                "verbose_name": "standard cost",
                "verbose_name_plural": "standard costs",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sku", "valid_from"),
                        name="one_standard_cost_per_sku_and_date",
                        violation_error_message="This SKU has a standard cost from this date already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cost__gte", 0)),
                        name="standard_cost_not_negative",
                        violation_error_message="A cost is not negative.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WriteDownRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("months", models.PositiveSmallIntegerField(verbose_name="months since the last receipt, at least")),
                ("percent", models.PositiveSmallIntegerField(verbose_name="percent of the cost that is left")),
                (
                    "category",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.category",
                        verbose_name="category",
                    ),
                ),
            ],
            options={
                "verbose_name": "write-down rule",
                "verbose_name_plural": "write-down rules",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("category", "months"),
                        name="one_write_down_rule_per_age",
                        nulls_distinct=False,
                        violation_error_message="There is a rule for this age already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("percent__lte", 100)),
                        name="write_down_leaves_a_share",
                        violation_error_message="A share lies between 0 and 100 percent.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WriteDownReview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("valued_on", models.DateField(verbose_name="valued on")),
                (
                    "reverses",
                    models.BooleanField(
                        default=False, verbose_name="taken back at the start of the next month (洗替法)"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("DRAFT", "Proposal"), ("POSTED", "Posted"), ("DISCARDED", "Discarded")],
                        default="DRAFT",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("made_by", models.CharField(max_length=100, verbose_name="proposed by")),
                ("made_at", models.DateTimeField(verbose_name="proposed at")),
                ("posted_by", models.CharField(blank=True, max_length=100, verbose_name="posted by")),
                ("posted_at", models.DateTimeField(blank=True, null=True, verbose_name="posted at")),
                ("document_id", models.BigIntegerField(blank=True, null=True, verbose_name="write-down document")),
                (
                    "reversal_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="document that took it back"),
                ),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                (
                    "cost_pool",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.costpool",
                        verbose_name="cost pool",
                    ),
                ),
            ],
            options={
                "verbose_name": "write-down proposal",
                "verbose_name_plural": "write-down proposals",
                "indexes": [
                    models.Index(
                        condition=models.Q(("reversal_id__isnull", True), ("reverses", True), ("state", "POSTED")),
                        fields=["valued_on"],
                        name="write_down_to_take_back",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("document_id__isnull", False), ("state", "POSTED")),
                            models.Q(models.Q(("state", "POSTED"), _negated=True), ("document_id__isnull", True)),
                            _connector="OR",
                        ),
                        name="posted_write_down_has_its_document",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reversal_id__isnull", True),
                            models.Q(("document_id__isnull", False), ("reverses", True)),
                            _connector="OR",
                        ),
                        name="only_a_posted_write_down_is_taken_back",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WriteDownLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("value", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="value")),
                (
                    "proposed_value",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="proposed value"),
                ),
                ("last_received_on", models.DateField(blank=True, null=True, verbose_name="last receipt")),
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
                    "review",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="inventory.writedownreview",
                        verbose_name="write-down proposal",
                    ),
                ),
            ],
            options={
                "verbose_name": "line of a write-down proposal",
                "verbose_name_plural": "lines of write-down proposals",
                "constraints": [
                    models.UniqueConstraint(fields=("review", "sku"), name="one_write_down_line_per_sku"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("quantity__gt", 0), ("proposed_value__gte", 0), ("proposed_value__lte", models.F("value"))
                        ),
                        name="write_down_lowers_a_value",
                        violation_error_message="The proposed value lies between nothing and the value there is.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReorderRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "lead_time_days",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="lead time (days)"),
                ),
                ("lot", models.PositiveIntegerField(default=1, verbose_name="order lot")),
                ("safety_stock", models.PositiveIntegerField(default=0, verbose_name="safety stock for ordering")),
                (
                    "reorder_point",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="reorder point, set by hand"),
                ),
                (
                    "cover_days",
                    models.PositiveSmallIntegerField(default=28, verbose_name="days of sales that an order covers"),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="bought again")),
                (
                    "location",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "reorder rule",
                "verbose_name_plural": "reorder rules",
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_active", False)), fields=["id"], name="reorder_rule_out_of_use"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sku", "location"),
                        name="one_reorder_rule_per_sku_and_place",
                        nulls_distinct=False,
                        violation_error_message="This SKU has a reorder rule for this place already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lot__gte", 1)),
                        name="order_lot_has_pieces",
                        violation_error_message="A lot has at least one piece.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Promise",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("document_type", models.CharField(max_length=20, verbose_name="document type")),
                ("document_id", models.BigIntegerField(verbose_name="document id")),
                ("document_line", models.BigIntegerField(verbose_name="document line")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("arrived", models.PositiveIntegerField(db_default=0, default=0, verbose_name="arrived")),
                ("priority", models.PositiveSmallIntegerField(default=50, verbose_name="priority")),
                ("promised_date", models.DateField(verbose_name="promised date")),
                ("promised_at", models.DateTimeField(verbose_name="promised at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
                (
                    "expected_receipt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="promises",
                        to="inventory.expectedreceipt",
                        verbose_name="expected receipt",
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
                "verbose_name": "promise of expected goods",
                "verbose_name_plural": "promises of expected goods",
                "indexes": [
                    models.Index(
                        condition=models.Q(("arrived__gt", 0)),
                        fields=["document_type", "id"],
                        name="promise_that_arrived",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("document_type", "document_id", "document_line", "sku", "expected_receipt"),
                        name="one_promise_per_document_line_and_receipt",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gt", 0), ("arrived__gt", 0), _connector="OR"),
                        name="promise_is_of_pieces",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockSnapshot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("after_seq", models.BigIntegerField(verbose_name="after number")),
                ("through_seq", models.BigIntegerField(verbose_name="through number")),
                ("begins_at", models.DateTimeField(verbose_name="happened from")),
                ("ends_at", models.DateTimeField(verbose_name="happened before")),
                ("movements", models.IntegerField(verbose_name="movements")),
                ("quantity", models.BigIntegerField(verbose_name="quantity")),
                ("value", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=18, verbose_name="value")),
                ("recorded_from", models.DateTimeField(verbose_name="first recorded")),
                ("recorded_until", models.DateTimeField(verbose_name="last recorded")),
                ("taken_at", models.DateTimeField(verbose_name="summed at")),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock snapshot",
                "verbose_name_plural": "stock snapshots",
                "indexes": [models.Index(fields=["location", "-id"], name="snapshot_by_location")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sku", "location", "through_seq", "begins_at"),
                        name="one_snapshot_per_balance_number_span",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("through_seq__gt", models.F("after_seq"))), name="snapshot_takes_numbers"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("begins_at"))), name="snapshot_spans_time"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=60, verbose_name="stocktake number")),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("WHOLE", "Everything at the location"),
                            ("PRODUCTS", "Some styles"),
                            ("SHELVES", "A range of shelves"),
                            ("SAMPLE", "A random sample"),
                            ("SKUS", "Some SKUs"),
                        ],
                        max_length=10,
                        verbose_name="what is counted",
                    ),
                ),
                ("asked", models.JSONField(blank=True, default=dict, verbose_name="details of the list")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PREPARING", "Preparing"),
                            ("COUNTING", "Counting"),
                            ("REVIEW", "Looking at differences"),
                            ("APPROVAL", "Waiting for approval"),
                            ("POSTING", "Being posted"),
                            ("POSTED", "Posted"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default="PREPARING",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "uncounted",
                    models.CharField(
                        blank=True,
                        choices=[("LEAVE", "Left as the books say"), ("ZERO", "Taken for gone")],
                        max_length=5,
                        verbose_name="what nobody counted",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("opened_by", models.CharField(max_length=100, verbose_name="opened by")),
                ("frozen_at", models.DateTimeField(blank=True, null=True, verbose_name="list frozen at")),
                ("started_by", models.CharField(blank=True, max_length=100, verbose_name="started by")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="counting ended at")),
                ("closed_by", models.CharField(blank=True, max_length=100, verbose_name="counting ended by")),
                ("requested_by", models.CharField(blank=True, max_length=100, verbose_name="posting asked for by")),
                ("needs_approval", models.BooleanField(default=False, verbose_name="needs approval")),
                ("approved_at", models.DateTimeField(blank=True, null=True, verbose_name="approved at")),
                ("approved_by", models.CharField(blank=True, max_length=100, verbose_name="approved by")),
                ("posted_at", models.DateTimeField(blank=True, null=True, verbose_name="posted at")),
                ("cancelled_at", models.DateTimeField(blank=True, null=True, verbose_name="cancelled at")),
                ("difference_pieces", models.PositiveIntegerField(default=0, verbose_name="pieces that differ")),
                (
                    "difference_value",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="value that differs"
                    ),
                ),
                ("chunks", models.PositiveIntegerField(default=0, verbose_name="documents posted")),
                (
                    "compared_to",
                    models.BigIntegerField(blank=True, editable=False, null=True, verbose_name="compared up to"),
                ),
                (
                    "compared_entry",
                    models.BigIntegerField(default=0, editable=False, verbose_name="last entry when compared"),
                ),
                (
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
            ],
            options={
                "verbose_name": "stocktake",
                "verbose_name_plural": "stocktakes",
                "permissions": [("approve_count", "Can approve differences of a stocktake and losses on the road")],
                "indexes": [
                    models.Index(fields=["state", "location"], name="stocktake_by_state"),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("external_id"), name="stocktake_by_number"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("external_id",),
                        name="one_stocktake_per_number",
                        violation_error_message="There is a stocktake with this number already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("approved_by", ""),
                            models.Q(
                                models.Q(("approved_by", models.F("requested_by")), _negated=True),
                                models.Q(("approved_by", models.F("started_by")), _negated=True),
                                models.Q(("approved_by", models.F("closed_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="stocktake_approved_by_another",
                        violation_error_message="Whoever started, ended or asks for a stocktake does not approve it.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["POSTING", "POSTED"]), _negated=True),
                            ("needs_approval", False),
                            models.Q(("approved_by", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="stocktake_posted_when_approved",
                        violation_error_message="This stocktake waits for its approval.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["PREPARING", "CANCELLED"]), ("frozen_at__isnull", False), _connector="OR"
                        ),
                        name="stocktake_counted_when_frozen",
                        violation_error_message="The list of this stocktake is not frozen yet.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockCountLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_listed", models.BooleanField(default=True, verbose_name="on the list")),
                ("shelf", models.CharField(blank=True, max_length=30, verbose_name="shelf")),
                ("frozen_on_hand", models.IntegerField(default=0, verbose_name="on hand when frozen")),
                ("frozen_seq", models.BigIntegerField(default=0, verbose_name="movements when frozen")),
                ("entries", models.PositiveIntegerField(default=0, verbose_name="times counted")),
                ("counted", models.PositiveIntegerField(blank=True, null=True, verbose_name="counted")),
                ("counted_at", models.DateTimeField(blank=True, null=True, verbose_name="counted at")),
                ("book", models.IntegerField(blank=True, null=True, verbose_name="books at that moment")),
                ("difference", models.IntegerField(blank=True, null=True, verbose_name="difference")),
                (
                    "value",
                    erp.core.fields.FiniteDecimalField(
                        blank=True, decimal_places=2, max_digits=16, null=True, verbose_name="value of the difference"
                    ),
                ),
                ("has_moved", models.BooleanField(default=False, verbose_name="moved between its counts")),
                ("is_superseded", models.BooleanField(default=False, verbose_name="counted again elsewhere since")),
                ("posted_difference", models.IntegerField(blank=True, null=True, verbose_name="posted difference")),
                ("posted_at", models.DateTimeField(blank=True, null=True, verbose_name="posted at")),
                (
                    "count",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="inventory.stockcount",
                        verbose_name="stocktake",
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
                    "document",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.stockdocument",
                        verbose_name="stock document",
                    ),
                ),
            ],
            options={
                "verbose_name": "line of a stocktake",
                "verbose_name_plural": "lines of stocktakes",
                "constraints": [
                    models.UniqueConstraint(fields=("count", "sku"), name="one_line_per_stocktake_and_sku"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("posted_at__isnull", True),
                            models.Q(
                                ("counted__isnull", False),
                                ("document__isnull", False),
                                ("posted_difference__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="posted_line_was_counted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StockCountEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sheet", models.CharField(max_length=40, verbose_name="counting sheet")),
                (
                    "kind",
                    models.CharField(
                        choices=[("ADD", "Counted"), ("RECOUNT", "Counted again from nothing")],
                        default="ADD",
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[("SCAN", "Scanned"), ("TYPED", "Typed"), ("FILE", "From a file")],
                        default="SCAN",
                        max_length=5,
                        verbose_name="entered by",
                    ),
                ),
                ("quantity", models.IntegerField(verbose_name="pieces")),
                ("counted_at", models.DateTimeField(verbose_name="counted at")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("key", models.CharField(max_length=60, verbose_name="key of the entry")),
                (
                    "count",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.stockcount",
                        verbose_name="stocktake",
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
                "verbose_name": "entry of a stocktake",
                "verbose_name_plural": "entries of stocktakes",
                "indexes": [
                    models.Index(fields=["count", "sku"], name="count_entry_by_sku"),
                    models.Index(fields=["count", "sheet", "id"], name="count_entry_by_sheet"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("count", "key"), name="one_entry_per_stocktake_and_key"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "RECOUNT"), _negated=True), ("quantity__gte", 0), _connector="OR"
                        ),
                        name="recount_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CountRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("counted", models.PositiveIntegerField(verbose_name="counted")),
                ("book", models.IntegerField(verbose_name="books at that moment")),
                ("counted_at", models.DateTimeField(verbose_name="counted at")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.stockdocument",
                        verbose_name="stock document",
                    ),
                ),
            ],
            options={
                "verbose_name": "count on record",
                "verbose_name_plural": "counts on record",
                "indexes": [models.Index(fields=["sku", "location", "counted_at"], name="count_record_by_moment")],
                "constraints": [
                    models.UniqueConstraint(fields=("document", "sku"), name="one_record_per_count_and_sku")
                ],
            },
        ),
        migrations.CreateModel(
            name="DistributionPattern",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, unique=True, verbose_name="name")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "distribution pattern",
                "verbose_name_plural": "distribution patterns",
            },
        ),
        migrations.CreateModel(
            name="PatternShare",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("weight", models.PositiveIntegerField(verbose_name="weight")),
                (
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "pattern",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to="inventory.distributionpattern",
                        verbose_name="distribution pattern",
                    ),
                ),
            ],
            options={
                "verbose_name": "share of a pattern",
                "verbose_name_plural": "shares of a pattern",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("pattern", "location"),
                        name="one_share_per_pattern_and_location",
                        violation_error_message="This location is in the pattern already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("weight__gte", 1)),
                        name="share_has_weight",
                        violation_error_message="A weight is at least 1.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Distribution",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=60, verbose_name="distribution number")),
                ("purchase", models.CharField(blank=True, max_length=60, verbose_name="expected delivery")),
                ("asked", models.JSONField(blank=True, default=dict, verbose_name="SKUs and destinations")),
                (
                    "state",
                    models.CharField(
                        choices=[("DRAFT", "Draft"), ("CONFIRMED", "Confirmed"), ("UNDONE", "Undone")],
                        default="DRAFT",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("created_by", models.CharField(max_length=100, verbose_name="created by")),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="confirmed at")),
                ("confirmed_by", models.CharField(blank=True, max_length=100, verbose_name="confirmed by")),
                ("undone_at", models.DateTimeField(blank=True, null=True, verbose_name="undone at")),
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
                "verbose_name": "distribution",
                "verbose_name_plural": "distributions",
                "permissions": [("distribute_stock", "Can distribute stock among locations")],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("external_id"), name="distribution_by_number"
                    ),
                    models.Index(fields=["state", "-id"], name="distribution_by_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("external_id",),
                        name="one_distribution_per_number",
                        violation_error_message="There is a distribution with this number already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DistributionLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="pieces")),
                (
                    "distribution",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="inventory.distribution",
                        verbose_name="distribution",
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
                    "location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
            ],
            options={
                "verbose_name": "line of a distribution",
                "verbose_name_plural": "lines of distributions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("distribution", "sku", "location"), name="one_line_per_sku_and_destination"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TransferOrder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=80, verbose_name="transfer number")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("REQUESTED", "To be shipped"),
                            ("SHIPPED", "On the road"),
                            ("DONE", "Done"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default="REQUESTED",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("requested_at", models.DateTimeField(verbose_name="asked for at")),
                ("requested_by", models.CharField(max_length=100, verbose_name="asked for by")),
                ("shipped_at", models.DateTimeField(blank=True, null=True, verbose_name="left at")),
                ("shipped_by", models.CharField(blank=True, max_length=100, verbose_name="shipped by")),
                ("received_at", models.DateTimeField(blank=True, null=True, verbose_name="arrived at")),
                ("received_by", models.CharField(blank=True, max_length=100, verbose_name="received by")),
                ("reported_at", models.DateTimeField(blank=True, null=True, verbose_name="missing reported at")),
                ("reported_by", models.CharField(blank=True, max_length=100, verbose_name="missing reported by")),
                ("loss_approved_by", models.CharField(blank=True, max_length=100, verbose_name="loss approved by")),
                (
                    "distribution",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="inventory.distribution",
                        verbose_name="distribution",
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.stockdocument",
                        verbose_name="stock document",
                    ),
                ),
                (
                    "from_location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="moved from",
                    ),
                ),
                (
                    "to_location",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="moved to",
                    ),
                ),
            ],
            options={
                "verbose_name": "transfer order",
                "verbose_name_plural": "transfer orders",
                "indexes": [
                    models.Index(fields=["state", "to_location"], name="transfer_order_by_state"),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("external_id"), name="transfer_order_by_number"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("external_id",),
                        name="one_transfer_order_per_number",
                        violation_error_message="There is a transfer with this number already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_location", models.F("to_location")), _negated=True),
                        name="transfer_goes_elsewhere",
                        violation_error_message="The pieces are there already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("loss_approved_by", ""),
                            models.Q(
                                models.Q(("loss_approved_by", models.F("reported_by")), _negated=True),
                                models.Q(("loss_approved_by", models.F("received_by")), _negated=True),
                                models.Q(("loss_approved_by", models.F("shipped_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="loss_approved_by_another",
                        violation_error_message="Whoever shipped, received or reported it does not approve the loss.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TransferOrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="asked for")),
                ("shipped", models.PositiveIntegerField(default=0, verbose_name="shipped")),
                ("received", models.PositiveIntegerField(default=0, verbose_name="arrived")),
                ("lost", models.PositiveIntegerField(default=0, verbose_name="lost")),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="inventory.transferorder",
                        verbose_name="transfer order",
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
                "verbose_name": "line of a transfer order",
                "verbose_name_plural": "lines of transfer orders",
                "constraints": [
                    models.UniqueConstraint(fields=("order", "sku"), name="one_line_per_transfer_order_and_sku"),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 1), ("shipped__lte", models.F("quantity"))),
                        name="not_more_shipped_than_asked",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "shipped__gte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("received"), "+", models.F("lost")
                                ),
                            )
                        ),
                        name="not_more_arrived_than_shipped",
                    ),
                ],
            },
        ),
    ]
