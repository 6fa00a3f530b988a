"""入荷配分(受注): the document, what accounts are to get, and what lines of orders got of it."""

import django.db.models.deletion
from django.db import migrations, models

from erp.core.triggers import audited, never_deleted


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_guards"),
        ("customers", "0002_guards"),
        ("inventory", "0008_snapshots"),
        ("orders", "0002_guards"),
    ]

    operations = [
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
                    "order_line",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
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
                "verbose_name": "order line of a distribution",
                "verbose_name_plural": "order lines of distributions",
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
            },
        ),
        migrations.AddConstraint(
            model_name="orderdistribution",
            constraint=models.UniqueConstraint(
                fields=("external_id",),
                name="one_order_distribution_per_number",
                violation_error_message="There is a distribution with this number already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderdistribution",
            constraint=models.CheckConstraint(
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
        ),
        migrations.AddConstraint(
            model_name="orderdistributionline",
            constraint=models.UniqueConstraint(
                fields=("distribution", "order_line", "sku"), name="one_line_per_distribution_and_order_line"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderdistributionline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("quantity__gte", 1),
                    models.Q(("reserved__isnull", True), ("reserved__lte", models.F("quantity")), _connector="OR"),
                ),
                name="not_more_reserved_than_distributed",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderdistributionline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("released", 0),
                    models.Q(("released__lte", models.F("reserved")), ("undone_at__isnull", False)),
                    _connector="OR",
                ),
                name="not_more_given_back_than_reserved",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderdistributionshare",
            constraint=models.UniqueConstraint(
                fields=("distribution", "sku", "account"), name="one_share_per_sku_and_account"
            ),
        ),
        never_deleted("orders_orderdistribution"),
        never_deleted("orders_orderdistributionline"),
        audited("orders_orderdistribution", inserts=False),
    ]
