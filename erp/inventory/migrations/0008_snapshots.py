"""What was there at a moment: sums of the ledger that were cut once, and refused where they differ from it."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import erp.core.fields
from django.db import migrations, models

from erp.core.triggers import append_only

# Three questions to each statement that inserts: does each range of numbers follow the one before, without a gap and without an overlap; do the
# rows of a range hold as many movements as it has numbers; and is each row the sum of its movements, to the piece, the yen and the moment.
IS_TRUE = """
CREATE FUNCTION inventory_snapshot_is_true() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_wrong text;
BEGIN
    SELECT format('%s/%s', n.sku_id, n.location_id) INTO v_wrong
    FROM (SELECT DISTINCT sku_id, location_id, after_seq, through_seq FROM new_rows) n
    WHERE n.after_seq <> coalesce((SELECT max(s.through_seq) FROM inventory_stocksnapshot s
              WHERE s.sku_id = n.sku_id AND s.location_id = n.location_id AND s.through_seq < n.through_seq), 0)
       OR EXISTS (SELECT FROM inventory_stocksnapshot s
              WHERE s.sku_id = n.sku_id AND s.location_id = n.location_id AND s.through_seq >= n.through_seq
                AND s.after_seq < n.through_seq AND (s.after_seq, s.through_seq) <> (n.after_seq, n.through_seq))
       OR n.through_seq - n.after_seq <> (SELECT sum(s.movements) FROM inventory_stocksnapshot s
              WHERE s.sku_id = n.sku_id AND s.location_id = n.location_id AND s.through_seq = n.through_seq)
    LIMIT 1;
    IF v_wrong IS NULL THEN
        SELECT format('%s/%s', n.sku_id, n.location_id) INTO v_wrong
        FROM new_rows n LEFT JOIN (
            -- By day first: of a range of many movements few days are left to be laid beside its rows.
            WITH days AS MATERIALIZED (
                SELECT w.sku_id, w.location_id, w.through_seq, date_trunc('day', m.occurred_at, 'Asia/Tokyo') AS day, count(*) AS movements,
                       sum(m.quantity) AS quantity, sum(m.value) AS value,
                       min(m.recorded_at) AS recorded_from, max(m.recorded_at) AS recorded_until
                FROM (SELECT DISTINCT sku_id, location_id, after_seq, through_seq FROM new_rows) w
                JOIN inventory_stockmovement m ON m.sku_id = w.sku_id AND m.location_id = w.location_id
                    AND m.balance_seq > w.after_seq AND m.balance_seq <= w.through_seq
                GROUP BY 1, 2, 3, 4
            )
            SELECT r.id, sum(d.movements) AS movements, sum(d.quantity) AS quantity, sum(d.value) AS value,
                   min(d.recorded_from) AS recorded_from, max(d.recorded_until) AS recorded_until
            FROM days d JOIN new_rows r ON r.sku_id = d.sku_id AND r.location_id = d.location_id AND r.through_seq = d.through_seq
                AND d.day >= r.begins_at AND d.day < r.ends_at
            GROUP BY r.id
        ) m USING (id)
        WHERE (n.movements, n.quantity, n.value, n.recorded_from, n.recorded_until)
              IS DISTINCT FROM (m.movements, m.quantity, m.value, m.recorded_from, m.recorded_until)
           OR n.begins_at <> date_trunc('day', n.begins_at, 'Asia/Tokyo') OR n.ends_at <> date_trunc('day', n.ends_at, 'Asia/Tokyo')
        LIMIT 1;
    END IF;
    IF v_wrong IS NOT NULL THEN
        RAISE EXCEPTION 'snapshot of balance % differs from its movements', v_wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'snapshot_is_true', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_stocksnapshot_is_true AFTER INSERT ON inventory_stocksnapshot
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION inventory_snapshot_is_true();
"""
NO_LONGER_TRUE = """
DROP TRIGGER inventory_stocksnapshot_is_true ON inventory_stocksnapshot; DROP FUNCTION inventory_snapshot_is_true;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_guards"),
        ("core", "0002_guards"),
        ("inventory", "0007_valuation"),
    ]

    operations = [
        migrations.CreateModel(
            name="StockSnapshot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("after_seq", models.BigIntegerField(verbose_name="after number")),
                ("through_seq", models.BigIntegerField(verbose_name="through number")),
                ("begins_at", models.DateTimeField(verbose_name="happened from")),
                ("ends_at", models.DateTimeField(verbose_name="happened before")),
                ("movements", models.IntegerField(verbose_name="movements")),
                ("quantity", models.BigIntegerField(verbose_name="quantity")),
                ("value", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=18, verbose_name="value")),
                ("recorded_from", models.DateTimeField(verbose_name="first recorded")),
                ("recorded_until", models.DateTimeField(verbose_name="last recorded")),
                ("taken_at", models.DateTimeField(verbose_name="summed at")),
            ],
            options={"verbose_name": "stock snapshot", "verbose_name_plural": "stock snapshots"},
        ),
        migrations.AddIndex(
            model_name="stockmovement",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True,
                fields=["occurred_at"],
                name="movement_by_time",
                opclasses=["timestamptz_minmax_multi_ops"],
            ),
        ),
        migrations.AddField(
            model_name="stocksnapshot",
            name="location",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.location",
                verbose_name="location",
            ),
        ),
        migrations.AddField(
            model_name="stocksnapshot",
            name="sku",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.sku",
                verbose_name="SKU",
            ),
        ),
        migrations.AddIndex(
            model_name="stocksnapshot",
            index=models.Index(fields=["location", "-id"], name="snapshot_by_location"),
        ),
        migrations.AddConstraint(
            model_name="stocksnapshot",
            constraint=models.UniqueConstraint(
                fields=("sku", "location", "through_seq", "begins_at"), name="one_snapshot_per_balance_number_span"
            ),
        ),
        migrations.AddConstraint(
            model_name="stocksnapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(("through_seq__gt", models.F("after_seq"))), name="snapshot_takes_numbers"
            ),
        ),
        migrations.AddConstraint(
            model_name="stocksnapshot",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("begins_at"))), name="snapshot_spans_time"
            ),
        ),
        # Only a rebuild deletes, and says so: what it deletes is made again from the ledger.
        append_only("inventory_stocksnapshot", prunable="true"),
        migrations.RunSQL(IS_TRUE, NO_LONGER_TRUE),
    ]
