"""What stock is worth by the rules of the closing: standard costs, write-downs, and when a SKU is bought again."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import erp.core.fields
from django.db import migrations, models

from erp.core.triggers import audited

# Goods on the road and at accounts leave at exactly the value they went in with, so their pools are never kept at standard.
IN_HOUSE = """
CREATE FUNCTION inventory_standard_in_house() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM inventory_location place JOIN inventory_costpool pool ON pool.id = place.cost_pool_id
               WHERE pool.costing_method = 'STANDARD' AND place.kind IN ('IN_TRANSIT', 'CONSIGNED')
               AND CASE TG_TABLE_NAME WHEN 'inventory_location' THEN place.id ELSE pool.id END = NEW.id) THEN
        RAISE EXCEPTION 'cost pool of % % holds goods that are outside', TG_TABLE_NAME, NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'standard_cost_in_house', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_location_standard AFTER INSERT OR UPDATE OF kind, cost_pool_id ON inventory_location
FOR EACH ROW EXECUTE FUNCTION inventory_standard_in_house();
CREATE TRIGGER inventory_costpool_standard AFTER INSERT OR UPDATE OF costing_method ON inventory_costpool
FOR EACH ROW WHEN (NEW.costing_method = 'STANDARD') EXECUTE FUNCTION inventory_standard_in_house();
"""
NOT_IN_HOUSE = """
DROP TRIGGER inventory_location_standard ON inventory_location; DROP TRIGGER inventory_costpool_standard ON inventory_costpool;
DROP FUNCTION inventory_standard_in_house;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0006_counting"), ("catalog", "0002_guards")]
    operations = [
        migrations.CreateModel(
            name="ReorderRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "lead_time_days",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="lead time (days)"),
                ),
                ("lot", models.PositiveIntegerField(default=1, verbose_name="order lot")),
                ("safety_stock", models.PositiveIntegerField(default=0, verbose_name="safety stock for ordering")),
                (
                    "reorder_point",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="reorder point, set by hand"),
                ),
                (
                    "cover_days",
                    models.PositiveSmallIntegerField(default=28, verbose_name="days of sales that an order covers"),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="bought again")),
            ],
            options={
                "verbose_name": "reorder rule",
                "verbose_name_plural": "reorder rules",
            },
        ),
        migrations.CreateModel(
            name="StandardCost",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "cost",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=4, max_digits=14, verbose_name="standard cost (excl. tax)"
                    ),
                ),
                ("valid_from", models.DateField(verbose_name="valid from")),
            ],
            options={
                "verbose_name": "standard cost",
                "verbose_name_plural": "standard costs",
            },
        ),
        migrations.CreateModel(
            name="WriteDownLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("value", erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="value")),
                (
                    "proposed_value",
                    erp.core.fields.FiniteDecimalField(decimal_places=2, max_digits=16, verbose_name="proposed value"),
                ),
                ("last_received_on", models.DateField(blank=True, null=True, verbose_name="last receipt")),
            ],
            options={
                "verbose_name": "line of a write-down proposal",
                "verbose_name_plural": "lines of write-down proposals",
            },
        ),
        migrations.CreateModel(
            name="WriteDownReview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("valued_on", models.DateField(verbose_name="valued on")),
                (
                    "reverses",
                    models.BooleanField(
                        default=False, verbose_name="taken back at the start of the next month (洗替法)"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("DRAFT", "Proposal"), ("POSTED", "Posted"), ("DISCARDED", "Discarded")],
                        default="DRAFT",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("made_by", models.CharField(max_length=100, verbose_name="proposed by")),
                ("made_at", models.DateTimeField(verbose_name="proposed at")),
                ("posted_by", models.CharField(blank=True, max_length=100, verbose_name="posted by")),
                ("posted_at", models.DateTimeField(blank=True, null=True, verbose_name="posted at")),
                ("document_id", models.BigIntegerField(blank=True, null=True, verbose_name="write-down document")),
                (
                    "reversal_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="document that took it back"),
                ),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
            ],
            options={
                "verbose_name": "write-down proposal",
                "verbose_name_plural": "write-down proposals",
            },
        ),
        migrations.CreateModel(
            name="WriteDownRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("months", models.PositiveSmallIntegerField(verbose_name="months since the last receipt, at least")),
                ("percent", models.PositiveSmallIntegerField(verbose_name="percent of the cost that is left")),
            ],
            options={
                "verbose_name": "write-down rule",
                "verbose_name_plural": "write-down rules",
            },
        ),
        migrations.AddField(
            model_name="costpool",
            name="costing_method",
            field=models.CharField(
                choices=[("MOVING_AVERAGE", "Moving average"), ("STANDARD", "Standard cost")],
                default="MOVING_AVERAGE",
                max_length=15,
                verbose_name="costing method",
            ),
        ),
        migrations.AddField(
            model_name="costpool",
            name="write_down_limit",
            field=erp.core.fields.FiniteDecimalField(
                blank=True,
                decimal_places=0,
                max_digits=14,
                null=True,
                verbose_name="write-down that one person may post",
            ),
        ),
        migrations.AddField(
            model_name="costpool",
            name="write_downs_reverse",
            field=models.BooleanField(default=False, verbose_name="write-downs are taken back next month (洗替法)"),
        ),
        migrations.AddIndex(
            model_name="stockdocument",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["recorded_at"], name="stock_document_by_record"),
        ),
        migrations.AddField(
            model_name="reorderrule",
            name="location",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.location",
                verbose_name="location",
            ),
        ),
        migrations.AddField(
            model_name="reorderrule",
            name="sku",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.sku",
                verbose_name="SKU",
            ),
        ),
        migrations.AddField(
            model_name="standardcost",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.sku", verbose_name="SKU"
            ),
        ),
        migrations.AddField(
            model_name="writedownline",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.sku", verbose_name="SKU"
            ),
        ),
        migrations.AddField(
            model_name="writedownreview",
            name="cost_pool",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.costpool",
                verbose_name="cost pool",
            ),
        ),
        migrations.AddField(
            model_name="writedownline",
            name="review",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="inventory.writedownreview",
                verbose_name="write-down proposal",
            ),
        ),
        migrations.AddField(
            model_name="writedownrule",
            name="category",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.category",
                verbose_name="category",
            ),
        ),
        migrations.AddConstraint(
            model_name="reorderrule",
            constraint=models.UniqueConstraint(
                fields=("sku", "location"),
                name="one_reorder_rule_per_sku_and_place",
                nulls_distinct=False,
                violation_error_message="This SKU has a reorder rule for this place already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="reorderrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("lot__gte", 1)),
                name="order_lot_has_pieces",
                violation_error_message="A lot has at least one piece.",
            ),
        ),
        migrations.AddConstraint(
            model_name="standardcost",
            constraint=models.UniqueConstraint(
                fields=("sku", "valid_from"),
                name="one_standard_cost_per_sku_and_date",
                violation_error_message="This SKU has a standard cost from this date already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="standardcost",
            constraint=models.CheckConstraint(
                condition=models.Q(("cost__gte", 0)),
                name="standard_cost_not_negative",
                violation_error_message="A cost is not negative.",
            ),
        ),
        migrations.AddIndex(
            model_name="writedownreview",
            index=models.Index(
                condition=models.Q(("reversal_id__isnull", True), ("reverses", True), ("state", "POSTED")),
                fields=["valued_on"],
                name="write_down_to_take_back",
            ),
        ),
        migrations.AddConstraint(
            model_name="writedownreview",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("document_id__isnull", False), ("state", "POSTED")),
                    models.Q(models.Q(("state", "POSTED"), _negated=True), ("document_id__isnull", True)),
                    _connector="OR",
                ),
                name="posted_write_down_has_its_document",
            ),
        ),
        migrations.AddConstraint(
            model_name="writedownreview",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("reversal_id__isnull", True),
                    models.Q(("document_id__isnull", False), ("reverses", True)),
                    _connector="OR",
                ),
                name="only_a_posted_write_down_is_taken_back",
            ),
        ),
        migrations.AddConstraint(
            model_name="writedownline",
            constraint=models.UniqueConstraint(fields=("review", "sku"), name="one_write_down_line_per_sku"),
        ),
        migrations.AddConstraint(
            model_name="writedownline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("quantity__gt", 0), ("proposed_value__gte", 0), ("proposed_value__lte", models.F("value"))
                ),
                name="write_down_lowers_a_value",
                violation_error_message="The proposed value lies between nothing and the value there is.",
            ),
        ),
        migrations.AddConstraint(
            model_name="writedownrule",
            constraint=models.UniqueConstraint(
                fields=("category", "months"),
                name="one_write_down_rule_per_age",
                nulls_distinct=False,
                violation_error_message="There is a rule for this age already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="writedownrule",
            constraint=models.CheckConstraint(
                condition=models.Q(("percent__lte", 100)),
                name="write_down_leaves_a_share",
                violation_error_message="A share lies between 0 and 100 percent.",
            ),
        ),
        migrations.AlterModelOptions(
            name="costpool",
            options={
                "permissions": [("revalue_stock", "Can revalue stock at standard cost")],
                "verbose_name": "cost pool",
                "verbose_name_plural": "cost pools",
            },
        ),
        migrations.RunSQL(IN_HOUSE, NOT_IN_HOUSE),
        audited("inventory_standardcost"),
        audited("inventory_writedownrule"),
        audited("inventory_reorderrule"),
        audited("inventory_writedownreview", inserts=False),
        audited("inventory_writedownline", inserts=False),
    ]
