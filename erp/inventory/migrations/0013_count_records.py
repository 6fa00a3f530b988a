"""What was counted where and when, also where nothing differed."""

import django.db.models.deletion
from django.db import migrations, models

from erp.core.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_guards"),
        ("inventory", "0009_reserve_in_few_steps"),
    ]

    operations = [
        migrations.CreateModel(
            name="CountRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("counted", models.PositiveIntegerField(verbose_name="counted")),
                ("book", models.IntegerField(verbose_name="books at that moment")),
                ("counted_at", models.DateTimeField(verbose_name="counted at")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                (
                    "document",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.stockdocument",
                        verbose_name="stock document",
                    ),
                ),
                (
                    "location",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.location",
                        verbose_name="location",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "count on record",
                "verbose_name_plural": "counts on record",
                "indexes": [models.Index(fields=["sku", "location", "counted_at"], name="count_record_by_moment")],
                "constraints": [
                    models.UniqueConstraint(fields=("document", "sku"), name="one_record_per_count_and_sku")
                ],
            },
        ),
        # What stocktakes posted before.
        migrations.RunSQL(
            """
            INSERT INTO inventory_countrecord (sku_id, location_id, counted, book, counted_at, recorded_at, document_id)
            SELECT line.sku_id, c.location_id, line.counted, line.book, line.counted_at, line.posted_at, line.document_id
            FROM inventory_stockcountline line JOIN inventory_stockcount c ON c.id = line.count_id
            WHERE line.posted_at IS NOT NULL AND line.book IS NOT NULL AND line.counted_at IS NOT NULL ORDER BY line.id
            """,
            migrations.RunSQL.noop,
        ),
        append_only("inventory_countrecord"),
    ]
