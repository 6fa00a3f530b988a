"""The other side of each ratio: raw psycopg, one PL/pgSQL call per order, writing the same rows into the same tables, durability on.

It decides nothing: no validation, no replay, no tax arithmetic, no customer. It is the limit that a careful service can be measured against.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from typing import Any

import psycopg

# Same tables, same indexes, same keys, same triggers as the services. Balances are locked in primary-key order, then updated.
FUNCTIONS = """
CREATE OR REPLACE FUNCTION bench_place(p_channel bigint, p_external text, p_skus bigint[], p_body jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_order bigint := nextval(pg_get_serial_sequence('orders_order', 'id'));
    v_delivery bigint := nextval(pg_get_serial_sequence('orders_delivery', 'id'));
    v_number text := 'SO-' || lpad(nextval('core_number_order')::text, 8, '0');
    v_lines bigint[] := ARRAY(SELECT nextval(pg_get_serial_sequence('orders_orderline', 'id')) FROM unnest(p_skus));
    v_count int := cardinality(p_skus);
    v_location bigint;
BEGIN
    INSERT INTO orders_delivery (id, order_id, ref, recipient_name, recipient_phone, postal_code, prefecture, city, street, building,
        method, carrier, time_slot, pickup_point, hide_prices)
    VALUES (v_delivery, v_order, '1', '', '', '', '', '', '', '', '', '', '', '', false);
    INSERT INTO orders_orderline (id, order_id, delivery_id, line_no, line_id, sku_id, sku_code, channel_item_code, name, options,
        quantity, shipped_quantity, cancelled_quantity, returned_quantity, unit_price, tax_included, tax_class, tax_code, tax_percent,
        charged_amount, discount_amount, net_amount, tax_amount, gross_amount)
    SELECT v_lines[i], v_order, v_delivery, i, i::text, p_skus[i], 'B-0001', '', 'Bench', '[]', 1, 0, 0, 0, 1100, true, 'STANDARD',
        'STANDARD_10', 10, 1100, 0, 1000, 100, 1100 FROM generate_series(1, v_count) i;
    INSERT INTO orders_orderlinecomponent (line_id, sku_id, quantity_per_unit)
    SELECT v_lines[i], p_skus[i], 1 FROM generate_series(1, v_count) i;
    INSERT INTO orders_ordertaxtotal (order_id, tax_code, tax_percent, net_amount, tax_amount, gross_amount)
    VALUES (v_order, 'STANDARD_10', 10, 1000 * v_count, 100 * v_count, 1100 * v_count);
    INSERT INTO orders_orderpayment (order_id, line_no, method, provider, amount, status, reference, must_be_paid_first, role,
        counterparty_id, received_amount, applied_amount, refunded_amount)
    VALUES (v_order, 1, 'CARD', '', 1100 * v_count, 'AUTHORIZED', '', false, 'receivable.card',
        (SELECT min(id) FROM accounting_counterparty), 0, 0, 0);
    PERFORM id FROM inventory_stockbalance WHERE sku_id = ANY(p_skus) ORDER BY id FOR NO KEY UPDATE;
    SELECT min(location_id) INTO v_location FROM inventory_stockbalance WHERE sku_id = p_skus[1];
    UPDATE inventory_stockbalance SET allocated = allocated + 1, version = version + 1 WHERE sku_id = ANY(p_skus);
    INSERT INTO inventory_reservation (document_type, document_id, document_line, sku_id, location_id, quantity, consumed, released,
        priority, reserved_at, actor)
    SELECT 'ORDER', v_order, v_lines[i], p_skus[i], v_location, 1, 0, 0, 50, now(), 'bench' FROM generate_series(1, v_count) i
    ON CONFLICT (document_type, document_id, document_line, sku_id, location_id) DO UPDATE SET quantity = EXCLUDED.quantity;
    INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
    SELECT (SELECT max(id) FROM core_feedepoch), 'stock', sku::text, '', clock_timestamp() FROM unnest(p_skus) sku;
    INSERT INTO orders_order (id, channel_id, external_id, number, revision, fingerprint, order_type, is_provisional, state, state_since,
        priority, ordered_at, order_date, currency, prices_include_tax, customer_po_number, orderer_name, orderer_kana, orderer_phone,
        orderer_email, revenue_basis, net_amount, tax_amount, total, amount_due, stated_total, exposure_amount, customer_note,
        shop_note, attributes, cancel_reason, recorded_at, actor, version)
    VALUES (v_order, p_channel, p_external, v_number, 1, repeat('f', 64), 'NORMAL', false, 'READY', now(), 50, now(), current_date, 'JPY', true,
        '', '', '', '', '', 'SHIPMENT', 1000 * v_count, 100 * v_count, 1100 * v_count, 1100 * v_count, 1100 * v_count, 0, '', '', '{}', '',
        now(), 'bench', 1);
    INSERT INTO orders_orderevent (order_id, kind, from_state, to_state, detail, recorded_at, actor)
    VALUES (v_order, 'PLACED', '', 'READY', '', now(), 'bench');
    INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
    VALUES ((SELECT max(id) FROM core_feedepoch), 'order', p_external, 'BENCH', clock_timestamp());
    INSERT INTO core_messagelog (direction, channel_id, kind, external_id, revision, body, fingerprint, outcome, detail, recorded_at, actor)
    VALUES ('IN', p_channel, 'order', p_external, 1, p_body, repeat('f', 64), 'DONE', '', now(), 'bench');
    RETURN v_order;
END $$;

CREATE OR REPLACE FUNCTION bench_ship(p_channel bigint, p_external text, p_skus bigint[], p_body jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_order bigint := bench_place(p_channel, p_external, p_skus, p_body);
    v_count int := cardinality(p_skus);
    v_shipment bigint; v_entry bigint; v_document bigint; v_item bigint; v_location bigint; v_number text;
    v_party bigint := (SELECT min(id) FROM accounting_counterparty);
BEGIN
    v_number := 'SH-' || lpad(nextval('core_number_shipment')::text, 8, '0');
    INSERT INTO orders_shipment (number, order_id, delivery_id, state, revenue_basis, instructed_at, carrier, tracking_number, net_amount,
        tax_amount, gross_amount, cost_amount, actor, version)
    SELECT v_number, v_order, id, 'INSTRUCTED', 'SHIPMENT', now(), '', '', 0, 0, 0, 0, 'bench', 1 FROM orders_delivery
    WHERE order_id = v_order RETURNING id INTO v_shipment;
    INSERT INTO orders_shipmentline (shipment_id, order_line_id, quantity, returned_quantity, net_amount, tax_amount, gross_amount, cost_amount)
    SELECT v_shipment, id, 1, 0, 0, 0, 0, 0 FROM orders_orderline WHERE order_id = v_order;
    INSERT INTO orders_orderevent (order_id, kind, from_state, to_state, detail, recorded_at, actor) VALUES
        (v_order, 'RELEASED', '', '', '', now(), 'bench'), (v_order, 'STATE', 'READY', 'PICKING', '', now(), 'bench');
    UPDATE orders_order SET state = 'PICKING', version = 2 WHERE id = v_order;
    PERFORM id FROM inventory_stockbalance WHERE sku_id = ANY(p_skus) ORDER BY id FOR NO KEY UPDATE;
    PERFORM id FROM inventory_costbalance WHERE sku_id = ANY(p_skus) ORDER BY sku_id FOR NO KEY UPDATE;
    SELECT min(location_id) INTO v_location FROM inventory_stockbalance WHERE sku_id = p_skus[1];
    INSERT INTO inventory_stockdocument (fingerprint, kind, source_type, source_id, external_id, note, occurred_at, recorded_at, actor)
    VALUES ('', 'ISSUE', 'SHIPMENT', v_shipment, '', '', now(), now(), 'bench') RETURNING id INTO v_document;
    INSERT INTO inventory_stockmovement (document_id, sku_id, location_id, quantity, balance_seq, on_hand_after, value, document_line,
        channel_id, occurred_at, recorded_at)
    SELECT v_document, b.sku_id, b.location_id, -1, b.balance_seq + 1, b.on_hand - 1, -420, l.id, p_channel, now(), now()
    FROM inventory_stockbalance b JOIN orders_orderline ol ON ol.order_id = v_order AND ol.sku_id = b.sku_id
    JOIN orders_shipmentline l ON l.order_line_id = ol.id WHERE b.sku_id = ANY(p_skus);
    UPDATE inventory_reservation SET quantity = 0, consumed = consumed + 1 WHERE document_type = 'ORDER' AND document_id = v_order;
    UPDATE inventory_stockbalance SET on_hand = on_hand - 1, allocated = allocated - 1, balance_seq = balance_seq + 1, version = version + 1
    WHERE sku_id = ANY(p_skus);
    UPDATE inventory_costbalance SET quantity = quantity - 1, value = value - 420, version = version + 1 WHERE sku_id = ANY(p_skus);
    INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
    SELECT (SELECT max(id) FROM core_feedepoch), 'stock', sku::text, '', clock_timestamp() FROM unnest(p_skus) sku;
    UPDATE orders_shipmentline SET net_amount = 1000, tax_amount = 100, gross_amount = 1100, cost_amount = 420 WHERE shipment_id = v_shipment;
    UPDATE orders_shipment SET state = 'SHIPPED', shipped_at = now(), ship_date = current_date, revenue_date = current_date,
        net_amount = 1000 * v_count, tax_amount = 100 * v_count, gross_amount = 1100 * v_count, cost_amount = 420 * v_count, version = 2
    WHERE id = v_shipment;
    UPDATE orders_orderline SET shipped_quantity = 1 WHERE order_id = v_order;
    UPDATE orders_orderpayment SET applied_amount = amount WHERE order_id = v_order;
    INSERT INTO accounting_journalentry (number, kind, entry_date, description, source_type, source_id, recorded_at, actor)
    VALUES ('JE-' || lpad(nextval('core_number_entry')::text, 8, '0'), 'AUTOMATIC', current_date, 'bench', 'SHIPMENT', v_shipment, now(),
        'bench') RETURNING id INTO v_entry;
    INSERT INTO accounting_openitem (account_id, side, party_kind, party_id, party_label, channel_id, document_type, document_id,
        document_label, item_date, currency, amount, settled_amount, version)
    VALUES ((SELECT id FROM accounting_ledgeraccount WHERE code = '1151'), 'DEBIT', 'COUNTERPARTY', v_party, 'bench', p_channel, 'SHIPMENT',
        v_shipment, v_number, current_date, 'JPY', 1100 * v_count, 0, 1) RETURNING id INTO v_item;
    INSERT INTO accounting_posting (entry_id, line_no, entry_date, account_id, side, amount, currency, channel_id, party_kind, party_id,
        tax_code, source_line, open_item_id, description)
    SELECT v_entry, row_number() OVER (), current_date, a.id, p.side, p.amount, 'JPY', p_channel, '', NULL, '', p.line,
        CASE a.code WHEN '1151' THEN v_item END, ''
    FROM (SELECT '1151' AS code, 'DEBIT' AS side, 1100 * v_count AS amount, NULL::bigint AS line
          UNION ALL SELECT '4110', 'CREDIT', 1000, id FROM orders_shipmentline WHERE shipment_id = v_shipment
          UNION ALL SELECT '2190', 'CREDIT', 100 * v_count, NULL
          UNION ALL SELECT '5110', 'DEBIT', 420 * v_count, NULL
          UNION ALL SELECT '1210', 'CREDIT', 420 * v_count, NULL) p
    JOIN accounting_ledgeraccount a ON a.code = p.code;
    INSERT INTO accounting_billableitem (kind, channel_id, addressee, document_type, document_id, document_line, document_number,
        order_number, customer_po_number, transaction_date, ship_to_name, item_code, description, quantity, unit_price, tax_included,
        tax_code, tax_percent, is_reduced, currency, net_amount, tax_amount, gross_amount, recorded_at, actor)
    SELECT 'GOODS', p_channel, '', 'SHIPMENT', v_shipment, id, v_number, v_number, '', current_date, '', 'B-0001', 'Bench', 1, 1100, true,
        'STANDARD_10', 10, false, 'JPY', 1000, 100, 1100, now(), 'bench' FROM orders_shipmentline WHERE shipment_id = v_shipment;
    INSERT INTO orders_orderevent (order_id, kind, from_state, to_state, detail, recorded_at, actor) VALUES
        (v_order, 'SHIPPED', '', '', v_number, now(), 'bench'), (v_order, 'STATE', 'PICKING', 'SHIPPED', '', now(), 'bench');
    UPDATE orders_order SET state = 'SHIPPED', version = 3 WHERE id = v_order;
    INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
    SELECT (SELECT max(id) FROM core_feedepoch), topic, key, 'BENCH', clock_timestamp()
    FROM (VALUES ('order', p_external), ('order', p_external), ('shipment', v_number)) AS news (topic, key);
    RETURN v_shipment;
END $$;
"""


PLAIN_JOIN = """
SELECT b.sku_id, b.location_id, place.code, place.kind, b.on_hand, b.allocated, b.version
FROM inventory_stockbalance b JOIN inventory_channellocation sold ON sold.location_id = b.location_id
JOIN inventory_location place ON place.id = b.location_id
WHERE sold.channel_id = %s AND b.sku_id = ANY(%s) ORDER BY b.sku_id, sold.rank
"""


class RawClient:
    """One connection that calls the functions. Bodies are built beforehand, as a client's would be."""

    def __init__(self, seed: int) -> None:
        self.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=1)
        self.random = random.Random(seed)
        self.keys = itertools.count()
        self.prefix = f"raw-{os.getpid()}-{seed}"
        self.channel = self._one("SELECT id FROM core_channel WHERE code = 'BENCH'")
        self.skus = [row[0] for row in self.connection.execute("SELECT id FROM catalog_sku ORDER BY id")]
        self.body = json.dumps(
            {"external_id": "A-1", "lines": [{"line_id": str(i), "sku": "B-0001", "quantity": 1} for i in range(3)]}
        )
        self.hot = self._one("SELECT min(id) FROM inventory_stockbalance")

    def place(self) -> int:
        return self._call("bench_place", self.random.sample(self.skus, 3))

    def ship(self) -> int:
        return self._call("bench_ship", self.random.sample(self.skus, 3))

    def availability(self) -> int:
        """What lies free of a thousand SKUs where the channel sells from, read and nothing else."""
        found = self.connection.execute(PLAIN_JOIN, [self.channel, self.skus]).fetchall()
        assert len(found) >= len(self.skus)
        return 1

    def update_hot(self) -> int:
        """The bare race: one row, one statement, one commit."""
        self.connection.execute(
            "UPDATE inventory_stockbalance SET allocated = allocated + 1, version = version + 1 WHERE id = %s",
            [self.hot],
        )
        return 1

    def _call(self, function: str, skus: list[int]) -> int:
        self.connection.execute(
            f"SELECT {function}(%s, %s, %s::bigint[], %s::jsonb)",
            [self.channel, f"{self.prefix}-{next(self.keys)}", skus, self.body],
        )
        return 1

    def _one(self, statement: str) -> Any:
        row = self.connection.execute(statement).fetchone()
        assert row is not None
        return row[0]
