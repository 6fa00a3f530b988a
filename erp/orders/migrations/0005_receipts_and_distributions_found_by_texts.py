"""Receipts are found by whom they are for, and distributions by a part of their number, without reading all of them."""

import django.contrib.postgres.indexes
import erp.core.folding
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0004_arrival_told"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="receipt",
            index=django.contrib.postgres.indexes.GinIndex(
                erp.core.folding.Pairs("addressee"), name="receipt_by_addressee"
            ),
        ),
        migrations.AddIndex(
            model_name="orderdistribution",
            index=django.contrib.postgres.indexes.GinIndex(
                erp.core.folding.Pairs("external_id"), name="order_distribution_by_number"
            ),
        ),
    ]
