"""入荷配分(受注): what came shared out among the orders of accounts; two who confirm at once; going on where it was broken off; taking it back."""

from __future__ import annotations

import datetime as dt
from unittest import mock

import pytest
from django.db import IntegrityError, transaction

from erp.core import checks
from erp.core.actors import Actor
from erp.core.errors import Conflict, InvalidInput, NotAllowedNow
from erp.core.models import ChangeRow
from erp.inventory.exceptions import InsufficientStock
from erp.inventory.models import ChannelQuota, Reservation, StockBalance
from erp.inventory.services import (
    Demand,
    HoldDemand,
    Share,
    in_turn,
    place_hold,
    release,
    reserve,
    reserve_at,
    within_wants,
)
from erp.orders.models import (
    AllocationRule,
    Order,
    OrderDistribution,
    OrderDistributionLine,
    OrderEvent,
    OrderState,
    OrderWait,
)
from erp.orders.selectors import distributed, missing_pieces, open_wants
from erp.orders.services import (
    allocate_by_hand,
    allocate_waiting,
    cancel_by_staff,
    confirm_order_distribution,
    distributing,
    draft_order_distribution,
    finish_order_distribution,
    foresee,
    go_on_with_order_distribution,
    place_order,
    release_orders,
    set_order_distribution,
    set_priority,
    undo_order_distribution,
)
from tests.customers.factories import account, bill_to
from tests.inventory.factories import channel as make_channel
from tests.inventory.factories import figures, location, sku, statements, stock
from tests.orders.factories import DESK, NOON, TODAY, kinds, line, order, placed, shop
from tests.racing import race
from tests.unlocked import fails_without

pytestmark = pytest.mark.django_db
CHIEF = Actor.staff("kacho", "test")


@pytest.fixture
def trade():
    """Three accounts whose orders wait for a hand, and ten shirts."""
    channel, place = shop(kind="WHOLESALE")
    AllocationRule.objects.create(channel=channel, mode="BY_HAND")
    accounts = [account(f"AC{n}", bill_to=bill_to(f"B{n}")) for n in (1, 2, 3)]
    shirt = sku()
    stock(shirt, place, 10)
    return channel, place, accounts, shirt


def wants(channel, code, *lines, number, **fields):
    return placed(channel, order(*lines, external_id=number, account_code=code, payments=(), **fields))


def draft(place, *skus, number="H-1", **fields):
    keys = [item.pk for item in skus]
    return draft_order_distribution(external_id=number, source_id=place.pk, sku_ids=keys, at=NOON, by=DESK, **fields)


def confirm(row, cells, *, kept=None, version=1, by=DESK):
    keyed = {(item.pk, who.pk): count for (item, who), count in cells.items()}
    left = {item.pk: count for item, count in (kept or {}).items()}
    return confirm_order_distribution(distribution_id=row, version=version, cells=keyed, kept_back=left, at=NOON, by=by)


def undo(row, by=DESK):
    return undo_order_distribution(distribution_id=row, at=NOON, by=by)


def waits(record):
    return list(OrderWait.objects.filter(order=record, closed_at=None).values_list("reason", flat=True))


def state(record):
    record.refresh_from_db()
    return record.state


def mine(record):
    return sum(
        Reservation.objects.filter(document_type="ORDER", document_id=record.pk).values_list("quantity", flat=True)
    )


def no_faults():
    return [fault for check in checks.registered() if check.promise in ("P1", "P2") for fault in check.find()]


def test_accounts_get_what_staff_decided_by_priority_and_age_and_the_rest_waits(trade):
    channel, place, (one, two, three), shirt = trade
    first = wants(channel, "AC1", line(shirt, 4), number="A-1")
    later = wants(channel, "AC1", line(shirt, 4), number="A-2")
    other = wants(channel, "AC2", line(shirt, 5), number="A-3")
    third = wants(channel, "AC3", line(shirt, 2), number="A-4")
    set_priority(order_ids=[later.pk], priority=10, at=NOON, by=DESK)
    row = draft(place, shirt)
    assert OrderDistribution.objects.get().asked == {"skus": [shirt.pk], "accounts": [one.pk, two.pk, three.pk]}

    outcome = confirm(row, {(shirt, one): 6, (shirt, two): 2})

    assert (outcome.pieces, outcome.asked, outcome.orders, outcome.is_replay) == (8, 8, 3, False)
    assert [mine(each) for each in (first, later, other, third)] == [2, 4, 2, 0]
    assert figures(shirt, place) == (10, 8)
    # The one with all its pieces waits for nobody's hand any more; the others wait, and no job gives them the rest.
    assert [waits(each) for each in (first, later, other)] == [["BY_HAND"], [], ["BY_HAND"]]
    assert (state(later), state(first)) == (OrderState.READY, OrderState.AWAITING_STOCK)
    allocate_waiting(at=NOON, by=DESK)
    assert figures(shirt, place) == (10, 8)
    assert OrderEvent.objects.filter(order=later, kind="ALLOCATED").get().detail == "入荷配分 H-1"
    assert ChangeRow.objects.filter(topic="order", key="A-2").exists()
    assert no_faults() == []


