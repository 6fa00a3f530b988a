"""Reserving in a third of the server's time: what is dealt out is reckoned from the locked rows in the function itself, and written by two statements.

One statement that dealt and wrote was ten joins, sorts and windows to set up for one piece of one SKU. And claims without a quota, nearly all of
them, call no trigger: each statement called two, to find that it had nothing to count. What is refused and kept is what it was.
"""

from importlib import import_module

from django.db import migrations

before = import_module("erp.inventory.migrations.0003_reserve")
before_policies = import_module("erp.inventory.migrations.0004_policies")

# As before, and what lies free in each: a row that the lock had to wait for is read anew, its free pieces with it. The places of a SKU lie
# together, best rank first; those that only a hold brought are last of theirs and have no rank.
_IN_TURN = "ORDER BY b.sku_id, b.rank, b.id"
LOCK = f"""
    SELECT array_agg(b.id), array_agg(b.sku_id), array_agg(b.location_id), array_agg(b.rank), array_agg(b.free), bool_or(b.has_expired)
    INTO v_ids, v_skus, v_places, v_ranks, v_free, v_has_expired
    FROM (SELECT * FROM (
        SELECT b.id, b.sku_id, b.location_id, sells.rank, b.on_hand - b.allocated AS free, EXISTS (
                   SELECT FROM inventory_holdline h WHERE h.sku_id = b.sku_id AND h.location_id = b.location_id
                   AND h.released_at IS NULL AND h.expires_at <= p_at) AS has_expired
        FROM inventory_stockbalance b {{sells}} WHERE {{wanted}}
        ORDER BY b.id FOR NO KEY UPDATE OF b
    ) b {_IN_TURN}) b;
"""  # noqa: S608 - made of our own constants only
LOCK_SELLABLE = LOCK.format(
    sells=f"JOIN {before.SELLS} ON sells.location_id = b.location_id", wanted="b.sku_id = ANY (p_skus)"
)
LOCK_SELLABLE_AND_HELD = LOCK.format(
    sells=f"LEFT JOIN {before.SELLS} ON sells.location_id = b.location_id",
    wanted=f"""b.id IN (
        SELECT wanted.id FROM inventory_stockbalance wanted JOIN {before.SELLS} ON sells.location_id = wanted.location_id
        WHERE wanted.sku_id = ANY (p_skus)
        UNION
        SELECT claimed.id FROM inventory_hold hold JOIN inventory_holdline line ON line.hold_id = hold.id
        JOIN inventory_stockbalance claimed ON claimed.sku_id = line.sku_id AND claimed.location_id = line.location_id
        WHERE hold.channel_id = p_channel AND hold.ref = ANY (p_hold_refs) AND line.released_at IS NULL)""",  # noqa: S608
)

