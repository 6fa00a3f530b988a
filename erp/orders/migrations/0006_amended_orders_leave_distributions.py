"""A newer revision of an order replaces its lines, also those that a distribution gave pieces to."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0005_receipts_and_distributions_found_by_texts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="orderdistributionline",
            name="order_line",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="orders.orderline",
                verbose_name="order line",
            ),
        ),
    ]