def test_what_is_kept_back_for_shops_is_given_to_nobody(trade):
    channel, place, (one, _two, _three), shirt = trade
    record = wants(channel, "AC1", line(shirt, 9), number="A-1")
    row = draft(place, shirt)

    with pytest.raises(InsufficientStock) as refusal:
        confirm(row, {(shirt, one): 8}, kept={shirt: 3})
    assert [(item.sku_code, item.wanted, item.left) for item in refusal.value.shortages] == [(shirt.code, 8, 7)]
    assert (OrderDistribution.objects.get().state, mine(record), figures(shirt, place)) == ("DRAFT", 0, (10, 0))

    assert confirm(row, {(shirt, one): 7}, kept={shirt: 3}).pieces == 7
    assert figures(shirt, place) == (10, 7)


def test_nobody_is_given_more_than_lacking_and_nothing_is_reserved_of_a_refused_one(trade):
    channel, place, (one, two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    wants(channel, "AC2", line(shirt, 3), number="A-2")
    row = draft(place, shirt)

    with pytest.raises(InvalidInput) as refusal:
        confirm(row, {(shirt, one): 4, (shirt, two): 3})
    assert [problem.pointer for problem in refusal.value.problems] == [f"/cells/{shirt.pk}/{one.pk}"]
    with pytest.raises(InvalidInput):
        confirm(row, {(shirt, one): 0})
    assert (figures(shirt, place), OrderDistributionLine.objects.count()) == ((10, 0), 0)


def test_the_same_again_is_a_replay_another_person_or_other_figures_a_conflict(trade):
    channel, place, (one, two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    wants(channel, "AC2", line(shirt, 3), number="A-2")
    row = draft(place, shirt)
    assert draft(place, shirt) == row
    with pytest.raises(Conflict):
        draft(place, sku())
    cells = {(shirt, one): 3, (shirt, two): 1}
    confirm(row, cells)

    assert confirm(row, cells).is_replay
    for again in ({"by": CHIEF}, {"kept": {shirt: 1}}):
        with pytest.raises(Conflict) as refusal:
            confirm(row, cells, **again)
        assert "hanako" in str(refusal.value)
    with pytest.raises(Conflict):
        confirm(row, {(shirt, one): 3, (shirt, two): 2})
    assert figures(shirt, place) == (10, 4)


def test_a_draft_that_somebody_else_changed_is_not_confirmed_unseen(trade):
    channel, place, (one, _two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    row = draft(place, shirt)
    keep = {"distribution_id": row, "kept_back": {}, "at": NOON}
    assert set_order_distribution(version=1, cells={(shirt.pk, one.pk): 2}, by=CHIEF, **keep) == 2

    with pytest.raises(Conflict):
        confirm(row, {(shirt, one): 3})
    with pytest.raises(Conflict):
        set_order_distribution(version=1, cells={}, by=DESK, **keep)
    assert confirm(row, {(shirt, one): 3}, version=2).pieces == 3


def test_undoing_gives_back_exactly_what_it_reserved_and_the_orders_wait_as_before(trade):
    channel, place, (one, two, _three), shirt = trade
    whole = wants(channel, "AC1", line(shirt, 3), number="A-1")
    part = wants(channel, "AC2", line(shirt, 5), number="A-2")
    earlier = draft(place, shirt, number="H-0")
    confirm(earlier, {(shirt, two): 1})
    row = draft(place, shirt)
    confirm(row, {(shirt, one): 3, (shirt, two): 2})
    assert (state(whole), waits(whole), mine(part)) == (OrderState.READY, [], 3)

    outcome = undo(row)

    assert (outcome.pieces, outcome.orders, outcome.left) == (5, 2, ())
    assert (mine(whole), mine(part), figures(shirt, place)) == (0, 1, (10, 1))
    assert (state(whole), waits(whole), waits(part)) == (OrderState.AWAITING_STOCK, ["BY_HAND"], ["BY_HAND"])
    allocate_waiting(at=NOON, by=DESK)
    assert figures(shirt, place) == (10, 1)
    again = undo(row)
    assert (again.is_replay, OrderDistribution.objects.get(pk=row).state) == (True, "UNDONE")
    with pytest.raises(NotAllowedNow):
        confirm(row, {(shirt, one): 3})
    assert kinds(whole)[-2:] == ["UNRESERVED", "STATE"]
    assert no_faults() == []


def test_undoing_leaves_what_the_warehouse_picks_and_names_it(trade):
    channel, place, (one, two, _three), shirt = trade
    picked = wants(channel, "AC1", line(shirt, 3), number="A-1")
    wants(channel, "AC2", line(shirt, 5), number="A-2")
    row = draft(place, shirt)
    confirm(row, {(shirt, one): 3, (shirt, two): 2})
    release_orders(order_ids=[picked.pk], at=NOON, by=DESK)

    outcome = undo(row)

    assert (outcome.pieces, outcome.left, mine(picked)) == (2, (picked.number,), 3)
    assert OrderDistribution.objects.get().state == "CONFIRMED"
    assert undo(row).pieces == 0
    assert figures(shirt, place) == (10, 3)


def test_undoing_one_that_was_broken_off_leaves_no_line_undecided_also_of_an_order_that_is_picked(trade, monkeypatch):
    channel, place, (one, two, three), shirt = trade
    first = wants(channel, "AC1", line(shirt, 3), number="A-1")
    picked = wants(channel, "AC2", line(shirt, 3), number="A-2")
    wants(channel, "AC3", line(shirt, 1), number="A-3")
    monkeypatch.setattr(distributing, "CHUNK", 1)
    monkeypatch.setattr(distributing, "_reserve_next", lambda **_asked: False)
    row = draft(place, shirt)
    confirm(row, {(shirt, one): 3, (shirt, two): 2, (shirt, three): 1})
    # The second order had no turn yet, and the warehouse picks a piece that it got otherwise.
    demand = Demand(picked.pk, picked.lines.get().pk, shirt.pk, 1, 100)
    reserve(channel_id=channel.pk, document_type="ORDER", demands=[demand], at=NOON, by=DESK)
    release_orders(order_ids=[picked.pk], in_part=True, at=NOON, by=DESK)
    assert state(picked) == OrderState.PICKING

    outcome = undo(row)

    assert (outcome.pieces, outcome.orders, outcome.left, outcome.is_replay) == (3, 1, (), False)
    assert [(each.number, each.reserved, each.released, each.became) for each in distributed(row)] == [
        (first.number, 3, 3, "返却済み"), (picked.number, 0, 0, "取消(引当なし)"), (mock.ANY, 0, 0, "取消(引当なし)"),
    ]  # fmt: skip
    assert OrderDistribution.objects.get().state == "UNDONE"
    assert mine(picked) == 1


def test_each_line_says_what_became_of_its_pieces(trade):
    channel, place, (one, two, three), shirt = trade
    picked = wants(channel, "AC1", line(shirt, 3), number="A-1")
    lost = wants(channel, "AC2", line(shirt, 3), number="A-2")
    wants(channel, "AC3", line(shirt, 3), number="A-3")
    row = draft(place, shirt)
    confirm(row, {(shirt, one): 3, (shirt, two): 3, (shirt, three): 3})
    assert {each.became for each in distributed(row)} == {"引当済み"}
    release(document_type="ORDER", document_ids=[lost.pk], at=NOON, by=DESK)
    release_orders(order_ids=[picked.pk], at=NOON, by=DESK)

    assert undo(row).left == (picked.number,)

    assert [each.became for each in distributed(row)] == [
        "そのまま(返却なし)", "0 点返却、3 点は出荷済みか、すでに受注のものではありません", "返却済み",
    ]  # fmt: skip


def test_what_a_person_took_away_no_job_gives_back_to_the_same_order(trade):
    channel, place, (one, _two, _three), _shirt = trade
    AllocationRule.objects.all().delete()
    scarce = sku()
    record = wants(channel, "AC1", line(scarce, 3), number="A-1")
    another = wants(channel, "AC2", line(scarce, 2), number="A-2")
    stock(scarce, place, 3)
    row = draft(place, scarce)
    confirm(row, {(scarce, one): 3})
    assert waits(record) == []

    undo(row)

    assert waits(record) == ["BY_HAND"]
    assert missing_pieces([scarce.pk], today=TODAY)[0].document_id == another.pk
    assert figures(scarce, place) == (3, 0)
    # Nobody took anything from the other: it is served as all who wait. What a person or a promise decides next, counts.
    allocate_waiting(at=NOON, by=DESK)
    assert (mine(record), mine(another)) == (0, 2)
    allocate_by_hand(order_ids=[record.pk], at=NOON, by=DESK)
    assert (mine(record), waits(record)) == (1, [])
    assert no_faults() == []


def test_a_large_one_goes_in_chunks_and_goes_on_where_it_was_broken_off(trade, monkeypatch):
    channel, place, (one, two, three), shirt = trade
    records = [wants(channel, code, line(shirt, 3), number=f"A-{code}") for code in ("AC1", "AC2", "AC3")]
    monkeypatch.setattr(distributing, "CHUNK", 1)
    row = draft(place, shirt)
    cells = {(shirt, one): 3, (shirt, two): 3, (shirt, three): 3}
    real, calls = reserve_at, []

    def taken_in_between(**asked):
        calls.append(asked)
        if len(calls) == 2:
            reserve(
                channel_id=channel.pk, document_type="OTHER", demands=[Demand(1, 1, shirt.pk, 7, 1)], at=NOON, by=DESK
            )
        return real(**asked)

    monkeypatch.setattr(distributing, "reserve_at", taken_in_between)
    with pytest.raises(InsufficientStock):
        confirm(row, cells)

    stands = OrderDistribution.objects.get()
    assert (stands.state, [mine(each) for each in records]) == ("CONFIRMING", [3, 0, 0])
    with pytest.raises(Conflict):
        confirm(row, cells, by=CHIEF)
    monkeypatch.setattr(distributing, "reserve_at", real)
    release(document_type="OTHER", document_ids=[1], at=NOON, by=DESK)
    outcome = go_on_with_order_distribution(distribution_id=row, at=NOON, by=CHIEF)
    assert (outcome.pieces, [mine(each) for each in records]) == (9, [3, 3, 3])
    assert undo(row).pieces == 9
    assert figures(shirt, place) == (10, 0)


def test_one_that_was_broken_off_ends_with_what_it_has(trade, monkeypatch):
    channel, place, (one, two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    wants(channel, "AC2", line(shirt, 3), number="A-2")
    monkeypatch.setattr(distributing, "CHUNK", 1)
    monkeypatch.setattr(distributing, "_reserve_next", lambda **_asked: False)
    row = draft(place, shirt)
    confirm(row, {(shirt, one): 3, (shirt, two): 3})
    assert OrderDistribution.objects.get().state == "CONFIRMING"

    for _again in range(2):
        finish_order_distribution(distribution_id=row, at=NOON, by=CHIEF)

    assert list(OrderDistributionLine.objects.order_by("pk").values_list("reserved", flat=True)) == [3, 0]
    assert (OrderDistribution.objects.get().state, figures(shirt, place)) == ("CONFIRMED", (10, 3))


def test_an_order_that_was_cancelled_meanwhile_gets_nothing(trade, monkeypatch):
    channel, place, (one, two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    gone = wants(channel, "AC2", line(shirt, 3), number="A-2")
    monkeypatch.setattr(distributing, "CHUNK", 1)
    row = draft(place, shirt)
    following = distributing._reserve_next

    def cancelled_before(**asked):
        if state(gone) != OrderState.CANCELLED:
            cancel_by_staff(order_id=gone.pk, reason="x", at=NOON, by=DESK)
        return following(**asked)

    monkeypatch.setattr(distributing, "_reserve_next", cancelled_before)
    outcome = confirm(row, {(shirt, one): 3, (shirt, two): 3})

    assert (outcome.pieces, outcome.asked, mine(gone), figures(shirt, place)) == (3, 6, 0, (10, 3))
    assert no_faults() == []


def test_an_order_that_got_pieces_elsewhere_meanwhile_gets_only_what_it_lacks(trade, monkeypatch):
    channel, place, (one, two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    served = wants(channel, "AC2", line(shirt, 3), number="A-2")
    monkeypatch.setattr(distributing, "CHUNK", 1)
    row = draft(place, shirt)
    following = distributing._reserve_next

    def served_before(**asked):
        if not mine(served):
            demand = Demand(served.pk, served.lines.get().pk, shirt.pk, 2, 100)
            reserve(channel_id=channel.pk, document_type="ORDER", demands=[demand], at=NOON, by=DESK)
        return following(**asked)

    monkeypatch.setattr(distributing, "_reserve_next", served_before)
    outcome = confirm(row, {(shirt, one): 3, (shirt, two): 3})

    assert (outcome.pieces, outcome.asked, mine(served), figures(shirt, place)) == (4, 6, 3, (10, 6))
    assert (state(served), waits(served)) == (OrderState.READY, [])


def amended(channel, *lines, number, code="AC1"):
    newer = order(*lines, external_id=number, account_code=code, payments=(), revision=2)
    return place_order(channel=channel.code, order=newer, at=NOON, by=DESK)


def test_an_order_that_was_given_pieces_can_be_amended_and_undoing_takes_nothing_of_its_new_lines(trade):
    channel, place, (one, two, _three), shirt = trade
    whole = wants(channel, "AC1", line(shirt, 3), number="A-1")
    other = wants(channel, "AC2", line(shirt, 3), number="A-2")
    row = draft(place, shirt)
    confirm(row, {(shirt, one): 3, (shirt, two): 2})

    assert amended(channel, line(shirt, 4), number="A-1").is_amendment

    # It waited for nobody's hand any more, so its newer revision took what is there.
    assert (mine(whole), figures(shirt, place)) == (4, (10, 6))
    outcome = undo(row)
    assert (outcome.pieces, mine(whole), mine(other), figures(shirt, place)) == (2, 4, 0, (10, 4))
    assert OrderDistribution.objects.get().state == "UNDONE"
    assert no_faults() == []


def test_an_order_that_was_amended_before_its_turn_gets_nothing_of_what_the_old_lines_were_to_get(trade, monkeypatch):
    channel, place, (one, two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    later = wants(channel, "AC2", line(shirt, 3), number="A-2")
    monkeypatch.setattr(distributing, "CHUNK", 1)
    row = draft(place, shirt)
    following = distributing._reserve_next

    def amended_before(**asked):
        amended(channel, line(shirt, 1), number="A-2", code="AC2")
        monkeypatch.setattr(distributing, "_reserve_next", following)
        return following(**asked)

    monkeypatch.setattr(distributing, "_reserve_next", amended_before)
    outcome = confirm(row, {(shirt, one): 3, (shirt, two): 3})

    assert (outcome.pieces, outcome.asked, mine(later), waits(later)) == (3, 6, 0, ["BY_HAND"])
    assert OrderDistribution.objects.get().state == "CONFIRMED"
    assert undo(row).pieces == 3
    assert no_faults() == []


def test_who_is_asked_orders_of_accounts_that_lack_and_may_get(trade):
    channel, place, (one, two, three), shirt = trade
    elsewhere = make_channel(location(), kind="WHOLESALE")
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    wants(elsewhere, "AC2", line(shirt, 3), number="A-2")
    stopped = wants(channel, "AC3", line(shirt, 3), number="A-3")
    stopped.holds.create(reason="CREDIT_EXCEEDED", opened_at=NOON, opened_by="x")
    placed(channel, order(line(shirt, 1), external_id="A-4"))

    found = open_wants(source_id=place.pk, sku_ids=[shirt.pk])

    assert [(want.account_id, want.lacking, want.reserved) for want in found] == [(one.pk, 3, 0)]
    assert open_wants(source_id=place.pk, sku_ids=[shirt.pk], account_ids=[two.pk, three.pk]) == []
    with pytest.raises(InvalidInput):
        draft(place, sku())


def test_foreseeing_says_who_gets_what_and_who_stays_short(trade):
    channel, place, (one, two, _three), shirt = trade
    hat = sku()
    stock(hat, place, 1)
    first = wants(channel, "AC1", line(shirt, 4), line(hat, 1), number="A-1")
    other = wants(channel, "AC2", line(shirt, 5), number="A-2")
    keys = {"source_id": place.pk, "sku_ids": [shirt.pk], "account_ids": [one.pk, two.pk]}

    told = foresee(cells={(shirt.pk, one.pk): 4, (shirt.pk, two.pk): 2}, **keys)

    assert [(each.order_id, each.lines, each.lacks_after) for each in told] == [
        (first.pk, ((shirt.pk, 4, 0),), 1),
        (other.pk, ((shirt.pk, 2, 3),), 3),
    ]


def test_binding_quotas_of_others_and_expired_carts(trade):
    channel, place, (one, _two, _three), shirt = trade
    record = wants(channel, "AC1", line(shirt, 9), number="A-1")
    ChannelQuota.objects.create(sku=shirt, channel=make_channel(place), quantity=4, is_binding=True)
    own = ChannelQuota.objects.create(sku=shirt, channel=channel, quantity=2)
    soon, later = NOON - dt.timedelta(hours=2), NOON - dt.timedelta(hours=1)
    place_hold(channel_id=channel.pk, ref="c1", lines=[HoldDemand(shirt.pk, 5)], expires_at=later, at=soon, by=DESK)
    row = draft(place, shirt)

    with pytest.raises(InsufficientStock) as refusal:
        confirm(row, {(shirt, one): 7})
    assert [(item.wanted, item.left) for item in refusal.value.shortages] == [(7, 6)]

    assert confirm(row, {(shirt, one): 6}).pieces == 6
    own.refresh_from_db()
    assert (own.used, mine(record), figures(shirt, place)) == (6, 6, (10, 6))
    undo(row)
    own.refresh_from_db()
    assert (own.used, no_faults()) == (0, [])


@pytest.mark.parametrize("is_first", [True, False])
def test_what_a_channel_takes_of_its_binding_quota_is_kept_from_the_others_once(trade, is_first):
    channel, place, _accounts, shirt = trade
    pair = [channel, make_channel(place, kind="WHOLESALE")]
    owner, other = pair if is_first else reversed(pair)
    ChannelQuota.objects.create(sku=shirt, channel=owner, quantity=5, is_binding=True)
    shares = [Share(owner.pk, 1, 1, shirt.pk, 4, 100), Share(other.pk, 2, 2, shirt.pk, 6, 100)]

    with pytest.raises(InsufficientStock) as refusal:
        reserve_at(location_id=place.pk, document_type="ORDER", shares=shares, at=NOON, by=DESK)
    assert [(item.wanted, item.left) for item in refusal.value.shortages] == [(10, 9)]

    shares[1] = Share(other.pk, 2, 2, shirt.pk, 5, 100)
    assert reserve_at(location_id=place.pk, document_type="ORDER", shares=shares, at=NOON, by=DESK) == 9
    assert (figures(shirt, place), ChannelQuota.objects.get().used) == ((10, 9), 4)


def test_a_channel_that_does_not_sell_from_the_place_gets_nothing(trade):
    _channel, place, _accounts, shirt = trade
    elsewhere = make_channel(location(), kind="WHOLESALE")

    with pytest.raises(InsufficientStock) as refusal:
        reserve_at(
            location_id=place.pk, document_type="ORDER", shares=[Share(elsewhere.pk, 1, 1, shirt.pk, 1, 100)], at=NOON, by=DESK
        )  # fmt: skip
    assert [item.left for item in refusal.value.shortages] == [0]


def test_as_many_statements_for_one_order_as_for_thirty(trade):
    channel, place, (one, two, three), shirt = trade
    hats = [sku() for _ in range(5)]
    for hat in hats:
        stock(hat, place, 100)
    wants(channel, "AC1", line(shirt, 3), number="A-0")
    for number in range(10):
        for code in ("AC1", "AC2", "AC3"):
            wants(channel, code, *[line(hat, 1) for hat in hats], number=f"B-{number}-{code}")
    small, large = draft(place, shirt), draft(place, *hats, number="H-2")

    few = statements(lambda: confirm(small, {(shirt, one): 3}))
    many = statements(lambda: confirm(large, {(hat, who): 10 for hat in hats for who in (one, two, three)}))

    assert len(few) == len(many)
    assert len(statements(lambda: undo(small))) == len(statements(lambda: undo(large)))
    assert no_faults() == []


def test_proposals_go_by_want_or_equally_and_never_beyond_what_is_wanted():
    wanted, to = {(1, 10): 7, (1, 20): 2, (1, 30): 1}, [10, 20, 30]

    # 5 × 7/10 = 3.5, 5 × 2/10 = 1.0, 5 × 1/10 = 0.5: the half goes to the first of the equal remainders.
    assert within_wants({1: 5}, wanted, to) == {(1, 10): 4, (1, 20): 1, (1, 30): 0}
    # 4.2, 1.2, 0.6: the piece that is left goes to the largest remainder.
    assert within_wants({1: 6}, wanted, to) == {(1, 10): 4, (1, 20): 1, (1, 30): 1}
    equal = dict.fromkeys(wanted, 1)
    # 2 each would be one too many for the third: the other two share it.
    assert within_wants({1: 6}, wanted, to, weights=equal) == {(1, 10): 3, (1, 20): 2, (1, 30): 1}
    assert within_wants({1: 99}, wanted, to, weights=equal) == wanted
    assert within_wants({1: -2}, wanted, to) == dict.fromkeys(wanted, 0)
    assert in_turn({"a": 5}, [("a", 1, 3), ("a", 2, 4), ("b", 3, 1)]) == [("a", 1, 3), ("a", 2, 2)]


def test_the_database_refuses_more_than_was_decided(trade):
    channel, place, (one, _two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 3), number="A-1")
    confirm(draft(place, shirt), {(shirt, one): 2})
    found = OrderDistributionLine.objects.filter(reserved=2)

    for change in ({"reserved": 3}, {"released": 1}, {"released": 3, "undone_at": NOON}):
        with pytest.raises(IntegrityError), transaction.atomic():
            found.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderDistribution.objects.update(confirmed_by="")


@fails_without("orders.distributing._locked[rows]")
@pytest.mark.django_db(transaction=True)
def test_two_who_confirm_the_same_at_once_reserve_once_and_the_second_is_told(trade):
    channel, place, (one, two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 8), number="A-1")
    wants(channel, "AC2", line(shirt, 8), number="A-2")
    row = draft(place, shirt)

    outcomes = race(
        lambda: confirm(row, {(shirt, one): 6}),
        lambda: confirm(row, {(shirt, two): 4}, by=CHIEF),
        hold=OrderDistribution.objects.all(),
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "DistributionOutcome"]
    [won] = [each for each in outcomes if not isinstance(each, Exception)]
    assert figures(shirt, place) == (10, won.pieces)
    assert sum(row.quantity for row in Reservation.objects.all()) == won.pieces
    assert no_faults() == []


@fails_without("orders.distributing._begin[lock_orders()]")
@pytest.mark.django_db(transaction=True)
def test_an_order_that_is_amended_while_somebody_confirms_is_looked_at_anew(trade):
    channel, place, (one, two, _three), shirt = trade
    record = wants(channel, "AC1", line(shirt, 3), number="A-1")
    wants(channel, "AC2", line(shirt, 3), number="A-2")
    row = draft(place, shirt)

    outcomes = race(
        lambda: amended(channel, line(shirt, 2), number="A-1"),
        lambda: confirm(row, {(shirt, one): 2, (shirt, two): 3}),
        hold=Order.objects.filter(pk=record.pk),
    )

    assert [type(each).__name__ for each in outcomes] == ["OrderOutcome", "DistributionOutcome"]
    assert OrderDistributionLine.objects.filter(order=record).count() == 1
    assert no_faults() == []


@pytest.mark.django_db(transaction=True)
def test_two_that_share_out_the_same_pieces_at_once_never_give_one_twice(trade):
    channel, place, (one, two, _three), shirt = trade
    wants(channel, "AC1", line(shirt, 8), number="A-1")
    wants(channel, "AC2", line(shirt, 8), number="A-2")
    rows = [draft(place, shirt, number=number) for number in ("H-1", "H-2")]

    outcomes = race(
        lambda: confirm(rows[0], {(shirt, one): 7}),
        lambda: confirm(rows[1], {(shirt, two): 7}, by=CHIEF),
        hold=StockBalance.objects.all(),
    )

    assert sorted(type(each).__name__ for each in outcomes) == ["DistributionOutcome", "InsufficientStock"]
    assert figures(shirt, place) == (10, 7)
    assert sorted(OrderDistribution.objects.values_list("state", flat=True)) == ["CONFIRMED", "DRAFT"]
    assert no_faults() == []
