"""The promises that PostgreSQL keeps for stock: the ledger is final, and whoever changes a master or a claim leaves a trace."""

from django.db import migrations

from erp.core.triggers import append_only, audited, born_with_header

# By statement, so that a thousand rows of one channel are one change of its rules. In the order of channels, so that two never wait crosswise.
RULES_CHANGED = """
CREATE FUNCTION inventory_rules_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM inventory_count_rules(ARRAY(SELECT channel_id FROM new_rows));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM inventory_count_rules(ARRAY(SELECT channel_id FROM old_rows));
    ELSE
        PERFORM inventory_count_rules(ARRAY(SELECT channel_id FROM new_rows UNION ALL SELECT channel_id FROM old_rows));
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION inventory_place_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM inventory_count_rules(ARRAY(
        SELECT sold.channel_id FROM new_rows now JOIN old_rows before USING (id)
        JOIN inventory_channellocation sold ON sold.location_id = now.id
        WHERE (now.is_active, now.kind, now.holder_channel_id) IS DISTINCT FROM (before.is_active, before.kind, before.holder_channel_id)));
    RETURN NULL;
END $$;
CREATE FUNCTION inventory_count_rules(channels bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO inventory_channelrules AS known (channel_id, version)
    SELECT DISTINCT channel, 1 FROM unnest(channels) AS channel ORDER BY channel
    ON CONFLICT (channel_id) DO UPDATE SET version = known.version + 1;
$$;
CREATE TRIGGER inventory_location_rules AFTER UPDATE ON inventory_location
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION inventory_place_changed();
"""
NO_RULES_CHANGED = """
DROP TRIGGER inventory_location_rules ON inventory_location;
DROP FUNCTION inventory_rules_changed; DROP FUNCTION inventory_place_changed; DROP FUNCTION inventory_count_rules;
"""


def counts_rules(table: str) -> migrations.RunSQL:
    """Every change of ``table`` raises the version of the rules of the channels it is about."""
    tables = {"INSERT": "NEW TABLE AS new_rows", "DELETE": "OLD TABLE AS old_rows"}
    tables["UPDATE"] = "OLD TABLE AS old_rows NEW TABLE AS new_rows"
    return migrations.RunSQL(
        "".join(
            f"CREATE TRIGGER {table}_rules_{event.lower()} AFTER {event} ON {table} REFERENCING {told}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION inventory_rules_changed();"
            for event, told in tables.items()
        ),
        "".join(f"DROP TRIGGER {table}_rules_{event.lower()} ON {table};" for event in tables),
    )


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("core", "0002_guards")]

    operations = [
        append_only("inventory_stockdocument"),
        append_only("inventory_stockmovement"),
        born_with_header("inventory_stockmovement", header="inventory_stockdocument", key="document_id"),
        audited("inventory_location"),
        audited("inventory_shelf"),
        audited("inventory_shopstaff"),
        audited("inventory_costpool"),
        audited("inventory_channellocation"),
        audited("inventory_channelbuffer"),
        audited("inventory_reason"),
        audited("inventory_hold", inserts=False),
        audited("inventory_holdline", inserts=False),
        audited("inventory_expectedreceipt", inserts=False),
        audited("inventory_provisionalreceipt", inserts=False),
        migrations.RunSQL(RULES_CHANGED, NO_RULES_CHANGED),
        counts_rules("inventory_channellocation"),
        counts_rules("inventory_channelbuffer"),
    ]
