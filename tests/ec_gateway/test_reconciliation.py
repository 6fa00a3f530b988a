"""Reconciliation: each cause by what really happened, a dry run that repairs nothing, a run that breaks off, and the same report again."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from catalog.models import KitComponent
from ec_gateway.inbox.working import work_off
from ec_gateway.models import InboundEvent, ReconciliationRow, ReconciliationRun, SiteActivity, SitePush
from ec_gateway.platforms.interface import OrderSummary, PlatformError, UnreadableOrder, UnreadableQuantity
from ec_gateway.platforms.taking_in import take_in
from ec_gateway.reconciliation import reconcile, repairing
from ec_gateway.reconciliation.scheduling import due_sites
from ec_gateway.selectors import open_drift
from ec_gateway.services import echoes, leases, pushes
from erp.core import work_queues
from erp.core.clock import TOKYO
from erp.core.models import StaffTask
from erp.inventory.selectors import available_to_promise
from erp.orders.models import Order
from tests.ec_gateway.factories import NOON, ROBOT, after, listed, shop
from tests.ec_gateway.fake_platform import FakePlatform, line_to, never_wait, news, order_news
from tests.inventory.factories import sku, stock
from tests.orders.factories import line as order_line
from tests.orders.factories import order, placed

pytestmark = pytest.mark.django_db
LONG_AGO = after(-7200)


def run(site, platform, at=NOON, **arguments):
    return reconcile(line=line_to(site, platform, at), holder="test", wait=never_wait, by=ROBOT, **arguments)


def told(site, item, shown, **fields):
    """The site acknowledged ``shown`` two hours ago."""
    fields = {"shown_at": LONG_AGO, "sent_at": LONG_AGO, "recent": [shown], **fields}
    return SitePush.objects.create(site=site, sku=item, shown=shown, **fields)


def one_item(pieces=5, shown=5, theirs=5, **fields):
    """A site that lists one SKU, was told ``shown`` of it and shows ``theirs``."""
    site, place = shop()
    item = sku()
    stock(item, place, pieces)
    listed(site, item)
    told(site, item, shown, **fields)
    return site, place, item, FakePlatform(stock={item.code: theirs})


def rows(outcome):
    found = ReconciliationRow.objects.filter(run=outcome.run).order_by("pk")
    return [(row.cause, row.external_code or row.external_id, row.ours, row.theirs, row.repair) for row in found]


def only(outcome):
    return ReconciliationRow.objects.get(run=outcome.run)


def summary(external_id, total="1100", *, is_cancelled=False, changed_at=LONG_AGO):
    return OrderSummary(external_id, changed_at, is_cancelled, None if total is None else Decimal(total))


def forced():
    return list(SitePush.objects.filter(is_forced=True, dirty_since__isnull=False).values_list("sku__code", flat=True))


def tasks():
    return list(StaffTask.objects.filter(closed_at__isnull=True).order_by("kind").values_list("kind", flat=True))


def test_where_nothing_differs_there_are_no_rows_and_one_reading():
    site, _place, _item, platform = one_item()

    outcome = run(site, platform)

    assert rows(outcome) == []
    assert (outcome.run.state, outcome.run.listings_compared, outcome.run.finished_at) == ("DONE", 1, NOON)
    assert sum(call.startswith("read_quantities") for call in platform.calls) == 1
    assert (outcome.wants_inbox, outcome.wants_publish, forced()) == (False, False, [])


def test_somebody_changed_the_figure_on_the_site():
    site, place, item, platform = one_item(theirs=9)

    outcome = run(site, platform)

    assert rows(outcome) == [("SHOP_SIDE_EDIT", item.code, 5, 9, "PUSH_AGAIN")]
    row = only(outcome)
    assert row.told == 5
    assert row.terms == [{"kind": "ON_HAND", "quantity": 5, "location": place.code}]
    assert row.evidence["shown"] == 5
    assert row.evidence["orders_not_here"] == {}
    assert row.repaired_at == NOON
    assert forced() == [item.code]
    assert outcome.wants_publish


def test_an_edit_that_a_webhook_told_of_is_known_as_one():
    site, _place, item, platform = one_item(theirs=9)
    echoes.note_figure(site_id=site.pk, external_code=item.code, quantity=9, at=after(-600))

    outcome = run(site, platform)

    assert rows(outcome) == [("SHOP_SIDE_EDIT", item.code, 5, 9, "PUSH_AGAIN")]
    assert only(outcome).evidence["heard_by"] == "webhook"


def test_a_change_that_was_never_sent():
    site, place, item, platform = one_item(pieces=5, shown=5, theirs=5)
    stock(item, place, 3)
    pushes.mark_changed(site_id=site.pk, sku_ids=[item.pk], at=after(-300))

    outcome = run(site, platform)

    assert rows(outcome) == [("UNSENT_PUSH", item.code, 8, 5, "PUSH_AGAIN")]
    assert only(outcome).evidence["waiting_since"] == after(-300).isoformat()


def test_a_listing_that_nobody_ever_pushed():
    site, place = shop()
    item = sku()
    stock(item, place, 5)
    listed(site, item)

    outcome = run(site, FakePlatform(stock={item.code: 0}))

    assert rows(outcome) == [("UNSENT_PUSH", item.code, 5, 0, "PUSH_AGAIN")]
    assert only(outcome).evidence == {"never_sent": True}
    assert forced() == [item.code]


def test_a_push_that_failed():
    site, place, item, platform = one_item()
    stock(item, place, 1)
    pushes.mark_changed(site_id=site.pk, sku_ids=[item.pk], at=after(-600))
    SitePush.objects.update(attempts=4, error="500 Internal Server Error", due_at=after(20))

    outcome = run(site, platform)

    assert rows(outcome) == [("PUSH_FAILED", item.code, 6, 5, "PUSH_AGAIN")]
    assert only(outcome).evidence["error"] == "500 Internal Server Error"
    assert only(outcome).evidence["attempts"] == 4


def test_a_site_that_is_not_to_be_told():
    site, _place, item, platform = one_item(theirs=1)
    site.is_publishing = False
    site.save()

    assert rows(run(site, platform)) == [("PUBLISHING_OFF", item.code, 5, 1, "NONE")]
    assert forced() == []


def test_an_older_push_that_landed_late():
    site, _place, item, platform = one_item(theirs=7, recent=[9, 7, 5])

    outcome = run(site, platform)

    assert rows(outcome) == [("WRITTEN_BY_OLDER_PUSH", item.code, 5, 7, "PUSH_AGAIN")]
    assert only(outcome).evidence["pushed_lately"] == [9, 7, 5]


def test_a_change_of_ours_that_nobody_marked():
    site, place, item, platform = one_item()
    stock(item, place, 4)

    assert rows(run(site, platform)) == [("CHANGE_NOT_MARKED", item.code, 9, 5, "PUSH_AGAIN")]


def test_an_order_of_the_site_that_has_not_come_in_explains_what_it_shows():
    site, _place, item, platform = one_item(theirs=3)
    platform.summaries = [summary("A-1", "2200")]
    platform.changes = [order_news("A-1", item, quantity=2, changed_at=LONG_AGO)]

    outcome = run(site, platform)

    assert rows(outcome) == [
        ("ORDER_NOT_IMPORTED", item.code, 5, 3, "NONE"),
        ("THERE_NOT_HERE", "A-1", None, None, "FETCHED"),
    ]
    assert ReconciliationRow.objects.get(kind="STOCK").evidence == {"orders": {"A-1": 2}, "units": 2}
    assert outcome.wants_inbox
    assert forced() == []  # our figure would undo the sale; the order moves it first
    work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)
    assert Order.objects.get().external_id == "A-1"
    assert rows(run(site, platform, at=after(600))) == []


def test_a_missing_order_does_not_excuse_what_it_cannot_explain():
    site, _place, item, platform = one_item(theirs=9)
    platform.summaries = [summary("A-1", "2200")]
    platform.changes = [order_news("A-1", item, quantity=2, changed_at=LONG_AGO)]

    assert rows(run(site, platform))[0] == ("SHOP_SIDE_EDIT", item.code, 5, 9, "PUSH_AGAIN")
    assert ReconciliationRow.objects.get(kind="STOCK").evidence["orders_not_here"] == {"A-1": 2}


def test_an_order_that_waits_in_the_inbox_is_not_fetched_again():
    site, _place, item, platform = one_item(theirs=4)
    platform.summaries = [summary("A-1")]
    take_in(site_id=site.pk, news=[order_news("A-1", item)], source="WEBHOOK", at=NOON)

    outcome = run(site, platform)

    assert rows(outcome) == [
        ("ORDER_NOT_IMPORTED", item.code, 5, 4, "NONE"),
        ("WAITS_IN_INBOX", "A-1", None, None, "NONE"),
    ]
    assert not any(call.startswith("fetch_order ") for call in platform.calls)


def test_a_refused_order_is_left_to_staff_when_the_site_says_the_same_again():
    site, _place = shop()
    bad = news("ORDER", "e-1", "A-1", LONG_AGO, {"external_id": "A-1"})
    take_in(site_id=site.pk, news=[bad], source="POLL", at=LONG_AGO)
    work_off(site_id=site.pk, holder="test", clock=lambda: LONG_AGO, jitter=lambda: 0.5)
    platform = FakePlatform(changes=[bad], summaries=[summary("A-1")])

    first = run(site, platform)
    assert rows(first) == [("THERE_NOT_HERE", "A-1", None, None, "FETCHED")]
    assert only(first).evidence["event_state"] == "REFUSED"
    work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)
    run(site, platform, at=after(600))
    work_off(site_id=site.pk, holder="test", clock=lambda: after(600), jitter=lambda: 0.5)

    assert InboundEvent.objects.count() == 2  # the same content is asked about, and not kept, again
    assert not Order.objects.exists()


def test_orders_that_differ_in_every_other_way():
    site, place = shop()
    item = sku()
    stock(item, place, 50)
    for name in ("cancelled", "total", "same", "gone", "cancelled-here"):
        placed(site.channel, order(order_line(item), external_id=name, ordered_at=LONG_AGO))
    Order.objects.filter(external_id="cancelled-here").update(cancelled_at=NOON)
    cancel = news("CANCEL", "c-1", "cancelled", LONG_AGO, {"external_id": "cancelled"})
    amended = order_news("total", item, event_id="e-2", quantity=2, changed_at=LONG_AGO, revision=2)
    platform = FakePlatform(
        changes=[cancel, amended],
        summaries=[
            summary("cancelled", is_cancelled=True),
            summary("total", "2200"),
            summary("same"),
            summary("never came", is_cancelled=True),
            summary("just now", changed_at=after(-30)),
        ],
    )

    outcome = run(site, platform)

    assert rows(outcome) == [
        ("CANCELLED_THERE", "cancelled", None, None, "FETCHED"),
        ("TOTAL_DIFFERS", "total", None, None, "FETCHED"),
        ("HERE_NOT_THERE", "gone", None, None, "TASK"),
    ]
    evidence = ReconciliationRow.objects.get(cause="TOTAL_DIFFERS").evidence
    assert (Decimal(evidence["ours"]), Decimal(evidence["theirs"])) == (1100, 2200)
    assert (outcome.run.orders_compared, outcome.run.order_rows) == (7, 3)
    [task] = StaffTask.objects.all()
    assert (task.kind, task.subject_type, "gone" in task.detail) == ("ORDERS_DIFFER", "EC_SITE", True)
    assert Order.objects.count() == 5  # nothing is deleted
    work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)
    assert Order.objects.get(external_id="cancelled").state == "CANCELLED"
    assert Order.objects.get(external_id="total").total == 2200


def test_an_order_that_the_site_s_list_left_out_and_the_site_knows_is_no_difference():
    site, place = shop()
    item = sku()
    stock(item, place, 5)
    placed(site.channel, order(order_line(item), external_id="A-1", ordered_at=LONG_AGO))
    platform = FakePlatform(changes=[order_news("A-1", item)])

    assert rows(run(site, platform)) == []


def test_an_entry_that_cannot_be_read_is_a_row_and_the_rest_is_compared():
    site, place = shop()
    item = sku()
    stock(item, place, 50)
    for name in ("here", "total"):
        placed(site.channel, order(order_line(item), external_id=name, ordered_at=LONG_AGO))
    listed(site, item)
    told(site, item, 48)
    entries = [
        UnreadableOrder("", "it has no number", {"total": "1"}),
        UnreadableOrder("here", "/changed_at: no time", {"external_id": "here", "changed_at": "soon"}),
        UnreadableOrder("new\ufffd", "/changed_at: no time", {"external_id": "new\x00"}),
        UnreadableOrder("new", "/total: no number", {"external_id": "new", "total": "NaN"}),
    ]
    platform = FakePlatform(
        stock={item.code: 46},
        changes=[order_news("new", item, quantity=2, changed_at=LONG_AGO)],
        summaries=[*entries[:2], summary("total", "2200"), *entries[2:]],
    )

    outcome = run(site, platform)

    assert outcome.run.state == "DONE"
    assert rows(outcome) == [
        ("ORDER_NOT_IMPORTED", item.code, 48, 46, "NONE"),
        ("TOTAL_DIFFERS", "total", None, None, "TASK"),
        ("UNREADABLE_THERE", "", None, None, "TASK"),
        ("UNREADABLE_THERE", "here", None, None, "TASK"),
        ("UNREADABLE_THERE", "new\ufffd", None, None, "TASK"),
        ("UNREADABLE_THERE", "new", None, None, "FETCHED"),
    ]
    assert outcome.run.orders_compared == 5
    row = ReconciliationRow.objects.get(external_id="here")
    number = Order.objects.get(external_id="here").number
    entry = '{"changed_at":"soon","external_id":"here"}'
    assert row.evidence == {"problem": "/changed_at: no time", "entry": entry, "number": number}
    task = StaffTask.objects.get(kind="ORDERS_DIFFER")
    assert all(name in task.detail for name in ("5", "here", "new", "番号なし"))
    work_off(site_id=site.pk, holder="test", clock=lambda: after(60), jitter=lambda: 0.5)
    assert Order.objects.filter(external_id="new").exists()
    assert sorted(row.external_id for row in open_drift(site) if row.kind == "ORDER") == [
        "", "here", "new", "new\ufffd", "total",
    ]  # fmt: skip

    platform.summaries = [summary("new", "2200"), summary("here"), summary("total")]
    run(site, platform, at=after(600))

    assert open_drift(site) == []
    assert tasks() == []


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_a_figure_that_cannot_be_read_is_a_row_and_the_rest_is_compared(is_dry_run):
    site, place, item, platform = one_item(pieces=5, shown=5)
    other = sku()
    stock(other, place, 7)
    listed(site, other)
    told(site, other, 7)
    platform.stock = {other.code: 6}
    platform.unread = [
        UnreadableQuantity(item.code, "/quantity: no number", {"sku": item.code, "quantity": "many"}),
        UnreadableQuantity("", "no object", ["x\x00"]),
    ]

    outcome = run(site, platform, is_dry_run=is_dry_run)

    again = "NONE" if is_dry_run else "PUSH_AGAIN"
    assert outcome.run.state == "DONE"
    assert outcome.run.stock_rows == 3
    assert sorted(rows(outcome)) == [
        ("SHOP_SIDE_EDIT", other.code, 7, 6, again),
        ("UNREADABLE_THERE", "", None, None, "NONE"),
        ("UNREADABLE_THERE", item.code, 5, None, again),
    ]
    row = ReconciliationRow.objects.get(run=outcome.run, sku=item)
    entry = f'{{"quantity":"many","sku":"{item.code}"}}'
    assert (row.told, row.evidence) == (5, {"problem": "/quantity: no number", "entry": entry})
    assert len(open_drift(site)) == 3
    assert tasks() == ([] if is_dry_run else ["LISTINGS_DIFFER"])
    assert sorted(forced()) == ([] if is_dry_run else sorted([item.code, other.code]))

    platform.unread, platform.stock = [], {item.code: 5, other.code: 7}
    run(site, platform, at=after(600))

    assert open_drift(site) == []
    assert tasks() == []


def test_one_order_that_the_site_cannot_be_asked_about_does_not_end_the_run():
    site, place = shop()
    item = sku()
    stock(item, place, 5)
    platform = FakePlatform(changes=[order_news("B", item)], summaries=[summary("A"), summary("B")])
    ask, asked = platform.fetch_order, []

    def fetch_order(*, external_id):
        asked.append(external_id)
        if external_id == "A":
            raise PlatformError("not as agreed", is_retryable=False)
        return ask(external_id=external_id)

    platform.fetch_order = fetch_order  # type: ignore[method-assign]

    outcome = run(site, platform)

    assert asked == ["A", "B"]
    assert rows(outcome) == [
        ("THERE_NOT_HERE", "A", None, None, "TASK"),
        ("THERE_NOT_HERE", "B", None, None, "FETCHED"),
    ]
    assert ReconciliationRow.objects.get(external_id="A").evidence["answer"] == "not as agreed"


def test_what_only_one_side_lists():
    site, place, item, platform = one_item()
    ours_only, off = sku(), sku()
    stock(ours_only, place, 2)
    listed(site, ours_only)
    [listing] = listed(site, off)
    listing.is_active = False
    listing.save()
    platform.stock |= {"theirs-only": 4, off.code: 7}

    outcome = run(site, platform)

    assert rows(outcome) == [
        ("NOT_LISTED_THERE", ours_only.code, 2, None, "NONE"),
        ("NOT_LISTED_HERE", "theirs-only", None, 4, "NONE"),
    ]
    assert tasks() == ["LISTINGS_DIFFER"]
    platform.stock = {item.code: 5, ours_only.code: 2}
    assert rows(run(site, platform, at=after(600))) == []
    assert tasks() == []


def test_what_has_come_right_at_the_second_reading_was_only_a_matter_of_moments():
    site, _place, item, platform = one_item(theirs=5)
    figures = iter([8, 5])
    read = platform.read_quantities

    def moving():
        platform.stock[item.code] = next(figures)
        yield from read()

    platform.read_quantities = moving
    outcome = run(site, platform)

    assert rows(outcome) == [("TIMING_ONLY", item.code, 5, 5, "NONE")]
    assert only(outcome).evidence == {"ours_first": 5, "theirs_first": 8}
    assert forced() == []


def test_a_change_of_a_moment_ago_is_on_its_way():
    site, place, item, platform = one_item()
    stock(item, place, 1)
    pushes.mark_changed(site_id=site.pk, sku_ids=[item.pk], at=after(-5))

    assert rows(run(site, platform)) == [("TIMING_ONLY", item.code, 6, 5, "NONE")]
    assert forced() == []


def test_a_kit_whose_components_changed_without_it():
    site, place = shop()
    part, kit = sku(), sku()
    kit.is_kit = True
    kit.save()
    KitComponent.objects.create(kit=kit, component=part, quantity=2)
    stock(part, place, 10)
    listed(site, kit)
    told(site, kit, 3)

    ours = available_to_promise(channel_id=site.channel_id, sku_ids=[kit.pk], at=NOON)[kit.pk].available

    outcome = run(site, FakePlatform(stock={kit.code: 3}))

    assert rows(outcome) == [("KIT_MISMATCH", kit.code, ours, 3, "PUSH_AGAIN")]


def test_a_dry_run_writes_the_report_and_repairs_nothing():
    site, _place, item, platform = one_item(theirs=9)
    placed(site.channel, order(order_line(item), external_id="gone", ordered_at=LONG_AGO))
    platform.summaries = [summary("A-1")]
    platform.changes = [order_news("A-1", item, changed_at=LONG_AGO)]
    platform.stock["theirs-only"] = 1

    outcome = run(site, platform, is_dry_run=True)

    assert [cause for cause, *_rest in rows(outcome)] == [
        "SHOP_SIDE_EDIT", "NOT_LISTED_HERE", "THERE_NOT_HERE", "HERE_NOT_THERE",
    ]  # fmt: skip
    assert {repair for *_rest, repair in rows(outcome)} == {"NONE"}
    assert (forced(), tasks(), InboundEvent.objects.count()) == ([], [], 0)
    assert (outcome.wants_inbox, outcome.wants_publish) == (False, False)


def test_again_is_the_same_report_and_nothing_twice():
    site, _place, item, platform = one_item(theirs=9)
    platform.summaries = [summary("A-1")]
    platform.changes = [order_news("A-1", item, changed_at=LONG_AGO)]

    first, second = run(site, platform), run(site, platform, at=after(60))

    assert [row[:4] for row in rows(first)] == [
        ("SHOP_SIDE_EDIT", item.code, 5, 9), ("THERE_NOT_HERE", "A-1", None, None)
    ]  # fmt: skip
    assert [row[:4] for row in rows(second)] == [
        ("SHOP_SIDE_EDIT", item.code, 5, 9), ("WAITS_IN_INBOX", "A-1", None, None)
    ]  # fmt: skip
    assert SitePush.objects.count() == 1
    assert InboundEvent.objects.count() == 1


def test_a_run_that_breaks_off_leaves_no_rows_and_the_next_one_works():
    site, _place, item, platform = one_item(theirs=9)
    read = platform.read_quantities

    def breaks():
        yield from read()
        raise PlatformError("connection reset", is_unreachable=True)

    platform.read_quantities = breaks
    with pytest.raises(PlatformError):
        run(site, platform)

    broken = ReconciliationRun.objects.get()
    assert (broken.state, broken.finished_at, "connection reset" in broken.error) == ("BROKEN_OFF", NOON, True)
    assert not ReconciliationRow.objects.exists()
    assert SiteActivity.objects.get(site=site, activity="RECONCILE").lease_holder == ""
    platform.read_quantities = read
    assert rows(run(site, platform)) == [("SHOP_SIDE_EDIT", item.code, 5, 9, "PUSH_AGAIN")]


def test_a_run_whose_process_was_killed_is_ended_by_the_next():
    site, _place, _item, platform = one_item(theirs=9)
    killed = ReconciliationRun.objects.create(site=site, started_at=LONG_AGO, orders_since=LONG_AGO, actor="x")
    ReconciliationRow.objects.create(run=killed, kind="STOCK", cause="TIMING_ONLY")

    outcome = run(site, platform)

    killed.refresh_from_db()
    assert (killed.state, killed.error, killed.rows.count()) == ("BROKEN_OFF", "killed", 0)
    assert outcome.run.state == "DONE"


def test_two_runs_of_one_site_do_not_meet():
    site, _place, _item, platform = one_item()
    SiteActivity.objects.filter(site=site, activity="RECONCILE").update(lease_holder="other", lease_until=after(30))

    assert run(site, platform) is None
    assert platform.calls == []


def test_whoever_lost_the_lease_finishes_nothing():
    site, _place, _item, platform = one_item(theirs=9)
    read = platform.read_quantities

    def slow():
        SiteActivity.objects.filter(site=site, activity="RECONCILE").update(lease_holder="other")
        yield from read()

    platform.read_quantities = slow
    with pytest.raises(Exception, match="RECONCILE"):
        run(site, platform)

    assert ReconciliationRun.objects.get().state == "BROKEN_OFF"
    assert forced() == []


def test_a_run_that_another_one_ended_does_not_call_itself_done(monkeypatch):
    """It slept so long before its last step that the next run took over and threw its rows away: done without rows would say that all is well."""
    site, _place, item, platform = one_item(theirs=9)
    push_again, later = repairing.push_again, after(leases.LEASE_S + 1)
    meanwhile: list[Any] = []

    def sleeps(**arguments):
        pushed = push_again(**arguments)
        if not meanwhile:
            meanwhile.append(None)
            meanwhile[0] = reconcile(line=line_to(site, platform, later), holder="next", wait=never_wait, by=ROBOT)
        return pushed

    monkeypatch.setattr(repairing, "push_again", sleeps)
    with pytest.raises(leases.LeaseLost):
        run(site, platform)

    first, second = ReconciliationRun.objects.order_by("pk")
    assert (first.state, first.error) == ("BROKEN_OFF", "killed")
    assert (second.state, rows(meanwhile[0])) == ("DONE", [("SHOP_SIDE_EDIT", item.code, 5, 9, "PUSH_AGAIN")])


def test_an_order_is_open_drift_until_its_news_are_applied():
    site, place = shop()
    item = sku()
    stock(item, place, 50)
    for name in ("gone", "cancelled", "total"):
        placed(site.channel, order(order_line(item), external_id=name, ordered_at=LONG_AGO))
    take_in(site_id=site.pk, news=[order_news("waits", item)], source="WEBHOOK", at=NOON)
    platform = FakePlatform(
        changes=[
            news("CANCEL", "c-1", "cancelled", LONG_AGO, {"external_id": "cancelled"}),
            order_news("missing", item, changed_at=LONG_AGO),
            news("ORDER", "e-2", "refused", LONG_AGO, {"external_id": "refused"}),
        ],
        summaries=[
            summary("cancelled", is_cancelled=True),
            *(summary(name) for name in ("missing", "refused", "waits")),
            summary("total", "2200"),
        ],
    )
    run(site, platform)

    def open_orders():
        return sorted(row.external_id for row in open_drift(site))

    assert open_orders() == ["cancelled", "gone", "missing", "refused", "total", "waits"]
    queue = work_queues.named("ec_gateway.drift")
    assert work_queues.measure(queue).count == 6
    work_off(site_id=site.pk, holder="test", clock=lambda: after(60), jitter=lambda: 0.5)
    assert open_orders() == ["gone", "refused", "total"]
    assert work_queues.measure(queue).count == 3


def test_open_drift_is_what_the_last_finished_run_found_until_the_site_acknowledges():
    site, _place, item, platform = one_item(theirs=9)
    assert open_drift(site) == []
    run(site, platform)
    run(site, platform, at=after(60), is_dry_run=True)

    [row] = open_drift(site)
    assert (row.cause, row.external_code) == ("SHOP_SIDE_EDIT", item.code)
    SitePush.objects.update(shown=5, shown_at=after(61), dirty_since=None)
    assert open_drift(site) == []


def test_a_site_is_read_outside_of_any_transaction():
    """The guard of every call: inside a transaction of ours it does not even go out."""
    site, _place, _item, platform = one_item()

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        run(site, platform)

    assert platform.calls == []


def test_every_site_is_due_once_a_night_and_again_when_its_run_broke_off():
    night = dt.datetime(2026, 11, 23, 2, 30, tzinfo=TOKYO)
    site, _place, _item, platform = one_item()
    shop(platform="")
    assert due_sites(at=night) == [site.pk]

    run(site, platform, at=night, is_dry_run=True)
    assert due_sites(at=night) == [site.pk]  # a dry run repairs nothing
    platform.fails = [PlatformError("no answer", is_unreachable=True)]
    with pytest.raises(PlatformError):
        run(site, platform, at=night)
    assert due_sites(at=night) == [site.pk]
    run(site, platform, at=night)

    assert due_sites(at=night + dt.timedelta(hours=23, minutes=59)) == []
    assert due_sites(at=night + dt.timedelta(hours=24)) == [site.pk]
    site.channel.is_active = False
    site.channel.save()
    assert due_sites(at=night + dt.timedelta(hours=24)) == []


@pytest.mark.parametrize("detail", ["a\x00b", "\ud800"])
def test_a_run_that_breaks_off_says_so_whatever_the_words_of_the_site(detail):
    site, _place, _item, platform = one_item()
    platform.fails = [PlatformError(detail, is_retryable=False)]

    with pytest.raises(PlatformError):
        run(site, platform)

    broken = ReconciliationRun.objects.get()
    assert (broken.state, bool(broken.error)) == ("BROKEN_OFF", True)
    assert SiteActivity.objects.get(site=site, activity="RECONCILE").lease_holder == ""
