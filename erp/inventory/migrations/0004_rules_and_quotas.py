"""By which rules a channel is shown less than there is, and what is set aside for one: what counts their changes and their use."""

from django.db import migrations

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


# What is due next of a row is known from its dates; ``announce_due_policies`` moves it on and touches nothing else.
DUE = """
CREATE FUNCTION inventory_policy_is_due() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.due_at := coalesce(NEW.starts_at, NEW.ends_at);
    RETURN NEW;
END $$;
CREATE TRIGGER inventory_channelpolicy_due_new BEFORE INSERT ON inventory_channelpolicy
    FOR EACH ROW EXECUTE FUNCTION inventory_policy_is_due();
CREATE TRIGGER inventory_channelpolicy_due BEFORE UPDATE ON inventory_channelpolicy
    FOR EACH ROW WHEN ((OLD.starts_at, OLD.ends_at) IS DISTINCT FROM (NEW.starts_at, NEW.ends_at)) EXECUTE FUNCTION inventory_policy_is_due();
CREATE TRIGGER inventory_channelquota_due_new BEFORE INSERT ON inventory_channelquota
    FOR EACH ROW EXECUTE FUNCTION inventory_policy_is_due();
CREATE TRIGGER inventory_channelquota_due BEFORE UPDATE ON inventory_channelquota
    FOR EACH ROW WHEN ((OLD.starts_at, OLD.ends_at) IS DISTINCT FROM (NEW.starts_at, NEW.ends_at)) EXECUTE FUNCTION inventory_policy_is_due();
"""
NOTHING_DUE = """
DROP TRIGGER inventory_channelpolicy_due ON inventory_channelpolicy; DROP TRIGGER inventory_channelpolicy_due_new ON inventory_channelpolicy;
DROP TRIGGER inventory_channelquota_due ON inventory_channelquota; DROP TRIGGER inventory_channelquota_due_new ON inventory_channelquota;
DROP FUNCTION inventory_policy_is_due;
"""

# A quota is a rule of every other channel. What is used of it is no change of rules: its own version is part of theirs.
QUOTA_RULES = """
CREATE FUNCTION inventory_quota_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM inventory_count_rules(ARRAY(SELECT id FROM core_channel));
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_channelquota_rules AFTER INSERT OR DELETE ON inventory_channelquota
    FOR EACH ROW EXECUTE FUNCTION inventory_quota_changed();
CREATE TRIGGER inventory_channelquota_rules_update AFTER UPDATE ON inventory_channelquota FOR EACH ROW
    WHEN ((OLD.channel_id, OLD.sku_id, OLD.quantity, OLD.is_binding, OLD.starts_at, OLD.ends_at, OLD.due_at)
          IS DISTINCT FROM (NEW.channel_id, NEW.sku_id, NEW.quantity, NEW.is_binding, NEW.starts_at, NEW.ends_at, NEW.due_at))
    EXECUTE FUNCTION inventory_quota_changed();
"""
NO_QUOTA_RULES = """
DROP TRIGGER inventory_channelquota_rules ON inventory_channelquota; DROP TRIGGER inventory_channelquota_rules_update ON inventory_channelquota;
DROP FUNCTION inventory_quota_changed;
"""

