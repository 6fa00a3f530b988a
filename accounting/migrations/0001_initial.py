import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import erp.core.fields
import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="LedgerAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=10, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=50, verbose_name="name")),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("ASSET", "Asset"),
                            ("LIABILITY", "Liability"),
                            ("EQUITY", "Equity"),
                            ("REVENUE", "Revenue"),
                            ("EXPENSE", "Expense"),
                        ],
                        max_length=10,
                        verbose_name="type",
                    ),
                ),
                (
                    "normal_side",
                    models.CharField(
                        choices=[("DEBIT", "Debit"), ("CREDIT", "Credit")], max_length=6, verbose_name="normal side"
                    ),
                ),
                (
                    "control",
                    models.CharField(
                        choices=[
                            ("NONE", "Free"),
                            ("OPEN_ITEM", "Controlled by open items"),
                            ("STOCK", "Controlled by stock"),
                        ],
                        default="NONE",
                        max_length=10,
                        verbose_name="control",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "ledger account",
                "verbose_name_plural": "chart of accounts",
            },
        ),
        migrations.CreateModel(
            name="AccountRole",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("role", models.CharField(max_length=40, unique=True, verbose_name="role")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="roles",
                        to="accounting.ledgeraccount",
                        verbose_name="ledger account",
                    ),
                ),
            ],
            options={
                "verbose_name": "account assignment",
                "verbose_name_plural": "account assignments",
            },
        ),
        migrations.CreateModel(
            name="Counterparty",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=30, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("PAYMENT_PROVIDER", "Payment provider"),
                            ("CARRIER", "Carrier (cash on delivery)"),
                            ("MALL", "Mall"),
                            ("DEFERRED_PAYMENT", "Deferred-payment company"),
                            ("COLLECTION_AGENT", "Collection agent (convenience stores)"),
                            ("FUNDER", "Funder of coupons and points"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "fee_tax",
                    models.CharField(
                        choices=[("TAXED", "Fee is taxable"), ("EXEMPT", "Fee is exempt")],
                        default="TAXED",
                        max_length=10,
                        verbose_name="tax on its fee",
                    ),
                ),
                (
                    "registration_number",
                    models.CharField(blank=True, max_length=14, verbose_name="registration number (T + 13 digits)"),
                ),
            ],
            options={
                "verbose_name": "counterparty",
                "verbose_name_plural": "counterparties",
            },
        ),
        migrations.CreateModel(
            name="PaymentRoute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("method", models.CharField(max_length=20, verbose_name="payment method")),
                ("provider", models.CharField(blank=True, max_length=50, verbose_name="provider")),
                ("role", models.CharField(max_length=40, verbose_name="role")),
                ("must_be_paid_first", models.BooleanField(default=False, verbose_name="paid before shipment")),
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
                    "counterparty",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounting.counterparty",
                        verbose_name="counterparty",
                    ),
                ),
            ],
            options={
                "verbose_name": "payment route",
                "verbose_name_plural": "payment routes",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "method", "provider"),
                        name="one_payment_route",
                        nulls_distinct=False,
                        violation_error_message="This payment method has a route already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="JournalEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=20, unique=True, verbose_name="number")),
                (
                    "kind",
                    models.CharField(
                        choices=[("AUTOMATIC", "Automatic"), ("MANUAL", "Manual voucher"), ("REVERSAL", "Reversal")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("entry_date", models.DateField(verbose_name="entry date")),
                ("description", models.CharField(blank=True, max_length=200, verbose_name="description")),
                ("source_type", models.CharField(max_length=20, verbose_name="source document")),
                ("source_id", models.BigIntegerField(verbose_name="source id")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("created_xid", erp.core.fields.Xid8Field(db_default=erp.core.fields.CurrentXid(), editable=False)),
                (
                    "reversal_of",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversed_by",
                        to="accounting.journalentry",
                        verbose_name="reversal of",
                    ),
                ),
            ],
            options={
                "verbose_name": "journal entry",
                "verbose_name_plural": "journal entries",
                "indexes": [
                    models.Index(fields=["entry_date", "id"], name="entry_by_date"),
                    models.Index(fields=["source_type", "source_id"], name="entry_by_source"),
                    models.Index(fields=["created_xid"], name="entry_by_xid"),
                    models.Index(
                        condition=models.Q(("kind", "AUTOMATIC"), _negated=True),
                        fields=["kind", "id"],
                        name="entry_made_by_hand",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("description"), name="entry_by_description"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OpenItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "side",
                    models.CharField(
                        choices=[("DEBIT", "Debit"), ("CREDIT", "Credit")], max_length=6, verbose_name="side"
                    ),
                ),
                (
                    "party_kind",
                    models.CharField(
                        choices=[
                            ("BILL_TO", "Bill-to"),
                            ("COUNTERPARTY", "Payment provider, carrier, mall or agent"),
                            ("SUPPLIER", "Supplier"),
                            ("CUSTOMER", "Customer"),
                        ],
                        max_length=15,
                        verbose_name="party kind",
                    ),
                ),
                ("party_id", models.BigIntegerField(verbose_name="party id")),
                ("party_label", models.CharField(max_length=150, verbose_name="party")),
                ("document_type", models.CharField(max_length=20, verbose_name="document type")),
                ("document_id", models.BigIntegerField(verbose_name="document id")),
                ("document_label", models.CharField(blank=True, max_length=100, verbose_name="document")),
                ("item_date", models.DateField(verbose_name="date")),
                ("due_date", models.DateField(blank=True, null=True, verbose_name="due date")),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                ("amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="amount")),
                (
                    "settled_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="settled"
                    ),
                ),
                (
                    "remaining_amount",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.expressions.CombinedExpression(
                            models.F("amount"), "-", models.F("settled_amount")
                        ),
                        output_field=models.DecimalField(decimal_places=2, max_digits=16),
                        verbose_name="remaining",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounting.ledgeraccount",
                        verbose_name="ledger account",
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
                "verbose_name": "open item",
                "verbose_name_plural": "open items",
                "indexes": [
                    models.Index(fields=["document_type", "document_id"], name="open_item_by_document"),
                    models.Index(
                        condition=models.Q(("settled_amount", models.F("amount")), _negated=True),
                        fields=["party_kind", "party_id", "due_date"],
                        name="open_item_by_party",
                    ),
                    models.Index(
                        condition=models.Q(("settled_amount", models.F("amount")), _negated=True),
                        fields=["due_date"],
                        name="open_item_by_due_date",
                    ),
                    models.Index(
                        erp.core.folding.Folded("document_label"),
                        condition=models.Q(("document_label__gt", "")),
                        name="open_item_by_label",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("party_label"), name="open_item_by_party_label"
                    ),
                    models.Index(
                        condition=models.Q(("settled_amount", models.F("amount")), _negated=True),
                        fields=["id"],
                        name="open_item_still_open",
                    ),
                    models.Index(fields=["party_kind", "id"], name="open_item_by_kind_of_party"),
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="open_item_has_an_amount"),
                    models.CheckConstraint(
                        condition=models.Q(("settled_amount__gte", 0), ("settled_amount__lte", models.F("amount"))),
                        name="open_item_not_oversettled",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line_no", models.PositiveIntegerField(verbose_name="line")),
                ("entry_date", models.DateField(verbose_name="entry date")),
                (
                    "side",
                    models.CharField(
                        choices=[("DEBIT", "Debit"), ("CREDIT", "Credit")], max_length=6, verbose_name="side"
                    ),
                ),
                ("amount", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="amount")),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                (
                    "party_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("BILL_TO", "Bill-to"),
                            ("COUNTERPARTY", "Payment provider, carrier, mall or agent"),
                            ("SUPPLIER", "Supplier"),
                            ("CUSTOMER", "Customer"),
                        ],
                        max_length=15,
                        verbose_name="party kind",
                    ),
                ),
                ("party_id", models.BigIntegerField(blank=True, null=True, verbose_name="party id")),
                ("tax_code", models.CharField(blank=True, max_length=20, verbose_name="tax code")),
                ("source_line", models.BigIntegerField(blank=True, null=True, verbose_name="source line")),
                ("description", models.CharField(blank=True, max_length=200, verbose_name="description")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="postings",
                        to="accounting.ledgeraccount",
                        verbose_name="ledger account",
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
                (
                    "department",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.department",
                        verbose_name="department",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="postings",
                        to="accounting.journalentry",
                        verbose_name="entry",
                    ),
                ),
                (
                    "open_item",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="postings",
                        to="accounting.openitem",
                        verbose_name="open item",
                    ),
                ),
            ],
            options={
                "verbose_name": "posting",
                "verbose_name_plural": "postings",
                "indexes": [
                    models.Index(fields=["account", "entry_date", "id"], name="posting_by_account"),
                    django.contrib.postgres.indexes.BrinIndex(fields=["entry_date"], name="posting_by_date"),
                    models.Index(
                        condition=models.Q(("party_id__isnull", False)),
                        fields=["party_kind", "party_id", "entry_date", "id"],
                        name="posting_by_party",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("entry", "line_no"), name="one_posting_per_entry_and_line"),
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="posting_has_an_amount"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExportTaxLabel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("format", models.CharField(choices=[("YAYOI", "Yayoi (弥生)")], max_length=10, verbose_name="format")),
                ("tax_code", models.CharField(max_length=20, verbose_name="tax code")),
                (
                    "direction",
                    models.CharField(
                        choices=[("SALE", "Sale"), ("PURCHASE", "Purchase")], max_length=10, verbose_name="direction"
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("label", models.CharField(max_length=50, verbose_name="label")),
            ],
            options={
                "verbose_name": "tax label for export",
                "verbose_name_plural": "tax labels for export",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("format", "tax_code", "direction", "valid_from"),
                        name="one_tax_label_per_code_and_start",
                        violation_error_message="This tax code has a label from this date already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ExportRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("format", models.CharField(choices=[("YAYOI", "Yayoi (弥生)")], max_length=10, verbose_name="format")),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("PERPETUAL", "Cost of sales with each sale (売上原価対立法)"),
                            ("THREE_PART", "Purchases and stock at closing (三分法)"),
                        ],
                        default="PERPETUAL",
                        max_length=10,
                        verbose_name="method for goods",
                    ),
                ),
                ("has_closing", models.BooleanField(default=False, verbose_name="with stock at closing")),
                ("first_date", models.DateField(verbose_name="from")),
                ("last_date", models.DateField(verbose_name="to")),
                (
                    "scope",
                    models.CharField(
                        choices=[("ALL", "All entries of the dates"), ("NEW_ONLY", "Only entries not exported before")],
                        max_length=10,
                        verbose_name="scope",
                    ),
                ),
                ("entry_count", models.PositiveIntegerField(verbose_name="entries")),
                ("sha256", models.CharField(max_length=64, verbose_name="SHA-256 of the file")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
            ],
            options={
                "verbose_name": "export",
                "verbose_name_plural": "exports",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last_date__gte", models.F("first_date"))),
                        name="export_ends_after_it_starts",
                        violation_error_message="It ends before it starts.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("has_closing", False),
                            models.Q(("method", "THREE_PART"), ("scope", "ALL")),
                            _connector="OR",
                        ),
                        name="stock_at_closing_needs_a_whole_three_part_export",
                        violation_error_message="Stock at closing goes with all entries of the dates, in 三分法.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExportedEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="accounting.exportrun",
                        verbose_name="export",
                    ),
                ),
                (
                    "entry",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exports",
                        to="accounting.journalentry",
                        verbose_name="entry",
                    ),
                ),
            ],
            options={
                "verbose_name": "exported entry",
                "verbose_name_plural": "exported entries",
                "constraints": [models.UniqueConstraint(fields=("run", "entry"), name="one_exported_entry_per_run")],
            },
        ),
        migrations.CreateModel(
            name="Period",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_on", models.DateField(unique=True, verbose_name="starts on")),
                ("ends_on", models.DateField(unique=True, verbose_name="ends on")),
                (
                    "state",
                    models.CharField(
                        choices=[("OPEN", "Open"), ("CLOSED", "Closed")],
                        default="OPEN",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed at")),
                ("closed_by", models.CharField(blank=True, max_length=100, verbose_name="closed by")),
            ],
            options={
                "verbose_name": "accounting period",
                "verbose_name_plural": "accounting periods",
                "permissions": [("reopen_period", "Can reopen a closed accounting period")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_on__gte", models.F("starts_on"))), name="period_ends_after_it_starts"
                    ),
                    django.contrib.postgres.constraints.ExclusionConstraint(
                        expressions=[
                            (
                                models.Func(
                                    "starts_on",
                                    django.db.models.functions.comparison.Greatest(
                                        "starts_on",
                                        django.db.models.functions.comparison.Coalesce(
                                            "ends_on",
                                            django.db.models.functions.comparison.Cast(
                                                models.Value("infinity"), models.DateField()
                                            ),
                                        ),
                                    ),
                                    models.Value("[]"),
                                    function="daterange",
                                    output_field=django.contrib.postgres.fields.ranges.DateRangeField(),
                                ),
                                "&&",
                            )
                        ],
                        name="periods_do_not_overlap",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PeriodTotal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3, verbose_name="currency")),
                ("debit", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=18, verbose_name="debit")),
                ("credit", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=18, verbose_name="credit")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounting.ledgeraccount",
                        verbose_name="ledger account",
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
                (
                    "department",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.department",
                        verbose_name="department",
                    ),
                ),
                (
                    "period",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="totals",
                        to="accounting.period",
                        verbose_name="period",
                    ),
                ),
            ],
            options={
                "verbose_name": "period total",
                "verbose_name_plural": "period totals",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("period", "account", "channel", "department", "currency"),
                        name="one_total_per_period_and_dimension",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_xid", models.BigIntegerField(unique=True, verbose_name="from transaction")),
                ("until_xid", models.BigIntegerField(unique=True, verbose_name="until transaction")),
                ("first_entry_id", models.BigIntegerField(verbose_name="first entry")),
                ("last_entry_id", models.BigIntegerField(verbose_name="last entry")),
                ("entry_count", models.PositiveIntegerField(verbose_name="entries")),
                ("previous_hash", models.CharField(max_length=64, verbose_name="previous hash")),
                ("hash", models.CharField(max_length=64, verbose_name="hash")),
                ("sealed_at", models.DateTimeField(verbose_name="sealed at")),
            ],
            options={
                "verbose_name": "seal",
                "verbose_name_plural": "seals",
            },
        ),
        migrations.CreateModel(
            name="BillableItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("GOODS", "Goods"), ("FEE", "Fee"), ("DISCOUNT", "Discount"), ("RETURN", "Return")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("bill_to_id", models.BigIntegerField(blank=True, null=True, verbose_name="bill-to")),
                ("account_id", models.BigIntegerField(blank=True, null=True, verbose_name="account")),
                ("addressee", models.CharField(blank=True, max_length=150, verbose_name="addressee")),
                ("document_type", models.CharField(max_length=20, verbose_name="document type")),
                ("document_id", models.BigIntegerField(verbose_name="document id")),
                ("document_line", models.BigIntegerField(verbose_name="document line")),
                ("document_number", models.CharField(max_length=40, verbose_name="document number")),
                ("order_number", models.CharField(blank=True, max_length=40, verbose_name="order number")),
                (
                    "customer_po_number",
                    models.CharField(blank=True, max_length=60, verbose_name="customer's order number"),
                ),
                ("original_date", models.DateField(blank=True, null=True, verbose_name="date of the original sale")),
                ("transaction_date", models.DateField(verbose_name="date of transaction")),
                ("ship_to_name", models.CharField(blank=True, max_length=150, verbose_name="ship-to")),
                ("item_code", models.CharField(blank=True, max_length=60, verbose_name="item code")),
                ("description", models.CharField(max_length=300, verbose_name="description")),
                ("quantity", models.IntegerField(verbose_name="quantity")),
                (
                    "unit_price",
                    erp.core.fields.FiniteDecimalField(decimal_places=4, max_digits=14, verbose_name="unit price"),
                ),
                ("tax_included", models.BooleanField(verbose_name="price includes tax")),
                ("tax_code", models.CharField(max_length=20, verbose_name="tax code")),
                (
                    "tax_percent",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=5, verbose_name="tax rate (%)"),
                ),
                ("is_reduced", models.BooleanField(default=False, verbose_name="reduced rate")),
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
                "verbose_name": "billable item",
                "verbose_name_plural": "billable items",
                "indexes": [
                    models.Index(fields=["document_type", "document_id"], name="billable_by_document"),
                    models.Index(fields=["bill_to_id", "transaction_date"], name="billable_by_bill_to"),
                    models.Index(fields=["document_number"], name="billable_by_number"),
                    models.Index(
                        condition=models.Q(("order_number__gt", "")), fields=["order_number"], name="billable_by_order"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("addressee"), name="billable_by_addressee"
                    ),
                    models.Index(
                        condition=models.Q(("kind", "GOODS"), _negated=True),
                        fields=["kind", "id"],
                        name="billable_beside_goods",
                    ),
                    django.contrib.postgres.indexes.BrinIndex(fields=["transaction_date"], name="billable_by_date"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "gross_amount",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("net_amount"), "+", models.F("tax_amount")
                                ),
                            )
                        ),
                        name="billable_net_and_tax_make_gross",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Settlement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("PAYOUT", "Payout of a provider, carrier or mall"),
                            ("RECEIPT", "Receipt from a customer"),
                            ("SUPPLIER_PAYMENT", "Payment to a supplier"),
                            ("REFUND", "Refund to a customer"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "party_kind",
                    models.CharField(
                        choices=[
                            ("BILL_TO", "Bill-to"),
                            ("COUNTERPARTY", "Payment provider, carrier, mall or agent"),
                            ("SUPPLIER", "Supplier"),
                            ("CUSTOMER", "Customer"),
                        ],
                        max_length=15,
                        verbose_name="party kind",
                    ),
                ),
                ("party_id", models.BigIntegerField(verbose_name="party id")),
                ("party_label", models.CharField(max_length=150, verbose_name="party")),
                ("external_id", models.CharField(max_length=100, verbose_name="reference")),
                ("settled_on", models.DateField(verbose_name="date")),
                (
                    "bank_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, max_digits=16, verbose_name="amount through the bank"
                    ),
                ),
                (
                    "fee_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="fee (tax included)"
                    ),
                ),
                (
                    "promotion_amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="promotion deducted"
                    ),
                ),
                (
                    "settled_amount",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="settled"),
                ),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
            ],
            options={
                "verbose_name": "settlement",
                "verbose_name_plural": "settlements",
                "indexes": [
                    models.Index(erp.core.folding.Folded("external_id"), name="settlement_by_reference"),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("party_label"), name="settlement_by_party_label"
                    ),
                    models.Index(fields=["settled_on", "id"], name="settlement_by_date"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "party_kind", "party_id", "external_id"), name="one_settlement_per_reference"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bank_amount__gte", 0), ("fee_amount__gte", 0), ("promotion_amount__gte", 0)
                        ),
                        name="settlement_amounts_not_negative",
                    ),
                ],
            },
        ),
    ]
