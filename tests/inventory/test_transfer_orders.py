"""Transfers over the road: claimed when asked for, received in parts, what is missing found or written off by another; and distributions of many."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from erp.core import checks
from erp.core.actors import Actor
from erp.core.errors import Conflict, InvalidInput, NotAllowedNow
from erp.core.models import StaffTask
from erp.inventory import services
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.models import Location, ProvisionalReceipt, StockDocument, TransferOrder
from erp.inventory.services import (
    HoldDemand,
    PhysicalLine,
    ReceiptLine,
    SortedLine,
    TransferLine,
    TransferRequest,
    WriteDownLine,
)
from tests.inventory.factories import CLERK, NOON, channel, entries, figures, location, pool, sku, statements, worth
from tests.racing import race
from tests.unlocked import fails_without

pytestmark = pytest.mark.django_db
CHIEF = Actor.staff("kacho", "test")


def receive(place, item, pieces, cost=1000):
    services.receive(
        external_id=f"R-{StockDocument.objects.count()}",
        location_id=place.pk,
        lines=[ReceiptLine(1, item.pk, pieces, Decimal(cost))],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )


def ask(start, end, pieces, number="M-1"):
    wanted = TransferRequest(number, start.pk, end.pk, {item.pk: count for item, count in pieces.items()})
    return services.request_transfers(requests=[wanted], at=NOON, by=CLERK)[0]


def ship(order_id, **options):
    return services.ship_transfer(order_id=order_id, occurred_at=NOON, at=NOON, by=CLERK, **options)


def take_in(order_id, pieces, name="IN-1", by=CLERK):
    return services.receive_transfer(
        external_id=name, order_id=order_id, pieces=pieces, occurred_at=NOON, at=NOON, by=by
    )


def line_of(order_id):
    return TransferOrder.objects.get(pk=order_id).lines.get()


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2", "P6") for fault in check.find()]


def road():
    return Location.objects.get(code="TRANSIT")


def test_a_transfer_claims_leaves_arrives_in_parts_and_its_rest_is_found():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 10)
    order_id = ask(warehouse, shop, {shirt: 6})
    assert (figures(shirt, warehouse), ask(warehouse, shop, {shirt: 6})) == ((10, 6), order_id)
    with pytest.raises(Conflict):
        ask(warehouse, shop, {shirt: 5})

    ship(order_id)
    line = line_of(order_id)
    assert (figures(shirt, warehouse), figures(shirt, road())) == ((4, 0), (6, 0))
    assert take_in(order_id, {line.pk: 4}) is False
    services.report_missing(order_id=order_id, at=NOON, by=CLERK)
    with pytest.raises(InvalidInput):
        take_in(order_id, {line.pk: 3}, name="IN-2")
    assert [take_in(order_id, {line.pk: 2}, name="IN-3") for _again in range(2)] == [True, True]

    order = TransferOrder.objects.get(pk=order_id)
    assert (order.state, order.reported_by, figures(shirt, shop), figures(shirt, road())) == (
        "DONE",
        "",
        (6, 0),
        (0, 0),
    )
    assert no_faults() == []


def test_what_is_lost_on_the_road_is_approved_by_another_at_the_value_it_was_sent_with():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 3, 1000)
    order_id = ask(warehouse, shop, {shirt: 3})
    ship(order_id)
    take_in(order_id, {line_of(order_id).pk: 2})
    receive(warehouse, shirt, 1, 5000)
    with pytest.raises(NotAllowedNow):
        services.write_off_missing(order_id=order_id, at=NOON, by=CHIEF)
    services.report_missing(order_id=order_id, at=NOON, by=CLERK)
    with pytest.raises(NotAllowedNow):
        services.write_off_missing(order_id=order_id, at=NOON, by=CLERK)
    with pytest.raises(IntegrityError), transaction.atomic():
        TransferOrder.objects.filter(pk=order_id).update(loss_approved_by=str(CLERK))

    for _again in range(2):
        services.write_off_missing(order_id=order_id, at=NOON, by=CHIEF)

    lost = StockDocument.objects.get(source_type="TRANSFER_LOSS")
    assert entries("TRANSFER_LOSS", lost.pk) == {("5150", "DEBIT"): 1000, ("1215", "CREDIT"): 1000}
    assert (line_of(order_id).lost, figures(shirt, road())) == (1, (0, 0))
    with pytest.raises(InvalidInput):
        take_in(order_id, {line_of(order_id).pk: 1}, name="IN-2")
    assert no_faults() == []


def test_a_part_may_leave_a_request_may_be_taken_back_and_a_physical_fact_takes_its_claim_first():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 5)
    first, second = ask(warehouse, shop, {shirt: 3}), ask(warehouse, shop, {shirt: 2}, "M-2")
    services.record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=warehouse.pk, lines=[PhysicalLine(1, shirt.pk, 1)],
        reason_code="DAMAGE", occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip
    assert figures(shirt, warehouse) == (4, 4)

    with pytest.raises(InsufficientStock):
        ship(second)
    assert services.cancel_transfers(order_ids=[first], at=NOON, by=CLERK) == 1
    ship(second, pieces={line_of(second).pk: 1})

    assert (figures(shirt, warehouse), figures(shirt, road())) == ((3, 0), (1, 0))
    with pytest.raises(NotAllowedNow):
        services.cancel_transfers(order_ids=[second], at=NOON, by=CLERK)
    assert no_faults() == []


def test_a_transfer_that_lost_pieces_is_no_task_any_more_once_it_is_whole_shipped_or_cancelled():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 10)
    shipped, cancelled, again = (ask(warehouse, shop, {shirt: 3}, f"M-{number}") for number in (1, 2, 3))

    def lost():
        return {task.subject_id: task.closed_at for task in StaffTask.objects.filter(kind="RESERVATION_LOST")}

    def ask_again():
        return services.ask_again(order_id=again, at=NOON, by=CLERK)

    services.record_physical_fact(
        source_type="LOSS",
        external_id="L-1",
        reason_code="LOSS",
        location_id=warehouse.pk,
        lines=[PhysicalLine(1, shirt.pk, 8)],
        occurred_at=NOON,
        at=NOON,
        by=CLERK,
    )
    assert (lost(), figures(shirt, warehouse)) == ({shipped: None, cancelled: None, again: None}, (2, 2))

    # Nothing is free: the task stays.
    assert ask_again() == 3
    assert lost()[again] is None
    receive(warehouse, shirt, 2)
    assert ask_again() == 1
    assert (lost()[again], figures(shirt, warehouse)) == (None, (4, 4))
    ship(shipped, pieces={line_of(shipped).pk: 2})
    assert (lost()[shipped], lost()[cancelled], line_of(shipped).shipped) == (NOON, None, 2)
    services.cancel_transfers(order_ids=[cancelled], at=NOON, by=CLERK)
    assert lost()[cancelled] == NOON
    receive(warehouse, shirt, 5)
    assert [ask_again(), ask_again()] == [0, 0]

    assert (lost()[again], figures(shirt, warehouse)) == (NOON, (7, 3))
    with pytest.raises(NotAllowedNow):
        services.ask_again(order_id=shipped, at=NOON, by=CLERK)
    ship(again)
    assert (line_of(again).shipped, no_faults()) == (3, [])


def distribute(source, to, goods, number="H-1"):
    return services.draft_distribution(
        external_id=number,
        source_id=source.pk,
        sku_ids=[item.pk for item in goods],
        to_ids=[place.pk for place in to],
        at=NOON,
        by=CLERK,
    )


def set_pieces(row, *shares):
    pieces = {(item.pk, place.pk): count for item, place, count in shares}
    services.set_distribution(distribution_id=row, pieces=pieces, at=NOON, by=CLERK)


def test_a_distribution_asks_for_all_its_transfers_or_none_and_is_undone_before_they_leave():
    warehouse, shops, shirt, hat = location(), [location("SHOP") for _ in range(3)], sku(), sku()
    receive(warehouse, shirt, 6)
    receive(warehouse, hat, 1)
    row = distribute(warehouse, shops, [shirt, hat])
    set_pieces(row, (shirt, shops[0], 3), (shirt, shops[1], 2), (hat, shops[1], 1), (hat, shops[2], 1))
    with pytest.raises(InsufficientStock) as refusal:
        services.confirm_distribution(distribution_id=row, at=NOON, by=CLERK)
    assert [(item.sku_code, item.wanted, item.left) for item in refusal.value.shortages] == [(hat.code, 2, 1)]
    assert (figures(shirt, warehouse), TransferOrder.objects.count()) == ((6, 0), 0)

    set_pieces(row, (shirt, shops[0], 3), (shirt, shops[1], 2), (hat, shops[1], 1))
    made = [services.confirm_distribution(distribution_id=row, at=NOON, by=CLERK) for _again in range(2)]
    assert (made[0] == made[1], len(made[0])) == (True, 2)
    assert (figures(shirt, warehouse), figures(hat, warehouse)) == ((6, 5), (1, 1))
    assert no_faults() == []

    assert services.undo_distribution(distribution_id=row, at=NOON, by=CLERK) == 2
    assert (figures(shirt, warehouse), figures(hat, warehouse)) == ((6, 0), (1, 0))

    again = distribute(warehouse, shops, [shirt], "H-2")
    set_pieces(again, (shirt, shops[0], 3), (shirt, shops[1], 3))
    ship(services.confirm_distribution(distribution_id=again, at=NOON, by=CLERK)[1])
    with pytest.raises(NotAllowedNow):
        services.undo_distribution(distribution_id=again, at=NOON, by=CLERK)
    assert (figures(shirt, warehouse), no_faults()) == ((3, 3), [])


def test_a_distribution_takes_as_many_statements_for_one_shop_as_for_ten():
    warehouse, shops, goods = location(), [location("SHOP") for _ in range(10)], [sku() for _ in range(5)]
    for item in goods:
        receive(warehouse, item, 30)
    small, large = distribute(warehouse, shops, goods, "H-1"), distribute(warehouse, shops, goods, "H-2")
    set_pieces(small, (goods[0], shops[0], 1))
    set_pieces(large, *[(item, shop, 2) for item in goods for shop in shops])

    def confirm(row):
        return statements(lambda: services.confirm_distribution(distribution_id=row, at=NOON, by=CLERK))

    one, ten = confirm(small), confirm(large)

    assert len(one) == len(ten)
    assert no_faults() == []


def test_proposals_never_share_out_more_than_there_is():
    available, to = {1: 7, 2: 0, 3: -2}, [10, 20, 30]

    assert services.equally(available, to) == {
        (1, 10): 2, (1, 20): 2, (1, 30): 2, (2, 10): 0, (2, 20): 0, (2, 30): 0, (3, 10): 0, (3, 20): 0, (3, 30): 0,
    }  # fmt: skip
    assert services.by_weight({1: 7}, {(1, 10): 3, (1, 20): 1}, to) == {(1, 10): 5, (1, 20): 1, (1, 30): 0}
    assert services.up_to({1: 7}, {(1, 10): 4}, {10: 5, 20: 5, 30: 5}, to) == {(1, 10): 0, (1, 20): 4, (1, 30): 3}
    assert services.up_to({1: 70}, {(1, 10): 4}, {10: 5, 20: 5, 30: 5}, to) == {(1, 10): 1, (1, 20): 5, (1, 30): 5}


def test_inspected_goods_become_sellable_defective_or_scrap_in_one_document():
    waiting, shop, shirt = location("INSPECTION"), location("SHOP"), sku()
    pool("DEFECT")
    receive(waiting, shirt, 6, 1000)

    def sort():
        return services.sort_inspected(
            external_id="K-1",
            location_id=waiting.pk,
            sellable_to_id=shop.pk,
            lines=[SortedLine(shirt.pk, sellable=3, defective=2, scrapped=1)],
            occurred_at=NOON,
            at=NOON,
            by=CLERK,
        )

    booked, again = sort(), sort()

    defects = Location.objects.get(code="DEFECT")
    assert (figures(shirt, waiting), figures(shirt, shop), figures(shirt, defects)) == ((0, 0), (3, 0), (2, 0))
    assert (worth(shirt), worth(shirt, "DEFECT")) == ((3, Decimal(3000)), (2, Decimal(2000)))
    # Defective goods stay on the account of goods: only the scrap is a loss.
    assert entries("SORTING", booked.document_id) == {("5150", "DEBIT"): 1000, ("1210", "CREDIT"): 1000}
    assert (again.is_replay, no_faults()) == (True, [])


@fails_without("inventory.transfer_orders._locked[rows]")
@pytest.mark.django_db(transaction=True)
def test_a_transfer_that_two_let_leave_leaves_once():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 4)
    order_id = ask(warehouse, shop, {shirt: 2})

    outcomes = race(lambda: ship(order_id), lambda: ship(order_id), hold=TransferOrder.objects.all())

    assert outcomes[0] == outcomes[1]
    assert (figures(shirt, warehouse), figures(shirt, road())) == ((2, 0), (2, 0))


def test_whoever_received_a_part_or_reported_it_first_does_not_approve_the_loss_either():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    first, second = Actor.staff("ichiro", "test"), Actor.staff("jiro", "test")
    receive(warehouse, shirt, 5)
    order_id = ask(warehouse, shop, {shirt: 5})
    ship(order_id)
    line = line_of(order_id)
    take_in(order_id, {line.pk: 1}, name="IN-1", by=first)
    take_in(order_id, {line.pk: 1}, name="IN-2", by=CLERK)
    for who in (second, CLERK):
        services.report_missing(order_id=order_id, at=NOON, by=who)

    for involved in (first, second):
        with pytest.raises(NotAllowedNow):
            services.write_off_missing(order_id=order_id, at=NOON, by=involved)
    services.write_off_missing(order_id=order_id, at=NOON, by=CHIEF)

    assert line_of(order_id).lost == 3


@pytest.mark.parametrize("lost", [False, True])
def test_goods_that_are_written_down_on_the_road_arrive_or_are_lost_at_what_is_left(lost):
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 3, 100)
    order_id = ask(warehouse, shop, {shirt: 3})
    ship(order_id)
    services.write_down(
        external_id="W-1", location_id=road().pk, lines=[WriteDownLine(1, shirt.pk, Decimal(150))], occurred_at=NOON, at=NOON,
        by=CLERK,
    )  # fmt: skip
    take_in(order_id, {line_of(order_id).pk: 1})

    if lost:
        services.report_missing(order_id=order_id, at=NOON, by=CLERK)
        services.write_off_missing(order_id=order_id, at=NOON, by=CHIEF)
    else:
        take_in(order_id, {line_of(order_id).pk: 2}, name="IN-2")

    assert worth(shirt) == ((1, 100) if lost else (3, 150))
    assert worth(shirt, "IN_TRANSIT") == (0, 0)
    assert no_faults() == []


def test_what_had_left_before_anybody_noted_that_it_came_is_not_there_once_more():
    """Two of ten leave out of the box before it is scanned, and come in provisionally: the arrival brings eight."""
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 10, 100)
    order_id = ask(warehouse, shop, {shirt: 10})
    ship(order_id)
    # Whose line has the same number as that of the transfer.
    gone = [PhysicalLine(line_of(order_id).pk, shirt.pk, 2)]
    services.record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=shop.pk, lines=gone, reason_code="DAMAGE", occurred_at=NOON,
        at=NOON, by=CLERK,
    )  # fmt: skip

    assert take_in(order_id, {line_of(order_id).pk: 6}) is False
    assert take_in(order_id, {line_of(order_id).pk: 4}, name="IN-2") is True

    row = ProvisionalReceipt.objects.get()
    assert (figures(shirt, shop), row.settled_quantity, worth(shirt)) == ((8, 0), 2, (8, 800))
    assert no_faults() == []


def test_a_transfer_in_one_step_explains_what_had_left_beyond_the_books_too():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 10, 100)
    services.record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=shop.pk, lines=[PhysicalLine(1, shirt.pk, 2)], reason_code="DAMAGE",
        occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip

    services.transfer(
        external_id="T-1", from_location_id=warehouse.pk, to_location_id=shop.pk, lines=[TransferLine(1, shirt.pk, 5)],
        occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip

    assert (figures(shirt, shop), worth(shirt)) == ((3, 0), (8, 800))
    assert no_faults() == []


def test_inspected_goods_explain_what_had_left_beyond_the_books_too():
    """Somebody carries the box to the shop and sells two of its five before the inspection is typed."""
    waiting, shop, shirt = location("INSPECTION"), location("SHOP"), sku()
    receive(waiting, shirt, 5, 100)
    services.record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=shop.pk, lines=[PhysicalLine(1, shirt.pk, 2)], reason_code="DAMAGE",
        occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip

    services.sort_inspected(
        external_id="K-1", location_id=waiting.pk, sellable_to_id=shop.pk, lines=[SortedLine(shirt.pk, sellable=5)],
        occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip

    assert (figures(shirt, shop), ProvisionalReceipt.objects.get().settled_quantity) == ((3, 0), 2)
    assert (worth(shirt), no_faults()) == ((3, 300), [])


def test_what_is_kept_for_a_customer_is_lost_after_what_is_to_go_to_another_shop():
    warehouse, shop, shirt = location(), location("SHOP"), sku()
    receive(warehouse, shirt, 2)
    order_id = ask(warehouse, shop, {shirt: 1})
    services.place_hold(
        channel_id=channel(warehouse).pk, ref="K-1", kind="KEEP", lines=[HoldDemand(shirt.pk, 1)], at=NOON, by=CLERK
    )  # fmt: skip

    services.record_physical_fact(
        source_type="DAMAGE", external_id="D-1", location_id=warehouse.pk, lines=[PhysicalLine(1, shirt.pk, 1)],
        reason_code="DAMAGE", occurred_at=NOON, at=NOON, by=CLERK,
    )  # fmt: skip

    lost = StaffTask.objects.filter(kind__in=["RESERVATION_LOST", "HOLD_LOST"])
    assert list(lost.values_list("kind", "subject_id")) == [("RESERVATION_LOST", order_id)]
    assert no_faults() == []