RESERVE = f"""
CREATE OR REPLACE FUNCTION inventory_reserve(
    p_channel bigint, p_not_for_sale text[], p_type text,
    p_documents bigint[], p_lines bigint[], p_skus bigint[], p_quantities int[], p_priorities smallint[],
    p_hold_documents bigint[], p_hold_refs text[], p_at timestamptz, p_actor text
) RETURNS TABLE (document_id bigint, document_line bigint, sku_id bigint, location_id bigint, quantity int)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[]; v_skus bigint[]; v_places bigint[]; v_ranks smallint[]; v_free int[]; v_has_expired boolean;
    v_own_demands bigint[]; v_own_places bigint[]; v_own_pieces int[];
    v_quota_skus bigint[]; v_quotas bigint[]; v_may bigint[];
    v_demands int[]; v_balances int[]; v_pieces int[]; v_of_quota bigint[]; v_taken int[];
    v_sku bigint; v_wanted int; v_gets int; v_there bigint; b int; q int;
BEGIN
    IF cardinality(p_hold_refs) = 0 THEN {LOCK_SELLABLE} ELSE {LOCK_SELLABLE_AND_HELD} END IF;
    IF v_ids IS NULL THEN RETURN; END IF;

    IF v_has_expired THEN
        WITH freed AS (
            UPDATE inventory_holdline line SET released_at = p_at FROM unnest(v_ids, v_skus, v_places) AS s (id, sku_id, location_id)
            WHERE line.sku_id = s.sku_id AND line.location_id = s.location_id AND line.released_at IS NULL AND line.expires_at <= p_at
            RETURNING s.id, line.quantity
        ), given_back AS (
            UPDATE inventory_stockbalance b SET allocated = b.allocated - n.pieces, version = b.version + 1
            FROM (SELECT id, sum(quantity) AS pieces FROM freed GROUP BY id) n WHERE b.id = n.id
            RETURNING b.sku_id
        ) {before.ANNOUNCE.format(source="given_back")};
    END IF;

    -- Every document first takes what its own hold had kept for it; what it does not want of that is free for all.
    -- Closing the hold's header is part of the statement: a hold converted once is gone.
    IF cardinality(p_hold_refs) > 0 THEN
        WITH closed AS (
            UPDATE inventory_hold SET closed_at = p_at
            WHERE channel_id = p_channel AND ref = ANY (p_hold_refs) AND closed_at IS NULL RETURNING id, ref
        ), kept AS (
            UPDATE inventory_holdline line SET released_at = p_at FROM closed, unnest(v_ids, v_skus, v_places) AS s (id, sku_id, location_id)
            WHERE line.hold_id = closed.id AND line.released_at IS NULL AND line.sku_id = s.sku_id AND line.location_id = s.location_id
            RETURNING closed.ref, s.id, s.sku_id, s.location_id, line.quantity
        ), supply AS MATERIALIZED (
            SELECT owner.document_id, k.id, k.sku_id, k.location_id, NULL::smallint AS rank, k.quantity AS free,
                   sum(k.quantity) OVER (PARTITION BY owner.document_id, k.sku_id ORDER BY k.id) AS upto
            FROM kept k JOIN unnest(p_hold_documents, p_hold_refs) AS owner (document_id, ref) ON owner.ref = k.ref
        ), {before.DEAL_KEPT}, given_back AS (
            UPDATE inventory_stockbalance b SET allocated = b.allocated - n.pieces, version = b.version + 1
            FROM (
                SELECT k.id, sum(k.quantity) - coalesce((SELECT sum(d.quantity) FROM dealt d WHERE d.balance_id = k.id), 0) AS pieces
                FROM kept k GROUP BY k.id
            ) n
            WHERE b.id = n.id AND n.pieces <> 0
            RETURNING b.sku_id
        ), announced AS ({before.ANNOUNCE.format(source="given_back")})
        SELECT array_agg(place), array_agg(location_id), array_agg(quantity) INTO v_own_demands, v_own_places, v_own_pieces FROM dealt;

        FOR i IN 1 .. coalesce(cardinality(v_own_demands), 0) LOOP
            p_quantities[v_own_demands[i]] := p_quantities[v_own_demands[i]] - v_own_pieces[i];
            RETURN QUERY SELECT p_documents[v_own_demands[i]], p_lines[v_own_demands[i]], p_skus[v_own_demands[i]],
                                v_own_places[i], v_own_pieces[i];
        END LOOP;
    END IF;

    IF v_has_expired OR cardinality(p_hold_refs) > 0 THEN
        SELECT array_agg(b.on_hand - b.allocated ORDER BY s.place) INTO v_free
        FROM unnest(v_ids) WITH ORDINALITY AS s (id, place) JOIN inventory_stockbalance b ON b.id = s.id;
    END IF;

    -- Of each SKU the channel's own quota in force, and what is left of binding ones of other channels. That is not there for this one:
    -- what it may take of all its places together is less by as much, and the best places are taken first.
    SELECT array_agg(n.sku_id), array_agg(n.own), array_agg(n.aside) INTO v_quota_skus, v_quotas, v_may FROM (
        SELECT q.sku_id, max(q.id) FILTER (WHERE q.channel_id = p_channel) AS own,
               sum(greatest(q.quantity - q.used, 0)) FILTER (WHERE q.channel_id <> p_channel) AS aside
        FROM inventory_channelquota q
        WHERE q.sku_id = ANY (p_skus) AND (q.is_binding OR q.channel_id = p_channel) AND {before.IN_FORCE}
        GROUP BY q.sku_id
    ) n;
    FOR q IN 1 .. coalesce(cardinality(v_quota_skus), 0) LOOP
        IF v_may[q] IS NOT NULL THEN
            v_there := 0;
            b := array_position(v_skus, v_quota_skus[q]);
            WHILE v_skus[b] = v_quota_skus[q] LOOP
                IF v_ranks[b] IS NOT NULL THEN v_there := v_there + v_free[b]; END IF;
                b := b + 1;
            END LOOP;
            v_may[q] := greatest(v_there - v_may[q], 0);
        END IF;
    END LOOP;

    -- A demand goes along the places of its SKU and takes what those before it left.
    v_taken := array_fill(0, ARRAY[cardinality(v_ids)]);
    FOR d IN 1 .. cardinality(p_documents) LOOP
        v_wanted := p_quantities[d]; v_sku := p_skus[d];
        b := array_position(v_skus, v_sku);
        q := array_position(v_quota_skus, v_sku);
        WHILE v_wanted > 0 AND v_skus[b] = v_sku LOOP
            v_gets := least(v_wanted, v_free[b], v_may[q]);
            IF v_gets > 0 AND v_ranks[b] IS NOT NULL THEN
                v_wanted := v_wanted - v_gets;
                v_free[b] := v_free[b] - v_gets;
                v_taken[b] := v_taken[b] + v_gets;
                IF v_may[q] IS NOT NULL THEN v_may[q] := v_may[q] - v_gets; END IF;
                v_demands := array_append(v_demands, d);
                v_balances := array_append(v_balances, b);
                v_pieces := array_append(v_pieces, v_gets);
                v_of_quota := array_append(v_of_quota, v_quotas[q]);
                document_id := p_documents[d]; document_line := p_lines[d]; sku_id := v_sku;
                location_id := v_places[b]; quantity := v_gets;
                RETURN NEXT;
            END IF;
            b := b + 1;
        END LOOP;
    END LOOP;
    IF v_demands IS NULL THEN RETURN; END IF;

    WITH claimed AS (
        UPDATE inventory_stockbalance b SET allocated = b.allocated + n.pieces, version = b.version + 1
        FROM unnest(v_ids, v_taken) AS n (id, pieces) WHERE b.id = n.id AND n.pieces > 0
        RETURNING b.sku_id
    ) {before.ANNOUNCE.format(source="claimed")};

    INSERT INTO inventory_reservation AS r (document_type, reserved_at, actor, consumed, released,
                                            document_id, document_line, sku_id, location_id, quantity, priority, quota_id)
    SELECT p_type, p_at, p_actor, 0, 0, p_documents[n.demand], p_lines[n.demand], v_skus[n.balance], v_places[n.balance],
           sum(n.pieces), max(p_priorities[n.demand]), min(n.quota_id)
    FROM unnest(v_demands, v_balances, v_pieces, v_of_quota) WITH ORDINALITY AS n (demand, balance, pieces, quota_id, place)
    GROUP BY p_documents[n.demand], p_lines[n.demand], v_skus[n.balance], v_places[n.balance] ORDER BY min(n.place)
    ON CONFLICT (document_type, document_id, document_line, sku_id, location_id) DO UPDATE
    SET quantity = r.quantity + EXCLUDED.quantity, priority = EXCLUDED.priority,
        reserved_at = EXCLUDED.reserved_at, actor = EXCLUDED.actor,
        quota_id = CASE WHEN r.quantity + r.consumed = 0 THEN EXCLUDED.quota_id ELSE r.quota_id END;
END $$;
"""  # noqa: S608 - made of our own constants only

# Called for the rows that are of a quota, and for no others. The first of a statement counts for all of them, as the trigger per statement did:
# it locks their quotas by primary key before it changes any. Row by row, in the order of their claims, two statements would deadlock.
USE_BY_CLAIMS = """
DROP TRIGGER inventory_reservation_uses_quota ON inventory_reservation; DROP TRIGGER inventory_reservation_changes_quota ON inventory_reservation;
CREATE OR REPLACE FUNCTION inventory_quota_used() RETURNS trigger LANGUAGE plpgsql AS $$
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


class Migration(migrations.Migration):
    dependencies = [("inventory", "0008_snapshots")]

    operations = [
        migrations.RunSQL(RESERVE, before.RESERVE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
        migrations.RunSQL(USE_BY_CLAIMS, before_policies.NO_QUOTA_USE + before_policies.QUOTA_USE),
    ]
