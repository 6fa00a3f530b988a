"""Reserving as one call of the database: what every order of a popular SKU waits for is held for one round trip, not for three.

Lock, then act, in two statements: each statement of a VOLATILE function sees what was committed before it began, so the one that acts sees
what the one that locks had to wait for. What is dealt out is reckoned from the locked rows in the function itself, and written by two statements:
one statement that dealt and wrote would be ten joins, sorts and windows to set up for one piece of one SKU. Called by ``services.reservations`` only.
"""

from django.db import migrations

# What the channel sells from.
SELLS = """(
    SELECT cl.location_id, cl.rank FROM inventory_channellocation cl JOIN inventory_location place ON place.id = cl.location_id
    WHERE cl.channel_id = p_channel AND place.is_active AND place.kind <> ALL (p_not_for_sale)
      AND (place.kind <> 'MALL_HELD' OR place.holder_channel_id = p_channel)
) sells"""

# By primary key: two calls that share SKUs queue up instead of deadlocking. Told with each balance is what lies free in it: a row that the lock had to
# wait for is read anew, its free pieces with it. The places of a SKU lie together, best rank first; those that only a hold brought are last of theirs
# and have no rank.
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
    sells=f"JOIN {SELLS} ON sells.location_id = b.location_id", wanted="b.sku_id = ANY (p_skus)"
)
# A hold's balances are locked with the others, wherever they lie: the channel may have dropped the location since. Their rank is NULL.
LOCK_SELLABLE_AND_HELD = LOCK.format(
    sells=f"LEFT JOIN {SELLS} ON sells.location_id = b.location_id",
    wanted=f"""b.id IN (
        SELECT wanted.id FROM inventory_stockbalance wanted JOIN {SELLS} ON sells.location_id = wanted.location_id
        WHERE wanted.sku_id = ANY (p_skus)
        UNION
        SELECT claimed.id FROM inventory_hold hold JOIN inventory_holdline line ON line.hold_id = hold.id
        JOIN inventory_stockbalance claimed ON claimed.sku_id = line.sku_id AND claimed.location_id = line.location_id
        WHERE hold.channel_id = p_channel AND hold.ref = ANY (p_hold_refs) AND line.released_at IS NULL)""",  # noqa: S608
)

ANNOUNCE = """
        INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
        SELECT (SELECT max(id) FROM core_feedepoch), 'stock', n.key, '', clock_timestamp()
        FROM (SELECT DISTINCT sku_id::text AS key FROM {source}) n"""

# Of a quota: the pieces that a channel reserves count as used of its own; a claim that was given back begins anew.
IN_FORCE = "coalesce(q.starts_at <= p_at, true) AND coalesce(q.ends_at > p_at, true)"

# Demands and supplies of a SKU lie end to end on one line each: a demand gets what lies opposite to it, which is what dealing out in the
# order of the demands gives. Each document has lines of its own. ``supply`` has document_id, id, sku_id, location_id, rank, free, upto.
DEAL_KEPT = f"""
    demand AS MATERIALIZED (
        SELECT d.*, sum(d.quantity) OVER (PARTITION BY d.document_id, d.sku_id ORDER BY d.place) AS upto
        FROM unnest(p_documents, p_lines, p_skus, p_quantities, p_priorities)
             WITH ORDINALITY AS d (document_id, document_line, sku_id, quantity, priority, place)
    ), dealt AS MATERIALIZED (
        SELECT d.place, d.document_id, d.document_line, d.sku_id, d.priority, s.location_id, s.id AS balance_id, s.rank,
               (least(d.upto, s.upto) - greatest(d.upto - d.quantity, s.upto - s.free))::int AS quantity
        FROM demand d JOIN supply s ON d.quantity > 0 AND s.sku_id = d.sku_id AND s.document_id = d.document_id
             AND d.upto - d.quantity < s.upto AND s.upto - s.free < d.upto
    ), reserved AS (
        INSERT INTO inventory_reservation AS r (document_type, reserved_at, actor, consumed, released,
                                                document_id, document_line, sku_id, location_id, quantity, priority, quota_id)
        SELECT p_type, p_at, p_actor, 0, 0, document_id, document_line, sku_id, location_id, sum(quantity), max(priority),
               (SELECT q.id FROM inventory_channelquota q WHERE q.sku_id = dealt.sku_id AND q.channel_id = p_channel AND {IN_FORCE})
        FROM dealt GROUP BY document_id, document_line, sku_id, location_id ORDER BY min(place), min(rank), min(balance_id)
        ON CONFLICT (document_type, document_id, document_line, sku_id, location_id) DO UPDATE
        SET quantity = r.quantity + EXCLUDED.quantity, priority = EXCLUDED.priority,
            reserved_at = EXCLUDED.reserved_at, actor = EXCLUDED.actor,
            quota_id = CASE WHEN r.quantity + r.consumed = 0 THEN EXCLUDED.quota_id ELSE r.quota_id END
    )"""  # noqa: S608 - made of our own constants only

RESERVE = f"""
CREATE FUNCTION inventory_reserve(
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
        ) {ANNOUNCE.format(source="given_back")};
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
        ), {DEAL_KEPT}, given_back AS (
            UPDATE inventory_stockbalance b SET allocated = b.allocated - n.pieces, version = b.version + 1
            FROM (
                SELECT k.id, sum(k.quantity) - coalesce((SELECT sum(d.quantity) FROM dealt d WHERE d.balance_id = k.id), 0) AS pieces
                FROM kept k GROUP BY k.id
            ) n
            WHERE b.id = n.id AND n.pieces <> 0
            RETURNING b.sku_id
        ), announced AS ({ANNOUNCE.format(source="given_back")})
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
        WHERE q.sku_id = ANY (p_skus) AND (q.is_binding OR q.channel_id = p_channel) AND {IN_FORCE}
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
    ) {ANNOUNCE.format(source="claimed")};

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


class Migration(migrations.Migration):
    dependencies = [("inventory", "0002_guards")]

    operations = [migrations.RunSQL(RESERVE, "DROP FUNCTION inventory_reserve")]
