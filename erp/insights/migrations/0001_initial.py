import django.core.validators
import django.db.models.deletion
import erp.core.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("customers", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="RfmDefinition",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("valid_from", models.DateField(unique=True, verbose_name="valid from")),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("VALUE_QUANTILES", "By value (quintiles)"),
                            ("EQUAL_GROUPS", "Five groups of equal size"),
                        ],
                        default="VALUE_QUANTILES",
                        max_length=20,
                        verbose_name="method",
                    ),
                ),
                (
                    "window_months",
                    models.PositiveSmallIntegerField(
                        blank=True, help_text="Empty: all orders there are.", null=True, verbose_name="months looked at"
                    ),
                ),
            ],
            options={
                "verbose_name": "RFM definition",
                "verbose_name_plural": "RFM definitions",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("window_months__isnull", True), ("window_months__gt", 0), _connector="OR"),
                        name="rfm_window_has_months",
                        violation_error_message="The months looked at are at least one.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Segment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(max_length=30, unique=True, verbose_name="code")),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("rank", models.PositiveSmallIntegerField(verbose_name="order of matching")),
                (
                    "r_from",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                        verbose_name="R from",
                    ),
                ),
                (
                    "r_to",
                    models.PositiveSmallIntegerField(
                        default=5,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                        verbose_name="R to",
                    ),
                ),
                (
                    "f_from",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                        verbose_name="F from",
                    ),
                ),
                (
                    "f_to",
                    models.PositiveSmallIntegerField(
                        default=5,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                        verbose_name="F to",
                    ),
                ),
                (
                    "m_from",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                        verbose_name="M from",
                    ),
                ),
                (
                    "m_to",
                    models.PositiveSmallIntegerField(
                        default=5,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                        verbose_name="M to",
                    ),
                ),
            ],
            options={
                "verbose_name": "segment",
                "verbose_name_plural": "segments",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("f_from__lte", models.F("f_to")),
                            ("m_from__lte", models.F("m_to")),
                            ("r_from__lte", models.F("r_to")),
                        ),
                        name="segment_ranges_are_ranges",
                        violation_error_message="Each range of R, F and M begins at or below its end.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ToldMembership",
            fields=[
                (
                    "identity",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="customers.channelidentity",
                        verbose_name="channel identity",
                    ),
                ),
                ("golden_id", models.BigIntegerField(verbose_name="golden customer")),
                ("segment_id", models.BigIntegerField(null=True, verbose_name="segment")),
            ],
            options={
                "verbose_name": "membership as told",
                "verbose_name_plural": "memberships as told",
            },
        ),
        migrations.CreateModel(
            name="CustomerRfm",
            fields=[
                (
                    "golden",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="customers.goldencustomer",
                        verbose_name="golden customer",
                    ),
                ),
                ("as_of", models.DateField(verbose_name="as of")),
                ("last_order_date", models.DateField(verbose_name="last order")),
                ("order_count", models.PositiveIntegerField(verbose_name="orders")),
                (
                    "amount",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=0, max_digits=16, verbose_name="amount (net of returns)"
                    ),
                ),
                ("r", models.PositiveSmallIntegerField(verbose_name="R")),
                ("f", models.PositiveSmallIntegerField(verbose_name="F")),
                ("m", models.PositiveSmallIntegerField(verbose_name="M")),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                (
                    "segment",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="insights.segment",
                        verbose_name="segment",
                    ),
                ),
            ],
            options={
                "verbose_name": "RFM of a customer",
                "verbose_name_plural": "RFM of customers",
                "permissions": [("analyse_sales", "Can analyse sales")],
                "indexes": [models.Index(fields=["segment", "golden"], name="rfm_by_segment")],
            },
        ),
    ]
