"""Promises against what is expected, and the kinds of holds."""

import django.db.models.deletion
from django.db import migrations, models

from erp.core.triggers import audited

# A promise is refused where all promises of its receipt are more than the receipt still brings. The receipts are locked in one statement and
# counted in the next, so that two who promise the last pieces at once follow each other.
FITS = """
CREATE FUNCTION inventory_still_to_come(r inventory_expectedreceipt) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN r.cancelled_at IS NULL THEN r.quantity - r.received_quantity ELSE 0 END
$$;
CREATE FUNCTION inventory_promises_fit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_receipts bigint[]; v_over bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(DISTINCT expected_receipt_id) INTO v_receipts FROM new_rows;
    ELSE
        SELECT array_agg(expected_receipt_id) INTO v_receipts FROM (
            SELECT expected_receipt_id FROM (
                SELECT expected_receipt_id, quantity FROM new_rows UNION ALL SELECT expected_receipt_id, -quantity FROM old_rows
            ) change GROUP BY expected_receipt_id HAVING sum(quantity) > 0
        ) raised;
    END IF;
    IF v_receipts IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM FROM inventory_expectedreceipt WHERE id = ANY (v_receipts) ORDER BY id FOR NO KEY UPDATE;
    SELECT r.id INTO v_over FROM inventory_expectedreceipt r
    WHERE r.id = ANY (v_receipts)
      AND (SELECT sum(p.quantity) FROM inventory_promise p WHERE p.expected_receipt_id = r.id) > inventory_still_to_come(r) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'expected receipt % is promised beyond what it brings', v_over
            USING ERRCODE = 'check_violation', CONSTRAINT = 'promised_within_receipt', TABLE = 'inventory_promise';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_promise_fits_insert AFTER INSERT ON inventory_promise
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION inventory_promises_fit();
CREATE TRIGGER inventory_promise_fits_update AFTER UPDATE ON inventory_promise
REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION inventory_promises_fit();
"""
NO_FITS = """
DROP TRIGGER inventory_promise_fits_insert ON inventory_promise; DROP TRIGGER inventory_promise_fits_update ON inventory_promise;
DROP FUNCTION inventory_promises_fit; DROP FUNCTION inventory_still_to_come;
"""

# Where a receipt brings less, whoever wrote that, the last promises are taken back. What somebody is changing at this moment is left to them:
# they wait for balances that whoever receives may hold.
TRIM = """
CREATE FUNCTION inventory_promises_trimmed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_ids bigint[];
BEGIN
    SELECT array_agg(mine.id) INTO v_ids FROM (
        SELECT p.id FROM new_rows now JOIN old_rows before USING (id) JOIN inventory_promise p ON p.expected_receipt_id = now.id
        WHERE (now.cancelled_at IS NOT NULL) > (before.cancelled_at IS NOT NULL)
           OR now.quantity - now.received_quantity < before.quantity - before.received_quantity
        ORDER BY p.id FOR UPDATE OF p SKIP LOCKED
    ) mine;
    IF v_ids IS NULL THEN
        RETURN NULL;
    END IF;
    WITH over AS (
        SELECT p.id, p.arrived, p.quantity, least(p.quantity, greatest(
            sum(p.quantity) OVER (PARTITION BY p.expected_receipt_id ORDER BY p.priority, p.id) - inventory_still_to_come(r), 0)) AS cut
        FROM inventory_promise p JOIN inventory_expectedreceipt r ON r.id = p.expected_receipt_id WHERE p.id = ANY (v_ids)
    ), gone AS (
        DELETE FROM inventory_promise p USING over WHERE p.id = over.id AND over.cut = over.quantity AND over.arrived = 0
    )
    UPDATE inventory_promise p SET quantity = over.quantity - over.cut FROM over
    WHERE p.id = over.id AND over.cut > 0 AND NOT (over.cut = over.quantity AND over.arrived = 0);
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_expectedreceipt_trims AFTER UPDATE ON inventory_expectedreceipt
REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION inventory_promises_trimmed();
"""
NO_TRIM = """
DROP TRIGGER inventory_expectedreceipt_trims ON inventory_expectedreceipt; DROP FUNCTION inventory_promises_trimmed;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_policies"), ("catalog", "0002_guards"), ("core", "0002_guards")]
    operations = [
        migrations.CreateModel(
            name="Promise",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("document_type", models.CharField(max_length=20, verbose_name="document type")),
                ("document_id", models.BigIntegerField(verbose_name="document id")),
                ("document_line", models.BigIntegerField(verbose_name="document line")),
                ("quantity", models.PositiveIntegerField(verbose_name="quantity")),
                ("arrived", models.PositiveIntegerField(db_default=0, default=0, verbose_name="arrived")),
                ("priority", models.PositiveSmallIntegerField(default=50, verbose_name="priority")),
                ("promised_date", models.DateField(verbose_name="promised date")),
                ("promised_at", models.DateTimeField(verbose_name="promised at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "expected_receipt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="promises",
                        to="inventory.expectedreceipt",
                        verbose_name="expected receipt",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "promise of expected goods",
                "verbose_name_plural": "promises of expected goods",
                "indexes": [
                    models.Index(
                        condition=models.Q(("arrived__gt", 0)),
                        fields=["document_type", "id"],
                        name="promise_that_arrived",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("document_type", "document_id", "document_line", "sku", "expected_receipt"),
                        name="one_promise_per_document_line_and_receipt",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gt", 0), ("arrived__gt", 0), _connector="OR"),
                        name="promise_is_of_pieces",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="hold",
            name="filled_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="all pieces there at"),
        ),
        migrations.AddField(
            model_name="hold",
            name="owner_phone",
            field=models.CharField(blank=True, db_default="", default="", max_length=30, verbose_name="phone"),
        ),
        migrations.AddField(
            model_name="hold",
            name="priority",
            field=models.PositiveSmallIntegerField(db_default=50, default=50, verbose_name="priority"),
        ),
        migrations.AlterField(
            model_name="hold",
            name="kind",
            field=models.CharField(
                choices=[
                    ("CART", "Cart"),
                    ("QUOTE", "Quote"),
                    ("KEEP", "Kept for a customer"),
                    ("CUSTOMER_ORDER", "Customer order"),
                ],
                default="CART",
                max_length=20,
                verbose_name="kind",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", True), ("kind", "CUSTOMER_ORDER")),
                fields=["priority", "id"],
                name="open_customer_order",
            ),
        ),
        migrations.RunSQL(FITS, NO_FITS),
        migrations.RunSQL(TRIM, NO_TRIM),
        audited("inventory_promise", inserts=False),
    ]
