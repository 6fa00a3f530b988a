"""What PostgreSQL keeps by itself, whoever writes: entries balance, nothing posted ever changes, control accounts keep their sub-ledger."""

from django.db import migrations
from django.db.migrations.operations import RunSQL

from erp.core.triggers import append_only, audited, born_with_header

# On the entry and deferred: one look per entry at commit, when its postings are there.
ENTRY_IS_SOUND = """
CREATE FUNCTION accounting_entry_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM accounting_posting WHERE entry_id = NEW.id)
       OR EXISTS (SELECT FROM accounting_posting WHERE entry_id = NEW.id GROUP BY currency
                  HAVING sum(CASE side WHEN 'DEBIT' THEN amount ELSE -amount END) <> 0) THEN
        RAISE EXCEPTION 'journal entry % has no lines or does not balance', NEW.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_lines_and_balances';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER accounting_journalentry_is_sound AFTER INSERT ON accounting_journalentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounting_entry_is_sound();
"""

# The shared lock of each month makes closing wait for entries under way, and entries wait for a closing under way;
# the next statement of the function then sees what the closing committed.
PERIOD_IS_OPEN = """
CREATE FUNCTION accounting_period_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE closed date;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(key) FROM (
        SELECT DISTINCT hashtextextended('books:' || to_char(entry_date, 'YYYY-MM'), 0) AS key FROM new_rows ORDER BY key) AS months;
    SELECT added.entry_date INTO closed FROM new_rows added JOIN accounting_period period
        ON period.state = 'CLOSED' AND added.entry_date BETWEEN period.starts_on AND period.ends_on LIMIT 1;
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION 'the books of % are closed', closed USING ERRCODE = 'check_violation', CONSTRAINT = 'books_are_open';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER accounting_journalentry_period_is_open AFTER INSERT ON accounting_journalentry
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION accounting_period_is_open();
"""

POSTING_IS_SOUND = """
CREATE FUNCTION accounting_posting_is_sound() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE fault text;
BEGIN
    SELECT CASE
            WHEN added.entry_date <> entry.entry_date THEN 'is dated unlike its entry'
            WHEN account.control = 'OPEN_ITEM' AND added.open_item_id IS NULL THEN 'is on a control account without an open item'
            WHEN account.control = 'STOCK' AND entry.kind = 'MANUAL' THEN 'is a manual one on a stock account'
            ELSE 'is on another account or in another currency than its open item'
        END || ' (entry ' || entry.number || ', account ' || account.code || ')' INTO fault
    FROM new_rows added
    JOIN accounting_journalentry entry ON entry.id = added.entry_id
    JOIN accounting_ledgeraccount account ON account.id = added.account_id
    LEFT JOIN accounting_openitem item ON item.id = added.open_item_id
    WHERE added.entry_date <> entry.entry_date
       OR (account.control = 'OPEN_ITEM' AND added.open_item_id IS NULL)
       OR (account.control = 'STOCK' AND entry.kind = 'MANUAL')
       OR item.account_id <> added.account_id OR item.currency <> added.currency
    LIMIT 1;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'a posting %', fault USING ERRCODE = 'check_violation', CONSTRAINT = 'posting_fits_its_account';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER accounting_posting_is_sound AFTER INSERT ON accounting_posting
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION accounting_posting_is_sound();
"""

OPEN_ITEM_KEEPS_ITS_TERMS = """
CREATE TRIGGER accounting_openitem_keeps_its_terms BEFORE UPDATE ON accounting_openitem FOR EACH ROW WHEN (
    ROW(OLD.id, OLD.account_id, OLD.side, OLD.party_kind, OLD.party_id, OLD.party_label, OLD.channel_id, OLD.document_type,
        OLD.document_id, OLD.document_label, OLD.item_date, OLD.due_date, OLD.currency, OLD.amount)
    IS DISTINCT FROM
    ROW(NEW.id, NEW.account_id, NEW.side, NEW.party_kind, NEW.party_id, NEW.party_label, NEW.channel_id, NEW.document_type,
        NEW.document_id, NEW.document_label, NEW.item_date, NEW.due_date, NEW.currency, NEW.amount))
    EXECUTE FUNCTION mamori_refuse_change();
CREATE TRIGGER accounting_openitem_no_delete BEFORE DELETE ON accounting_openitem
    FOR EACH ROW EXECUTE FUNCTION mamori_refuse_change();
CREATE TRIGGER accounting_openitem_no_truncate BEFORE TRUNCATE ON accounting_openitem
    FOR EACH STATEMENT EXECUTE FUNCTION mamori_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounting", "0001_initial"), ("core", "0002_guards")]

    operations = [
        RunSQL(
            ENTRY_IS_SOUND,
            "DROP TRIGGER accounting_journalentry_is_sound ON accounting_journalentry;"
            "DROP FUNCTION accounting_entry_is_sound;",
        ),
        RunSQL(
            PERIOD_IS_OPEN,
            "DROP TRIGGER accounting_journalentry_period_is_open ON accounting_journalentry;"
            "DROP FUNCTION accounting_period_is_open;",
        ),
        RunSQL(
            POSTING_IS_SOUND,
            "DROP TRIGGER accounting_posting_is_sound ON accounting_posting; DROP FUNCTION accounting_posting_is_sound;",
        ),
        RunSQL(
            OPEN_ITEM_KEEPS_ITS_TERMS,
            "DROP TRIGGER accounting_openitem_keeps_its_terms ON accounting_openitem;"
            "DROP TRIGGER accounting_openitem_no_delete ON accounting_openitem;"
            "DROP TRIGGER accounting_openitem_no_truncate ON accounting_openitem;",
        ),
        append_only("accounting_journalentry"),
        append_only("accounting_posting"),
        append_only("accounting_billableitem"),
        append_only("accounting_settlement"),
        append_only("accounting_seal"),
        append_only("accounting_exportrun"),
        append_only("accounting_exportedentry"),
        born_with_header("accounting_posting", header="accounting_journalentry", key="entry_id"),
        audited("accounting_ledgeraccount"),
        audited("accounting_accountrole"),
        audited("accounting_counterparty"),
        audited("accounting_paymentroute"),
        audited("accounting_period"),
        audited("accounting_exporttaxlabel"),
    ]
