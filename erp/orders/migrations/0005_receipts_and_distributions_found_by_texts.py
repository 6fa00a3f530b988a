"""Receipts are found by whom they are for, and distributions by a part of their number, without reading all of them."""

import django.contrib.postgres.indexes
import erp.core.folding
from django.db import migrations, models


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
        migrations.AddIndex(
            model_name="receipt",
            index=models.Index(fields=["medium", "-id"], name="receipt_by_medium"),
        ),
        migrations.AddIndex(
            model_name="orderwait",
            index=models.Index(fields=["reason", "-id"], name="wait_by_reason"),
        ),
        migrations.AddIndex(
            model_name="labelrun",
            index=models.Index(fields=["carrier", "-id"], name="label_file_by_carrier"),
        ),
        migrations.AddIndex(
            model_name="printrun",
            index=models.Index(fields=["kind", "-id"], name="print_run_by_kind"),
        ),
        migrations.AddIndex(
            model_name="parkedmessage",
            index=models.Index(fields=["kind", "-id"], name="parked_message_by_kind"),
        ),
        migrations.AddIndex(
            model_name="parkedmessage",
            index=models.Index(
                fields=["-id"], condition=models.Q(applied_at__isnull=True), name="parked_message_that_waits"
            ),
        ),
        migrations.AddIndex(
            model_name="salesreport",
            index=models.Index(fields=["report_date", "-id"], name="sales_report_by_day"),
        ),
    ]
