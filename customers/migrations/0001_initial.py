import django.contrib.postgres.indexes
import django.db.models.deletion
import erp.core.fields
import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0001_initial"),
        ("core", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="GoldenCustomer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("display_name", models.CharField(blank=True, max_length=150, verbose_name="display name")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
            ],
            options={
                "verbose_name": "golden customer",
                "verbose_name_plural": "golden customers",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("display_name"), name="golden_customer_by_name"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomerRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("PERSON", "Person"), ("COMPANY", "Company")],
                        default="PERSON",
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("company", models.CharField(blank=True, max_length=100, verbose_name="company")),
                ("department", models.CharField(blank=True, max_length=100, verbose_name="department")),
                ("family_name", models.CharField(blank=True, max_length=100, verbose_name="family name")),
                ("given_name", models.CharField(blank=True, max_length=100, verbose_name="given name")),
                ("family_kana", models.CharField(blank=True, max_length=100, verbose_name="family name (kana)")),
                ("given_kana", models.CharField(blank=True, max_length=100, verbose_name="given name (kana)")),
                ("email", models.CharField(blank=True, max_length=254, verbose_name="e-mail")),
                ("email_is_relay", models.BooleanField(default=False, verbose_name="e-mail is a relay address")),
                ("phone", models.CharField(blank=True, max_length=30, verbose_name="phone")),
                ("country", models.CharField(default="JP", max_length=2, verbose_name="country")),
                ("postal_code", models.CharField(blank=True, max_length=10, verbose_name="postal code")),
                ("prefecture", models.CharField(blank=True, max_length=20, verbose_name="prefecture")),
                ("city", models.CharField(blank=True, max_length=100, verbose_name="city")),
                ("street", models.CharField(blank=True, max_length=200, verbose_name="street")),
                ("building", models.CharField(blank=True, max_length=200, verbose_name="building")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "source_updated_at",
                    models.DateTimeField(
                        help_text="The time the source spoke; older news never overwrites newer.", verbose_name="as of"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
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
                    "golden",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="records",
                        to="customers.goldencustomer",
                        verbose_name="golden customer",
                    ),
                ),
            ],
            options={
                "verbose_name": "customer record",
                "verbose_name_plural": "customer records",
                "indexes": [
                    models.Index(fields=["phone"], name="customer_by_phone"),
                    models.Index(fields=["email"], name="customer_by_email"),
                    models.Index(fields=["family_kana", "given_kana"], name="customer_by_kana"),
                    models.Index(
                        condition=models.Q(("kind", "COMPANY")), fields=["id"], name="customer_that_is_a_company"
                    ),
                    models.Index(
                        erp.core.folding.Digits("phone"),
                        condition=models.Q(("phone__gt", "")),
                        name="customer_by_digits",
                    ),
                    models.Index(
                        erp.core.folding.Folded("email"),
                        condition=models.Q(("email__gt", "")),
                        name="customer_by_folded_email",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("family_name", "given_name"),
                        erp.core.folding.Pairs("family_kana", "given_kana"),
                        erp.core.folding.Pairs("company"),
                        name="customer_by_name",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChannelIdentity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=100, verbose_name="external id")),
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
                    "record",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="identities",
                        to="customers.customerrecord",
                        verbose_name="customer record",
                    ),
                ),
            ],
            options={
                "verbose_name": "channel identity",
                "verbose_name_plural": "channel identities",
                "indexes": [models.Index(erp.core.folding.Folded("external_id"), name="identity_by_external_id")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "external_id"), name="one_identity_per_channel_and_external_id"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "policy",
                    models.CharField(
                        choices=[("NONE", "No check"), ("WARN", "Warn"), ("HOLD", "Hold the order")],
                        default="HOLD",
                        max_length=10,
                        verbose_name="policy",
                    ),
                ),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                (
                    "credit_limit",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=0, default=0, max_digits=14, verbose_name="credit limit"
                    ),
                ),
                (
                    "temporary_limit",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=0, default=0, max_digits=14, verbose_name="temporary addition"
                    ),
                ),
                (
                    "temporary_limit_until",
                    models.DateField(blank=True, null=True, verbose_name="temporary addition until"),
                ),
                ("limit_valid_until", models.DateField(blank=True, null=True, verbose_name="limit valid until")),
                ("warning_percent", models.PositiveSmallIntegerField(default=90, verbose_name="warning line (%)")),
                ("is_frozen", models.BooleanField(default=False, verbose_name="frozen")),
                (
                    "exposure",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=0, default=0, editable=False, max_digits=14, verbose_name="exposure"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False, verbose_name="version")),
            ],
            options={
                "verbose_name": "credit group",
                "verbose_name_plural": "credit groups",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("temporary_limit", 0), ("temporary_limit_until__isnull", False), _connector="OR"
                        ),
                        name="temporary_limit_has_an_end",
                        violation_error_message="A temporary addition to the credit limit needs its last day.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("credit_limit__gte", 0), ("temporary_limit__gte", 0)),
                        name="credit_limits_not_negative",
                        violation_error_message="A credit limit is not negative.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExposureEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("OPEN_ORDER", "Open orders"),
                            ("UNBILLED", "Shipped, not billed"),
                            ("RECEIVABLE", "Receivables"),
                            ("DEPOSIT", "Deposits"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("amount", erp.core.fields.FiniteDecimalField(decimal_places=0, max_digits=14, verbose_name="amount")),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                ("document_type", models.CharField(max_length=20, verbose_name="document type")),
                ("document_id", models.BigIntegerField(verbose_name="document id")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "credit_group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="customers.creditgroup",
                        verbose_name="credit group",
                    ),
                ),
            ],
            options={
                "verbose_name": "exposure entry",
                "verbose_name_plural": "exposure ledger",
                "indexes": [
                    models.Index(fields=["credit_group", "id"], name="exposure_by_group"),
                    models.Index(fields=["kind", "-id"], name="exposure_by_kind"),
                    models.Index(fields=["document_type", "document_id"], name="exposure_by_document"),
                ],
            },
        ),
        migrations.CreateModel(
            name="BillTo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("kana", models.CharField(blank=True, max_length=100, verbose_name="kana")),
                ("postal_code", models.CharField(blank=True, max_length=10, verbose_name="postal code")),
                ("address", models.CharField(blank=True, max_length=300, verbose_name="address")),
                ("corporate_number", models.CharField(blank=True, max_length=13, verbose_name="corporate number")),
                (
                    "closing_day",
                    models.PositiveSmallIntegerField(default=31, verbose_name="closing day (31 = end of month)"),
                ),
                (
                    "payment_month_offset",
                    models.PositiveSmallIntegerField(default=1, verbose_name="payment month offset"),
                ),
                (
                    "payment_day",
                    models.PositiveSmallIntegerField(default=31, verbose_name="payment day (31 = end of month)"),
                ),
                (
                    "holiday_rule",
                    models.CharField(
                        choices=[
                            ("PREVIOUS", "Previous business day"),
                            ("NEXT", "Next business day"),
                            ("SAME", "Same day"),
                        ],
                        default="NEXT",
                        max_length=10,
                        verbose_name="when the bank is closed",
                    ),
                ),
                (
                    "tax_unit",
                    models.CharField(
                        choices=[("INVOICE", "Once per closing invoice"), ("DELIVERY_NOTE", "Per delivery note")],
                        default="INVOICE",
                        max_length=15,
                        verbose_name="tax unit",
                    ),
                ),
                (
                    "tax_rounding",
                    models.CharField(
                        choices=[("DOWN", "Round down"), ("HALF_UP", "Round half up"), ("UP", "Round up")],
                        default="DOWN",
                        max_length=10,
                        verbose_name="tax rounding",
                    ),
                ),
                (
                    "credit_group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.creditgroup",
                        verbose_name="credit group",
                    ),
                ),
            ],
            options={
                "verbose_name": "bill-to",
                "verbose_name_plural": "bill-tos",
                "indexes": [
                    models.Index(fields=["corporate_number"], name="bill_to_by_corporate_number"),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("code"),
                        erp.core.folding.Pairs("name"),
                        erp.core.folding.Pairs("kana"),
                        name="bill_to_by_name",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closing_day__gte", 1),
                            ("closing_day__lte", 31),
                            ("payment_day__gte", 1),
                            ("payment_day__lte", 31),
                        ),
                        name="bill_to_days_are_days",
                        violation_error_message="Closing and payment days lie between 1 and 31.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("kana", models.CharField(blank=True, max_length=100, verbose_name="kana")),
                (
                    "wholesale_percent",
                    erp.core.fields.FiniteDecimalField(
                        blank=True, decimal_places=2, max_digits=5, null=True, verbose_name="wholesale rate (掛率, %)"
                    ),
                ),
                (
                    "revenue_basis",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("SHIPMENT", "On shipment"),
                            ("DELIVERY", "On delivery"),
                            ("ACCEPTANCE", "On acceptance"),
                            ("SALES_REPORT", "On sales report"),
                        ],
                        help_text="Empty: as the sales channel says.",
                        max_length=20,
                        verbose_name="revenue basis",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "department",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.department",
                        verbose_name="our department",
                    ),
                ),
                (
                    "price_list",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.pricelist",
                        verbose_name="price list",
                    ),
                ),
                (
                    "bill_to",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="customers.billto",
                        verbose_name="bill-to",
                    ),
                ),
                (
                    "record",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="accounts",
                        to="customers.customerrecord",
                        verbose_name="customer record",
                    ),
                ),
            ],
            options={
                "verbose_name": "account",
                "verbose_name_plural": "accounts",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("code"),
                        erp.core.folding.Pairs("name"),
                        erp.core.folding.Pairs("kana"),
                        name="account_by_name",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("wholesale_percent__isnull", True),
                            models.Q(("wholesale_percent__gte", 0), ("wholesale_percent__lte", 100)),
                            _connector="OR",
                        ),
                        name="wholesale_rate_is_a_percentage",
                        violation_error_message="The wholesale rate lies between 0 and 100 percent.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ShipTo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("contact", models.CharField(blank=True, max_length=100, verbose_name="contact")),
                ("phone", models.CharField(blank=True, max_length=30, verbose_name="phone")),
                ("postal_code", models.CharField(blank=True, max_length=10, verbose_name="postal code")),
                ("prefecture", models.CharField(blank=True, max_length=20, verbose_name="prefecture")),
                ("city", models.CharField(blank=True, max_length=100, verbose_name="city")),
                ("street", models.CharField(blank=True, max_length=200, verbose_name="street")),
                ("building", models.CharField(blank=True, max_length=200, verbose_name="building")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ship_tos",
                        to="customers.account",
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "ship-to",
                "verbose_name_plural": "ship-tos",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "code"),
                        name="one_ship_to_per_account_and_code",
                        violation_error_message="The account has a ship-to of this code already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("department", models.CharField(blank=True, max_length=100, verbose_name="department")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("email", models.CharField(blank=True, max_length=254, verbose_name="e-mail")),
                ("phone", models.CharField(blank=True, max_length=30, verbose_name="phone")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contacts",
                        to="customers.account",
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "contact",
                "verbose_name_plural": "contacts",
                "indexes": [
                    models.Index(
                        erp.core.folding.Digits("phone"), condition=models.Q(("phone__gt", "")), name="contact_by_phone"
                    ),
                    models.Index(
                        erp.core.folding.Folded("email"), condition=models.Q(("email__gt", "")), name="contact_by_email"
                    ),
                    django.contrib.postgres.indexes.GinIndex(erp.core.folding.Pairs("name"), name="contact_by_name"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "name"),
                        name="one_contact_per_account_and_name",
                        violation_error_message="This account has a contact of this name already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MergeEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("created_xid", erp.core.fields.Xid8Field(db_default=erp.core.fields.CurrentXid(), editable=False)),
                (
                    "from_golden",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.goldencustomer",
                        verbose_name="from",
                    ),
                ),
                (
                    "record",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="merges",
                        to="customers.customerrecord",
                        verbose_name="customer record",
                    ),
                ),
                (
                    "to_golden",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.goldencustomer",
                        verbose_name="to",
                    ),
                ),
                (
                    "undoes",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undone_by",
                        to="customers.mergeevent",
                        verbose_name="undoes",
                    ),
                ),
            ],
            options={
                "verbose_name": "merge",
                "verbose_name_plural": "merges",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("from_golden", models.F("to_golden")), _negated=True),
                        name="merge_moves_the_record",
                    )
                ],
            },
        ),
    ]
