"""Lists of stocktakes, transfers, distributions and shelves are searched by a part of a number, and open provisional receipts are listed, by an
index."""

import django.contrib.postgres.indexes
import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0003_legal_forms_and_numbers_in_texts"),
        ("inventory", "0010_movement_sums"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="distribution",
            index=django.contrib.postgres.indexes.GinIndex(
                erp.core.folding.Pairs("external_id"), name="distribution_by_number"
            ),
        ),
        migrations.AddIndex(
            model_name="provisionalreceipt",
            index=models.Index(
                condition=models.Q(("settled_quantity__lt", models.F("quantity"))),
                fields=["-id"],
                name="open_provisional_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="shelf",
            index=django.contrib.postgres.indexes.GinIndex(erp.core.folding.Pairs("code"), name="shelf_by_code"),
        ),
        migrations.AddIndex(
            model_name="stockcount",
            index=django.contrib.postgres.indexes.GinIndex(
                erp.core.folding.Pairs("external_id"), name="stocktake_by_number"
            ),
        ),
        migrations.AddIndex(
            model_name="transferorder",
            index=django.contrib.postgres.indexes.GinIndex(
                erp.core.folding.Pairs("external_id"), name="transfer_order_by_number"
            ),
        ),
        migrations.AddIndex(
            model_name="expectedreceipt",
            index=models.Index(fields=["expected_date", "id"], name="expected_receipt_by_day"),
        ),
        migrations.AddIndex(
            model_name="shelf",
            index=models.Index(fields=["location", "code", "id"], name="shelf_in_its_order"),
        ),
        migrations.AddIndex(
            model_name="distribution",
            index=models.Index(fields=["state", "-id"], name="distribution_by_state"),
        ),
    ]
