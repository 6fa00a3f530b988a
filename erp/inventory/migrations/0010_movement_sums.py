"""The movements of a SKU in the order of time, with all that is summed up of them: a past moment is read from the index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0014_for_whom_pieces_are_kept"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="stockmovement",
            name="movement_by_sku_and_time",
        ),
        migrations.AddIndex(
            model_name="stockmovement",
            index=models.Index(
                fields=["sku", "occurred_at"],
                include=("location", "balance_seq", "recorded_at", "quantity", "value"),
                name="movement_by_sku_time_summed",
            ),
        ),
    ]