# Used is what claims under the quota hold and what left under them. Called for the rows that are of a quota, and for no others: nearly all claims are
# of none. Whoever changes claims holds their balances, and a call that reserves holds all balances of its SKUs in the channel; but two that give back
# at different places share only quotas. So the first row of a statement counts for all of them, and locks their quotas by primary key before it changes
# any: row by row, in the order of their claims, two statements would deadlock.
QUOTA_USE = """
CREATE FUNCTION inventory_quota_used() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_ids bigint[]; v_pieces bigint[];
BEGIN
    IF NEW.id <> (SELECT id FROM new_claims WHERE quota_id IS NOT NULL LIMIT 1) THEN RETURN NULL; END IF;
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(quota_id), array_agg(pieces) INTO v_ids, v_pieces FROM (
            SELECT quota_id, sum(quantity + consumed) AS pieces FROM new_claims WHERE quota_id IS NOT NULL GROUP BY quota_id) n;
    ELSE
        SELECT array_agg(quota_id), array_agg(pieces) INTO v_ids, v_pieces FROM (
            SELECT n.quota_id, sum(n.quantity + n.consumed - o.quantity - o.consumed) AS pieces
            FROM new_claims n JOIN old_claims o ON o.id = n.id WHERE n.quota_id IS NOT NULL
            GROUP BY n.quota_id HAVING sum(n.quantity + n.consumed - o.quantity - o.consumed) <> 0) n;
    END IF;
    IF v_ids IS NULL THEN RETURN NULL; END IF;
    PERFORM FROM inventory_channelquota WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE inventory_channelquota q SET version = q.version + 1, used = q.used + n.pieces
    FROM unnest(v_ids, v_pieces) AS n (id, pieces) WHERE q.id = n.id;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_reservation_uses_quota AFTER INSERT ON inventory_reservation REFERENCING NEW TABLE AS new_claims
    FOR EACH ROW WHEN (NEW.quota_id IS NOT NULL) EXECUTE FUNCTION inventory_quota_used();
CREATE TRIGGER inventory_reservation_changes_quota AFTER UPDATE ON inventory_reservation
    REFERENCING OLD TABLE AS old_claims NEW TABLE AS new_claims
    FOR EACH ROW WHEN (NEW.quota_id IS NOT NULL) EXECUTE FUNCTION inventory_quota_used();
"""
NO_QUOTA_USE = """
DROP TRIGGER inventory_reservation_uses_quota ON inventory_reservation; DROP TRIGGER inventory_reservation_changes_quota ON inventory_reservation;
DROP FUNCTION inventory_quota_used;
"""

# A style that moves to another category, or a SKU to another style, falls under other rules: counted, and told to the channels that have any.
MOVED = """
CREATE FUNCTION inventory_goods_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_channels bigint[] := ARRAY(
    SELECT DISTINCT channel_id FROM inventory_channelpolicy WHERE product_id IS NOT NULL OR category_id IS NOT NULL);
BEGIN
    IF cardinality(v_channels) = 0 THEN RETURN NULL; END IF;
    PERFORM inventory_count_rules(v_channels);
    INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
    SELECT (SELECT max(id) FROM core_feedepoch), 'stock', sku.id::text, channel.code, clock_timestamp()
    FROM catalog_sku sku CROSS JOIN core_channel channel
    WHERE channel.id = ANY (v_channels)
      AND CASE WHEN TG_TABLE_NAME = 'catalog_sku' THEN sku.id = NEW.id ELSE sku.product_id = NEW.id END;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_style_moved AFTER UPDATE OF category_id ON catalog_product
    FOR EACH ROW WHEN (OLD.category_id IS DISTINCT FROM NEW.category_id) EXECUTE FUNCTION inventory_goods_moved();
CREATE TRIGGER inventory_sku_moved AFTER UPDATE OF product_id ON catalog_sku
    FOR EACH ROW WHEN (OLD.product_id <> NEW.product_id) EXECUTE FUNCTION inventory_goods_moved();
"""
NOT_MOVED = """
DROP TRIGGER inventory_style_moved ON catalog_product; DROP TRIGGER inventory_sku_moved ON catalog_sku; DROP FUNCTION inventory_goods_moved;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0003_reserve"), ("catalog", "0002_guards"), ("core", "0002_guards")]

    operations = [
        migrations.RunSQL(RULES_CHANGED, NO_RULES_CHANGED),
        counts_rules("inventory_channellocation"),
        counts_rules("inventory_channelpolicy"),
        migrations.RunSQL(DUE, NOTHING_DUE),
        migrations.RunSQL(QUOTA_RULES, NO_QUOTA_RULES),
        migrations.RunSQL(QUOTA_USE, NO_QUOTA_USE),
        migrations.RunSQL(MOVED, NOT_MOVED),
    ]
