"""No more is promised than a receipt brings, and a snapshot is the sum of its movements: two figures that are kept beside what they are reckoned from."""

from django.db import migrations

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
    dependencies = [("inventory", "0004_rules_and_quotas")]

    operations = [
        migrations.RunSQL(FITS, NO_FITS),
        migrations.RunSQL(TRIM, NO_TRIM),
        migrations.RunSQL(IS_TRUE, NO_LONGER_TRUE),
    ]
