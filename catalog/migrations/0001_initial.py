import django.contrib.postgres.indexes
import django.db.models.deletion
import erp.core.fields
import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Brand",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
            ],
            options={
                "verbose_name": "brand",
                "verbose_name_plural": "brands",
            },
        ),
        migrations.CreateModel(
            name="Season",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("starts_on", models.DateField(blank=True, null=True, verbose_name="starts on")),
                ("ends_on", models.DateField(blank=True, null=True, verbose_name="ends on")),
            ],
            options={
                "verbose_name": "season",
                "verbose_name_plural": "seasons",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("starts_on__isnull", True),
                            ("ends_on__isnull", True),
                            ("ends_on__gte", models.F("starts_on")),
                            _connector="OR",
                        ),
                        name="season_ends_after_it_starts",
                        violation_error_message="It ends before it starts.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Category",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
            ],
            options={
                "verbose_name": "category",
                "verbose_name_plural": "categories",
            },
        ),
        migrations.CreateModel(
            name="Color",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=10, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=50, verbose_name="name")),
                ("sort_order", models.PositiveIntegerField(default=0, verbose_name="order")),
            ],
            options={
                "verbose_name": "colour",
                "verbose_name_plural": "colours",
            },
        ),
        migrations.CreateModel(
            name="Size",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=10, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=50, verbose_name="name")),
                ("sort_order", models.PositiveIntegerField(default=0, verbose_name="order")),
            ],
            options={
                "verbose_name": "size",
                "verbose_name_plural": "sizes",
            },
        ),
        migrations.CreateModel(
            name="Supplier",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("kana", models.CharField(blank=True, max_length=100, verbose_name="kana")),
                (
                    "registration_number",
                    models.CharField(blank=True, max_length=14, verbose_name="registration number (T + 13 digits)"),
                ),
                (
                    "registration_verified_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="registration verified at"),
                ),
                ("registered_from", models.DateField(blank=True, null=True, verbose_name="registered from")),
                ("registered_to", models.DateField(blank=True, null=True, verbose_name="registered to")),
                (
                    "is_subcontract_act",
                    models.BooleanField(default=False, verbose_name="covered by the subcontracting act (取適法)"),
                ),
                ("lead_time_days", models.PositiveSmallIntegerField(default=0, verbose_name="lead time (days)")),
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
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "supplier",
                "verbose_name_plural": "suppliers",
                "indexes": [
                    models.Index(fields=["registration_number"], name="supplier_by_registration"),
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("code"),
                        erp.core.folding.Pairs("name"),
                        erp.core.folding.Pairs("kana"),
                        name="supplier_by_name",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("registration_number", ""),
                            ("registration_number__regex", "^T[1-9][0-9]{12}$"),
                            _connector="OR",
                        ),
                        name="supplier_registration_number_form",
                        violation_error_message="A registration number is T and 13 digits.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("registered_from__isnull", True),
                            ("registered_to__isnull", True),
                            ("registered_to__gte", models.F("registered_from")),
                            _connector="OR",
                        ),
                        name="registration_ends_after_it_starts",
                        violation_error_message="It ends before it starts.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closing_day__gte", 1),
                            ("closing_day__lte", 31),
                            ("payment_day__gte", 1),
                            ("payment_day__lte", 31),
                        ),
                        name="supplier_days_are_days",
                        violation_error_message="Closing and payment days lie between 1 and 31.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=40, unique=True, verbose_name="style number")),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("kana", models.CharField(blank=True, max_length=200, verbose_name="kana")),
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
                        default="STANDARD",
                        max_length=20,
                        verbose_name="tax class",
                    ),
                ),
                (
                    "life_cycle",
                    models.CharField(
                        choices=[
                            ("PLANNED", "Planned"),
                            ("ACTIVE", "On sale"),
                            ("CLEARANCE", "Clearance"),
                            ("DISCONTINUED", "Discontinued"),
                        ],
                        default="ACTIVE",
                        max_length=20,
                        verbose_name="life cycle",
                    ),
                ),
                ("release_date", models.DateField(blank=True, null=True, verbose_name="release date")),
                ("discontinued_date", models.DateField(blank=True, null=True, verbose_name="discontinued date")),
                ("material", models.CharField(blank=True, max_length=200, verbose_name="material composition")),
                ("country_of_origin", models.CharField(blank=True, max_length=50, verbose_name="country of origin")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                (
                    "brand",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.brand",
                        verbose_name="brand",
                    ),
                ),
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
                (
                    "season",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.season",
                        verbose_name="season",
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
                        verbose_name="main supplier",
                    ),
                ),
            ],
            options={
                "verbose_name": "style",
                "verbose_name_plural": "styles",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("code"),
                        erp.core.folding.Pairs("name"),
                        erp.core.folding.Pairs("kana"),
                        name="style_by_name",
                    ),
                    models.Index(
                        condition=models.Q(("life_cycle", "ACTIVE"), _negated=True),
                        fields=["life_cycle", "code"],
                        name="style_beside_those_on_sale",
                    ),
                    models.Index(
                        condition=models.Q(("tax_class", "STANDARD"), _negated=True),
                        fields=["tax_class", "code"],
                        name="style_of_other_tax_class",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Sku",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=40, unique=True, verbose_name="SKU")),
                ("is_kit", models.BooleanField(default=False, verbose_name="kit")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("weight_g", models.PositiveIntegerField(blank=True, null=True, verbose_name="weight (g)")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                (
                    "color",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.color",
                        verbose_name="colour",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="skus",
                        to="catalog.product",
                        verbose_name="style",
                    ),
                ),
                (
                    "size",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.size",
                        verbose_name="size",
                    ),
                ),
            ],
            options={
                "verbose_name": "SKU",
                "verbose_name_plural": "SKUs",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        erp.core.folding.Pairs("code"), name="sku_by_part_of_code"
                    ),
                    models.Index(condition=models.Q(("is_kit", True)), fields=["code"], name="sku_that_is_a_kit"),
                    models.Index(
                        condition=models.Q(("is_kit", True)), fields=["id"], include=["version"], name="kit_by_id"
                    ),
                    models.Index(condition=models.Q(("is_active", False)), fields=["code"], name="sku_out_of_use"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("product", "color", "size"),
                        name="one_sku_per_colour_and_size",
                        nulls_distinct=False,
                        violation_error_message="The style has this colour and size already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="KitComponent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                (
                    "component",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="component",
                    ),
                ),
                (
                    "kit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="components",
                        to="catalog.sku",
                        verbose_name="kit",
                    ),
                ),
            ],
            options={
                "verbose_name": "kit component",
                "verbose_name_plural": "kit components",
                "constraints": [
                    models.UniqueConstraint(fields=("kit", "component"), name="one_row_per_kit_component"),
                    models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="kit_component_has_pieces"),
                    models.CheckConstraint(
                        condition=models.Q(("kit", models.F("component")), _negated=True),
                        name="kit_is_not_its_own_component",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SkuCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("GTIN13", "JAN / GTIN-13"),
                            ("GTIN8", "JAN / GTIN-8"),
                            ("GTIN14", "GTIN-14 (UPC and others)"),
                            ("IN_STORE", "In-store code"),
                            ("SUPPLIER", "Supplier's code"),
                            ("CHANNEL", "Channel's item code"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("code", models.CharField(max_length=60, verbose_name="code")),
                ("valid_from", models.DateField(blank=True, null=True, verbose_name="valid from")),
                ("valid_to", models.DateField(blank=True, null=True, verbose_name="valid to")),
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
                    "sku",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="codes",
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
            ],
            options={
                "verbose_name": "SKU code",
                "verbose_name_plural": "SKU codes",
                "indexes": [models.Index(fields=["code"], name="sku_code_by_code")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "code", "channel", "supplier"),
                        name="one_sku_per_code",
                        nulls_distinct=False,
                        violation_error_message="This code is filed already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "CHANNEL"), _negated=True), ("channel__isnull", False), _connector="OR"
                        ),
                        name="channel_code_names_its_channel",
                        violation_error_message="A channel's code needs its channel.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_from__isnull", True),
                            ("valid_to__isnull", True),
                            ("valid_to__gte", models.F("valid_from")),
                            _connector="OR",
                        ),
                        name="sku_code_ends_after_it_starts",
                        violation_error_message="It ends before it starts.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SkuCost",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "cost",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=4, max_digits=14, verbose_name="cost (excl. tax)"
                    ),
                ),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                (
                    "sku",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="costs",
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
            ],
            options={
                "verbose_name": "cost",
                "verbose_name_plural": "cost history",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sku", "supplier", "valid_from"),
                        name="one_cost_per_sku_supplier_and_date",
                        nulls_distinct=False,
                        violation_error_message="There is a cost of this supplier from this date already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cost__gte", 0)),
                        name="cost_not_negative",
                        violation_error_message="A cost is not negative.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceList",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=20, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("currency", models.CharField(default="JPY", max_length=3, verbose_name="currency")),
                (
                    "tax_mode",
                    models.CharField(
                        choices=[("INCLUDED", "Tax-inclusive"), ("EXCLUDED", "Tax-exclusive")],
                        max_length=10,
                        verbose_name="tax mode",
                    ),
                ),
                ("is_standard", models.BooleanField(default=False, verbose_name="standard retail price (上代)")),
                ("rank", models.PositiveSmallIntegerField(default=100, verbose_name="rank")),
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
                "verbose_name": "price list",
                "verbose_name_plural": "price lists",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_standard", True)),
                        fields=("is_standard",),
                        name="one_standard_price_list",
                        violation_error_message="There is a standard price list already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("price", erp.core.fields.FiniteDecimalField(decimal_places=4, max_digits=14, verbose_name="price")),
                ("valid_from", models.DateField(verbose_name="valid from")),
                ("valid_to", models.DateField(blank=True, null=True, verbose_name="valid to")),
                (
                    "price_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="catalog.pricelist",
                        verbose_name="price list",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="catalog.product",
                        verbose_name="style",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "price",
                "verbose_name_plural": "prices",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("product__isnull", False), ("sku__isnull", True)),
                            models.Q(("product__isnull", True), ("sku__isnull", False)),
                            _connector="OR",
                        ),
                        name="price_is_of_a_style_or_a_sku",
                        violation_error_message="Name either a SKU or a style.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("price__gte", 0)),
                        name="price_not_negative",
                        violation_error_message="A price is not negative.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_to__isnull", True), ("valid_to__gte", models.F("valid_from")), _connector="OR"
                        ),
                        name="price_ends_after_it_starts",
                        violation_error_message="The price ends before it starts.",
                    ),
                    models.UniqueConstraint(
                        fields=("price_list", "product", "sku", "valid_from"),
                        name="one_price_per_start",
                        nulls_distinct=False,
                        violation_error_message="There is a price from this date already.",
                    ),
                ],
            },
        ),
    ]
