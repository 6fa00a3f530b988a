"""Customer masters are audited; merges and the exposure ledger are final."""

from django.db import migrations
from django.db.migrations import RunSQL

from erp.core.triggers import append_only, audited

# What a source says of a shopper comes with every order, and the order keeps it: only later changes are news.
FROM_SOURCES = ["customers_goldencustomer", "customers_channelidentity"]
# The exposure of a credit group moves with every order and is the sum of its ledger, which is its own history; the terms are not.
CREDIT_TERMS = ["code", "name", "policy", "currency", "credit_limit", "temporary_limit", "temporary_limit_until"]
CREDIT_TERMS += ["limit_valid_until", "warning_percent", "is_frozen"]
MASTERS = ["customers_billto", "customers_account", "customers_shipto", "customers_contact"]
LEDGERS = ["customers_exposureentry", "customers_mergeevent"]

# A record moves only with the merge event that says so: otherwise nobody could undo it.
MERGE_EXPLAINS_MOVE = """
CREATE FUNCTION customers_merge_explains_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM customers_mergeevent WHERE record_id = NEW.id AND from_golden_id = OLD.golden_id
                   AND to_golden_id = NEW.golden_id AND created_xid = pg_current_xact_id()) THEN
        RAISE EXCEPTION 'customer record % cannot move without a merge event', NEW.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'merge_explains_move';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER customers_merge_explains_move AFTER UPDATE OF golden_id ON customers_customerrecord
    FOR EACH ROW WHEN (OLD.golden_id <> NEW.golden_id) EXECUTE FUNCTION customers_merge_explains_move();
"""
DROP_MERGE_EXPLAINS_MOVE = """
DROP TRIGGER customers_merge_explains_move ON customers_customerrecord;
DROP FUNCTION customers_merge_explains_move();
"""
# That a source spoke again is no change of what it said.
RECORD_CONTENT = ["golden_id", "channel_id", "kind", "company", "department", "family_name", "given_name"]
RECORD_CONTENT += ["family_kana", "given_kana", "email", "email_is_relay", "phone", "country", "postal_code"]
RECORD_CONTENT += ["prefecture", "city", "street", "building"]


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial"), ("core", "0002_guards")]

    operations = [
        *[audited(table, inserts=False) for table in FROM_SOURCES],
        *[audited(table) for table in MASTERS],
        audited("customers_customerrecord", inserts=False, columns=RECORD_CONTENT),
        audited("customers_creditgroup", columns=CREDIT_TERMS),
        *[append_only(table) for table in LEDGERS],
        RunSQL(MERGE_EXPLAINS_MOVE, DROP_MERGE_EXPLAINS_MOVE),
    ]
