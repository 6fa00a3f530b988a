"""The promises that PostgreSQL keeps for stock: the ledger is final, and whoever changes a master or a claim leaves a trace."""

from django.db import migrations

from erp.core.triggers import append_only, audited, born_with_header, never_deleted

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

# A kit has no stock of its own: what lies there under its number would be sold by nobody. What is just being received is waited for; a first
# receipt has no balance yet, and ``verify`` names what it leaves.
KIT_WITHOUT_STOCK = """
CREATE FUNCTION inventory_kit_without_stock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM FROM inventory_stockbalance WHERE sku_id = NEW.id ORDER BY id FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM inventory_stockbalance WHERE sku_id = NEW.id AND on_hand > 0) THEN
        RAISE EXCEPTION 'SKU % has stock and becomes no kit', NEW.code
            USING ERRCODE = 'check_violation', CONSTRAINT = 'kit_without_stock', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_sku_becomes_kit AFTER UPDATE OF is_kit ON catalog_sku
FOR EACH ROW WHEN (NEW.is_kit AND NOT OLD.is_kit) EXECUTE FUNCTION inventory_kit_without_stock();
"""
NOT_KIT_WITHOUT_STOCK = """
DROP TRIGGER inventory_sku_becomes_kit ON catalog_sku; DROP FUNCTION inventory_kit_without_stock;
"""

# How far a comparison has come is no event.
OF_STOCKTAKE = (
    "external_id", "location_id", "scope", "asked", "state", "uncounted", "note", "created_at", "opened_by", "frozen_at", "started_by",
    "closed_at", "closed_by", "requested_by", "needs_approval", "approved_at", "approved_by", "posted_at", "cancelled_at",
    "difference_pieces", "difference_value", "chunks",
)  # fmt: skip
TERMS_OF_POLICY = (
    "channel_id", "sku_id", "product_id", "category_id", "buffer", "buffer_percent", "last_pieces", "cap", "starts_at", "ends_at",
)  # fmt: skip
TERMS_OF_QUOTA = ("channel_id", "sku_id", "quantity", "is_binding", "starts_at", "ends_at")


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("core", "0002_guards")]

    operations = [
        # The ledger, and what was counted and summed up of it.
        append_only("inventory_stockdocument"),
        append_only("inventory_stockmovement"),
        born_with_header("inventory_stockmovement", header="inventory_stockdocument", key="document_id"),
        append_only("inventory_stockcountentry"),
        append_only("inventory_countrecord"),
        # Only a rebuild deletes, and says so: what it deletes is made again from the ledger.
        append_only("inventory_stocksnapshot", prunable="true"),
        # Masters and rules.
        audited("inventory_location"),
        audited("inventory_shelf"),
        audited("inventory_shopstaff"),
        audited("inventory_costpool"),
        audited("inventory_channellocation"),
        audited("inventory_channelpolicy", columns=TERMS_OF_POLICY),
        audited("inventory_channelquota", columns=TERMS_OF_QUOTA),
        audited("inventory_reason"),
        audited("inventory_distributionpattern"),
        audited("inventory_patternshare"),
        audited("inventory_standardcost"),
        audited("inventory_writedownrule"),
        audited("inventory_reorderrule"),
        # Claims and what is expected.
        audited("inventory_hold", inserts=False),
        audited("inventory_holdline", inserts=False),
        audited("inventory_promise", inserts=False),
        audited("inventory_expectedreceipt", inserts=False),
        audited("inventory_provisionalreceipt", inserts=False),
        # Documents.
        audited("inventory_stockcount", inserts=False, columns=OF_STOCKTAKE),
        never_deleted("inventory_stockcount"),
        audited("inventory_distribution", inserts=False),
        never_deleted("inventory_distribution"),
        audited("inventory_transferorder", inserts=False),
        never_deleted("inventory_transferorder"),
        audited("inventory_writedownreview", inserts=False),
        audited("inventory_writedownline", inserts=False),
        migrations.RunSQL(APPROVED_BY_ANOTHER, NOT_APPROVED_BY_ANOTHER),
        migrations.RunSQL(IN_HOUSE, NOT_IN_HOUSE),
        migrations.RunSQL(KIT_WITHOUT_STOCK, NOT_KIT_WITHOUT_STOCK),
    ]
