"""Counting, distributing and inspecting what is there."""

from django.db import migrations, models
import django.db.models.deletion
import django.db.models.expressions
import erp.core.fields
from erp.core.triggers import append_only, audited, never_deleted

# Whoever counted does not approve: the counters stand in another table, so a CHECK does not reach them.
APPROVED_BY_ANOTHER = """
CREATE FUNCTION inventory_count_approver() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.approved_by <> '' AND EXISTS (
        SELECT FROM inventory_stockcountentry WHERE count_id = NEW.id AND actor = NEW.approved_by) THEN
        RAISE EXCEPTION '% has counted stocktake % and cannot approve it', NEW.approved_by, NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'counted_and_approved_by_two', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER inventory_stockcount_approver BEFORE UPDATE OF approved_by ON inventory_stockcount
FOR EACH ROW EXECUTE FUNCTION inventory_count_approver();
"""
NOT_APPROVED_BY_ANOTHER = """
DROP TRIGGER inventory_stockcount_approver ON inventory_stockcount; DROP FUNCTION inventory_count_approver;
"""
# How far a comparison has come is no event.
OF_STOCKTAKE = (
    "external_id", "location_id", "scope", "asked", "state", "uncounted", "note", "created_at", "opened_by", "frozen_at", "started_by",
    "closed_at", "closed_by", "requested_by", "needs_approval", "approved_at", "approved_by", "posted_at", "cancelled_at",
    "difference_pieces", "difference_value", "chunks",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0005_promises"),
        ("catalog", "0002_guards"),
        ("core", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Distribution",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=60, verbose_name="distribution number")),
                ("purchase", models.CharField(blank=True, max_length=60, verbose_name="expected delivery")),
                ("asked", models.JSONField(blank=True, default=dict, verbose_name="SKUs and destinations")),
                (
                    "state",
                    models.CharField(
                        choices=[("DRAFT", "Draft"), ("CONFIRMED", "Confirmed"), ("UNDONE", "Undone")],
                        default="DRAFT",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("created_by", models.CharField(max_length=100, verbose_name="created by")),
                ("confirmed_at", models.DateTimeField(blank=True, null=True, verbose_name="confirmed at")),
                ("confirmed_by", models.CharField(blank=True, max_length=100, verbose_name="confirmed by")),
                ("undone_at", models.DateTimeField(blank=True, null=True, verbose_name="undone at")),
            ],
            options={
                "verbose_name": "distribution",
                "verbose_name_plural": "distributions",
                "permissions": [("distribute_stock", "Can distribute stock among locations")],
            },
        ),
        migrations.CreateModel(
            name="DistributionLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="pieces")),
            ],
            options={
                "verbose_name": "line of a distribution",
                "verbose_name_plural": "lines of distributions",
            },
        ),
        migrations.CreateModel(
            name="DistributionPattern",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, unique=True, verbose_name="name")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "distribution pattern",
                "verbose_name_plural": "distribution patterns",
            },
        ),
        migrations.CreateModel(
            name="PatternShare",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("weight", models.PositiveIntegerField(verbose_name="weight")),
            ],
            options={
                "verbose_name": "share of a pattern",
                "verbose_name_plural": "shares of a pattern",
            },
        ),
        migrations.CreateModel(
            name="StockCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=60, verbose_name="stocktake number")),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("WHOLE", "Everything at the location"),
                            ("PRODUCTS", "Some styles"),
                            ("SHELVES", "A range of shelves"),
                            ("SAMPLE", "A random sample"),
                        ],
                        max_length=10,
                        verbose_name="what is counted",
                    ),
                ),
                ("asked", models.JSONField(blank=True, default=dict, verbose_name="details of the list")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("PREPARING", "Preparing"),
                            ("COUNTING", "Counting"),
                            ("REVIEW", "Looking at differences"),
                            ("APPROVAL", "Waiting for approval"),
                            ("POSTING", "Being posted"),
                            ("POSTED", "Posted"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default="PREPARING",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "uncounted",
                    models.CharField(
                        blank=True,
                        choices=[("LEAVE", "Left as the books say"), ("ZERO", "Taken for gone")],
                        max_length=5,
                        verbose_name="what nobody counted",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("opened_by", models.CharField(max_length=100, verbose_name="opened by")),
                ("frozen_at", models.DateTimeField(blank=True, null=True, verbose_name="list frozen at")),
                ("started_by", models.CharField(blank=True, max_length=100, verbose_name="started by")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="counting ended at")),
                ("closed_by", models.CharField(blank=True, max_length=100, verbose_name="counting ended by")),
                ("requested_by", models.CharField(blank=True, max_length=100, verbose_name="posting asked for by")),
                ("needs_approval", models.BooleanField(default=False, verbose_name="needs approval")),
                ("approved_at", models.DateTimeField(blank=True, null=True, verbose_name="approved at")),
                ("approved_by", models.CharField(blank=True, max_length=100, verbose_name="approved by")),
                ("posted_at", models.DateTimeField(blank=True, null=True, verbose_name="posted at")),
                ("cancelled_at", models.DateTimeField(blank=True, null=True, verbose_name="cancelled at")),
                ("difference_pieces", models.PositiveIntegerField(default=0, verbose_name="pieces that differ")),
                (
                    "difference_value",
                    erp.core.fields.FiniteDecimalField(
                        decimal_places=2, default=0, max_digits=16, verbose_name="value that differs"
                    ),
                ),
                ("chunks", models.PositiveIntegerField(default=0, verbose_name="documents posted")),
                (
                    "compared_to",
                    models.BigIntegerField(blank=True, editable=False, null=True, verbose_name="compared up to"),
                ),
                (
                    "compared_entry",
                    models.BigIntegerField(default=0, editable=False, verbose_name="last entry when compared"),
                ),
            ],
            options={
                "verbose_name": "stocktake",
                "verbose_name_plural": "stocktakes",
                "permissions": [("approve_count", "Can approve differences of a stocktake and losses on the road")],
            },
        ),
        migrations.CreateModel(
            name="StockCountEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sheet", models.CharField(max_length=40, verbose_name="counting sheet")),
                (
                    "kind",
                    models.CharField(
                        choices=[("ADD", "Counted"), ("RECOUNT", "Counted again from nothing")],
                        default="ADD",
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "way",
                    models.CharField(
                        choices=[("SCAN", "Scanned"), ("TYPED", "Typed"), ("FILE", "From a file")],
                        default="SCAN",
                        max_length=5,
                        verbose_name="entered by",
                    ),
                ),
                ("quantity", models.IntegerField(verbose_name="pieces")),
                ("counted_at", models.DateTimeField(verbose_name="counted at")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("key", models.CharField(max_length=60, verbose_name="key of the entry")),
            ],
            options={
                "verbose_name": "entry of a stocktake",
                "verbose_name_plural": "entries of stocktakes",
            },
        ),
        migrations.CreateModel(
            name="StockCountLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_listed", models.BooleanField(default=True, verbose_name="on the list")),
                ("shelf", models.CharField(blank=True, max_length=30, verbose_name="shelf")),
                ("frozen_on_hand", models.IntegerField(default=0, verbose_name="on hand when frozen")),
                ("frozen_seq", models.BigIntegerField(default=0, verbose_name="movements when frozen")),
                ("entries", models.PositiveIntegerField(default=0, verbose_name="times counted")),
                ("counted", models.PositiveIntegerField(blank=True, null=True, verbose_name="counted")),
                ("counted_at", models.DateTimeField(blank=True, null=True, verbose_name="counted at")),
                ("book", models.IntegerField(blank=True, null=True, verbose_name="books at that moment")),
                ("difference", models.IntegerField(blank=True, null=True, verbose_name="difference")),
                (
                    "value",
                    erp.core.fields.FiniteDecimalField(
                        blank=True, decimal_places=2, max_digits=16, null=True, verbose_name="value of the difference"
                    ),
                ),
                ("has_moved", models.BooleanField(default=False, verbose_name="moved between its counts")),
                ("is_superseded", models.BooleanField(default=False, verbose_name="counted again elsewhere since")),
                ("posted_difference", models.IntegerField(blank=True, null=True, verbose_name="posted difference")),
                ("posted_at", models.DateTimeField(blank=True, null=True, verbose_name="posted at")),
            ],
            options={
                "verbose_name": "line of a stocktake",
                "verbose_name_plural": "lines of stocktakes",
            },
        ),
        migrations.CreateModel(
            name="TransferOrder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=80, verbose_name="transfer number")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("REQUESTED", "To be shipped"),
                            ("SHIPPED", "On the road"),
                            ("DONE", "Done"),
                            ("CANCELLED", "Cancelled"),
                        ],
                        default="REQUESTED",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("requested_at", models.DateTimeField(verbose_name="asked for at")),
                ("requested_by", models.CharField(max_length=100, verbose_name="asked for by")),
                ("shipped_at", models.DateTimeField(blank=True, null=True, verbose_name="left at")),
                ("shipped_by", models.CharField(blank=True, max_length=100, verbose_name="shipped by")),
                ("received_at", models.DateTimeField(blank=True, null=True, verbose_name="arrived at")),
                ("received_by", models.CharField(blank=True, max_length=100, verbose_name="received by")),
                ("reported_at", models.DateTimeField(blank=True, null=True, verbose_name="missing reported at")),
                ("reported_by", models.CharField(blank=True, max_length=100, verbose_name="missing reported by")),
                ("loss_approved_by", models.CharField(blank=True, max_length=100, verbose_name="loss approved by")),
            ],
            options={
                "verbose_name": "transfer order",
                "verbose_name_plural": "transfer orders",
            },
        ),
        migrations.CreateModel(
            name="TransferOrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.PositiveIntegerField(verbose_name="asked for")),
                ("shipped", models.PositiveIntegerField(default=0, verbose_name="shipped")),
                ("received", models.PositiveIntegerField(default=0, verbose_name="arrived")),
                ("lost", models.PositiveIntegerField(default=0, verbose_name="lost")),
            ],
            options={
                "verbose_name": "line of a transfer order",
                "verbose_name_plural": "lines of transfer orders",
            },
        ),
        migrations.AddField(
            model_name="location",
            name="count_pieces_limit",
            field=models.PositiveIntegerField(
                blank=True, null=True, verbose_name="differences of a stocktake without approval (pieces)"
            ),
        ),
        migrations.AddField(
            model_name="location",
            name="count_value_limit",
            field=erp.core.fields.FiniteDecimalField(
                blank=True,
                db_default=10000,
                decimal_places=0,
                default=10000,
                max_digits=14,
                null=True,
                verbose_name="differences of a stocktake without approval (yen)",
            ),
        ),
        migrations.AddConstraint(
            model_name="location",
            constraint=models.CheckConstraint(
                condition=models.Q(("count_value_limit__isnull", True), ("count_value_limit__gte", 0), _connector="OR"),
                name="count_limit_not_negative",
                violation_error_message="A limit is not negative.",
            ),
        ),
        migrations.AddField(
            model_name="distribution",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.location",
                verbose_name="distributed from",
            ),
        ),
        migrations.AddField(
            model_name="distributionline",
            name="distribution",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="lines",
                to="inventory.distribution",
                verbose_name="distribution",
            ),
        ),
        migrations.AddField(
            model_name="distributionline",
            name="location",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.location",
                verbose_name="location",
            ),
        ),
        migrations.AddField(
            model_name="distributionline",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.sku", verbose_name="SKU"
            ),
        ),
        migrations.AddField(
            model_name="patternshare",
            name="location",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.location",
                verbose_name="location",
            ),
        ),
        migrations.AddField(
            model_name="patternshare",
            name="pattern",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="shares",
                to="inventory.distributionpattern",
                verbose_name="distribution pattern",
            ),
        ),
        migrations.AddField(
            model_name="stockcount",
            name="location",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.location",
                verbose_name="location",
            ),
        ),
        migrations.AddField(
            model_name="stockcountentry",
            name="count",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.stockcount",
                verbose_name="stocktake",
            ),
        ),
        migrations.AddField(
            model_name="stockcountentry",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.sku", verbose_name="SKU"
            ),
        ),
        migrations.AddField(
            model_name="stockcountline",
            name="count",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="inventory.stockcount",
                verbose_name="stocktake",
            ),
        ),
        migrations.AddField(
            model_name="stockcountline",
            name="document",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.stockdocument",
                verbose_name="stock document",
            ),
        ),
        migrations.AddField(
            model_name="stockcountline",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.sku", verbose_name="SKU"
            ),
        ),
        migrations.AddField(
            model_name="transferorder",
            name="distribution",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="transfers",
                to="inventory.distribution",
                verbose_name="distribution",
            ),
        ),
        migrations.AddField(
            model_name="transferorder",
            name="document",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.stockdocument",
                verbose_name="stock document",
            ),
        ),
        migrations.AddField(
            model_name="transferorder",
            name="from_location",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.location",
                verbose_name="moved from",
            ),
        ),
        migrations.AddField(
            model_name="transferorder",
            name="to_location",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.location",
                verbose_name="moved to",
            ),
        ),
        migrations.AddField(
            model_name="transferorderline",
            name="order",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="inventory.transferorder",
                verbose_name="transfer order",
            ),
        ),
        migrations.AddField(
            model_name="transferorderline",
            name="sku",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.sku", verbose_name="SKU"
            ),
        ),
        migrations.AddConstraint(
            model_name="distribution",
            constraint=models.UniqueConstraint(
                fields=("external_id",),
                name="one_distribution_per_number",
                violation_error_message="There is a distribution with this number already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="distributionline",
            constraint=models.UniqueConstraint(
                fields=("distribution", "sku", "location"), name="one_line_per_sku_and_destination"
            ),
        ),
        migrations.AddConstraint(
            model_name="patternshare",
            constraint=models.UniqueConstraint(
                fields=("pattern", "location"),
                name="one_share_per_pattern_and_location",
                violation_error_message="This location is in the pattern already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="patternshare",
            constraint=models.CheckConstraint(
                condition=models.Q(("weight__gte", 1)),
                name="share_has_weight",
                violation_error_message="A weight is at least 1.",
            ),
        ),
        migrations.AddIndex(
            model_name="stockcount",
            index=models.Index(fields=["state", "location"], name="stocktake_by_state"),
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.UniqueConstraint(
                fields=("external_id",),
                name="one_stocktake_per_number",
                violation_error_message="There is a stocktake with this number already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", ""),
                    models.Q(
                        models.Q(("approved_by", models.F("requested_by")), _negated=True),
                        models.Q(("approved_by", models.F("started_by")), _negated=True),
                        models.Q(("approved_by", models.F("closed_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="stocktake_approved_by_another",
                violation_error_message="Whoever started, ended or asks for a stocktake does not approve it.",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["POSTING", "POSTED"]), _negated=True),
                    ("needs_approval", False),
                    models.Q(("approved_by", ""), _negated=True),
                    _connector="OR",
                ),
                name="stocktake_posted_when_approved",
                violation_error_message="This stocktake waits for its approval.",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["PREPARING", "CANCELLED"]), ("frozen_at__isnull", False), _connector="OR"
                ),
                name="stocktake_counted_when_frozen",
                violation_error_message="The list of this stocktake is not frozen yet.",
            ),
        ),
        migrations.AddIndex(
            model_name="stockcountentry",
            index=models.Index(fields=["count", "sku"], name="count_entry_by_sku"),
        ),
        migrations.AddIndex(
            model_name="stockcountentry",
            index=models.Index(fields=["count", "sheet", "id"], name="count_entry_by_sheet"),
        ),
        migrations.AddConstraint(
            model_name="stockcountentry",
            constraint=models.UniqueConstraint(fields=("count", "key"), name="one_entry_per_stocktake_and_key"),
        ),
        migrations.AddConstraint(
            model_name="stockcountentry",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("kind", "RECOUNT"), _negated=True), ("quantity__gte", 0), _connector="OR"),
                name="recount_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockcountline",
            constraint=models.UniqueConstraint(fields=("count", "sku"), name="one_line_per_stocktake_and_sku"),
        ),
        migrations.AddConstraint(
            model_name="stockcountline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("posted_at__isnull", True),
                    models.Q(
                        ("counted__isnull", False), ("document__isnull", False), ("posted_difference__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="posted_line_was_counted",
            ),
        ),
        migrations.AddIndex(
            model_name="transferorder",
            index=models.Index(fields=["state", "to_location"], name="transfer_order_by_state"),
        ),
        migrations.AddConstraint(
            model_name="transferorder",
            constraint=models.UniqueConstraint(
                fields=("external_id",),
                name="one_transfer_order_per_number",
                violation_error_message="There is a transfer with this number already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferorder",
            constraint=models.CheckConstraint(
                condition=models.Q(("from_location", models.F("to_location")), _negated=True),
                name="transfer_goes_elsewhere",
                violation_error_message="The pieces are there already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("loss_approved_by", ""),
                    models.Q(
                        models.Q(("loss_approved_by", models.F("reported_by")), _negated=True),
                        models.Q(("loss_approved_by", models.F("received_by")), _negated=True),
                        models.Q(("loss_approved_by", models.F("shipped_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="loss_approved_by_another",
                violation_error_message="Whoever shipped, received or reported it does not approve the loss.",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferorderline",
            constraint=models.UniqueConstraint(fields=("order", "sku"), name="one_line_per_transfer_order_and_sku"),
        ),
        migrations.AddConstraint(
            model_name="transferorderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("shipped__lte", models.F("quantity"))),
                name="not_more_shipped_than_asked",
            ),
        ),
        migrations.AddConstraint(
            model_name="transferorderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "shipped__gte",
                        django.db.models.expressions.CombinedExpression(models.F("received"), "+", models.F("lost")),
                    )
                ),
                name="not_more_arrived_than_shipped",
            ),
        ),
        append_only("inventory_stockcountentry"),
        audited("inventory_stockcount", inserts=False, columns=OF_STOCKTAKE),
        never_deleted("inventory_stockcount"),
        migrations.RunSQL(APPROVED_BY_ANOTHER, NOT_APPROVED_BY_ANOTHER),
        audited("inventory_distributionpattern"),
        audited("inventory_patternshare"),
        audited("inventory_distribution", inserts=False),
        never_deleted("inventory_distribution"),
        audited("inventory_transferorder", inserts=False),
        never_deleted("inventory_transferorder"),
    ]
