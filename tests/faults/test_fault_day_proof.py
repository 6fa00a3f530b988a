"""The proof of a fault day finds what it looks for: each fault is made, and named."""

import pytest
from django.db import connection

from catalog.models import Sku
from ec_gateway.management.fault_day import proof
from ec_gateway.management.fault_day.proof import Pair
from ec_gateway.models import Activity, EcSite, InboundEvent, SiteActivity, SitePush
from ec_gateway.services.practice import bring_practice_goods, join_practice_sites, read_assortment
from erp.core.actors import Actor
from erp.core.models import StaffTask
from erp.inventory.selectors import available_to_promise
from erp.orders.models import LateRevision, Order
from erp.orders.services import PaymentNews, cancel_order, place_order, record_payment_event
from tests.ec_gateway.test_practice import FIRST, NOON
from tests.orders.factories import card, line, order, shipped

pytestmark = pytest.mark.django_db
BY = Actor.command("faults")
TEE, SET = "PR-TEE-WH-M", "PR-SET-WH-F"


class Site:
    """A site that says what it is told to say."""

    def __init__(self, figures: dict[str, int]) -> None:
        self.figures, self.waiting, self.events = figures, 0, 0
        self.sent: list[dict] = []

    def stock(self):
        return dict(self.figures)

    def orders(self):
        return self.sent

    def state(self):
        return {"webhooks": {"waiting": self.waiting}, "events": self.events}


@pytest.fixture
def pair():
    (site_id,) = join_practice_sites(sites=[FIRST], at=NOON, by=BY)
    bring_practice_goods(articles=read_assortment(), site_ids=[site_id], at=NOON, by=BY)
    row = EcSite.objects.select_related("channel").get(pk=site_id)
    skus = dict(Sku.objects.values_list("pk", "code"))
    allowed = available_to_promise(channel_id=row.channel_id, sku_ids=list(skus), at=NOON)
    return Pair(row, Site({code: allowed[key].available for key, code in skus.items()}))


def as_sent(external_id):
    """How a site tells an order that it has."""
    return {
        "external_id": external_id, "revision": 1, "is_cancelled": False, "payments": [], "returns": [], "shipments": [],
    }  # fmt: skip


def sell(pair, external_id="A-1", **fields):
    sent = order(line(TEE), external_id=external_id, **fields)
    outcome = place_order(channel=pair.code, order=sent, at=NOON, by=BY)
    pair.remote.sent.append(as_sent(external_id))
    return outcome


def broken(pair) -> dict[str, list[str]]:
    """What is untrue, by the beginning of its line."""
    drifted = proof.drift([pair], at=NOON)
    found = proof.verdicts([pair], drifted=drifted, surprises=[])
    return {
        verdict.what.split(":")[0].split("(")[0].strip(): list(verdict.faults) for verdict in found if verdict.faults
    }


def test_a_true_company_has_no_fault(pair):
    sell(pair)
    pair.remote.figures[TEE] -= 1
    pair.remote.figures[SET] -= 1

    assert broken(pair) == {}


def test_a_figure_that_differs_is_named(pair):
    pair.remote.figures[SET] += 1
    del pair.remote.figures[TEE]

    assert broken(pair) == {
        "every site shows what may be sold": [
            f"PRACTICE-1 {TEE}: shows None, 24 may be sold",
            f"PRACTICE-1 {SET}: shows 25, 24 may be sold",
        ]
    }


def test_a_lost_order_and_one_that_nobody_placed_are_named(pair):
    sell(pair)
    pair.remote.figures[TEE] -= 1
    pair.remote.figures[SET] -= 1
    pair.remote.sent = [as_sent("B-2")]

    assert broken(pair) == {
        "every order of every site is here once, and no other": [
            "PRACTICE-1 B-2: not here",
            "PRACTICE-1 A-1: the site does not know it",
        ]
    }


@pytest.mark.parametrize("told", ["CANCEL_WHILE_PICKING", "CANCEL_AFTER_PART_LEFT"])
def test_a_cancellation_that_did_not_arrive_is_named_unless_staff_were_told(pair, told):
    outcome = sell(pair)
    pair.remote.figures[TEE] -= 1
    pair.remote.figures[SET] -= 1
    pair.remote.sent[0]["is_cancelled"] = True
    what = "what the sites cancelled is cancelled, or staff were told"
    state = Order.objects.get().state
    assert broken(pair) == {what: [f"PRACTICE-1 A-1: cancelled there, {state} here, and nobody was told"]}

    StaffTask.objects.create(
        kind=told,
        subject_type="ORDER",
        subject_id=outcome.order_id,
        opened_at=NOON,
        opened_by=str(BY),
    )

    assert broken(pair) == {}


def test_a_cancellation_that_nobody_asked_for_is_named(pair):
    sell(pair)
    cancel_order(channel=pair.code, external_id="A-1", at=NOON, by=BY)

    assert list(broken(pair).values()) == [["PRACTICE-1 A-1: cancelled here, not there"]]


def sold_one(pair, **fields):
    """One piece that the site took off its own figure; what it tells of the order, and the order."""
    sell(pair, **fields)
    pair.remote.figures[TEE] -= 1
    pair.remote.figures[SET] -= 1
    return pair.remote.sent[0], Order.objects.get()


def refuse(pair, kind, document):
    """The message that the domain would not take, and the task about it."""
    event = InboundEvent.objects.create(
        site=pair.row, event_id=kind, kind=kind, external_id="A-1", source="POLL", received_at=NOON, state="REFUSED",
        document=document,
    )  # fmt: skip
    StaffTask.objects.create(
        kind="INBOX_REFUSED", subject_type="INBOUND_EVENT", subject_id=event.pk, opened_at=NOON, opened_by=str(BY)
    )


def test_a_revision_that_did_not_arrive_is_named_unless_it_is_kept_for_staff(pair):
    sent, sold = sold_one(pair)
    sent["revision"] = 2
    what = "what the sites changed last is here, or staff were told"
    assert broken(pair) == {what: ["PRACTICE-1 A-1: revision 2 there, 1 here, and nobody was told"]}

    LateRevision.objects.create(
        order=sold, revision=2, fingerprint="f", content={}, message_id=1, recorded_at=NOON, actor=str(BY)
    )

    assert broken(pair) == {}


def test_money_that_was_not_heard_of_or_that_nobody_told_is_named(pair):
    sent, _sold = sold_one(pair, payments=(card(1100, "AUTHORIZED"),))
    what = "what the sites said of money and returns is here once, or staff were told"
    sent["payments"] = ["A-1-paid"]
    assert broken(pair) == {what: ["PRACTICE-1 payment A-1-paid: said 1 times, here 0 times"]}

    heard = PaymentNews("A-1-paid", "CAPTURED", NOON)
    record_payment_event(channel=pair.code, external_id="A-1", event=heard, at=NOON, by=BY)
    assert broken(pair) == {}

    sent["payments"] = []
    assert broken(pair) == {what: ["PRACTICE-1 payment A-1-paid: the site did not say so"]}


def test_a_return_that_did_not_arrive_is_named_unless_it_was_refused_and_staff_were_told(pair):
    sent, _sold = sold_one(pair)
    sent["returns"] = ["A-1-R1"]
    what = "what the sites said of money and returns is here once, or staff were told"
    assert broken(pair) == {what: ["PRACTICE-1 return A-1-R1: said 1 times, here 0 times"]}

    refuse(pair, "RETURN", {"external_id": "A-1-R1"})

    assert broken(pair) == {}


def test_a_parcel_that_its_site_does_not_know_is_named_and_one_that_never_left(pair):
    sent, sold = sold_one(pair)
    [parcel] = shipped(sold)
    what = "every parcel that has left is known at its site, and no other"
    assert broken(pair)[what] == [f"PRACTICE-1 {parcel.number}: has left, and the site does not know"]

    sent["shipments"] = [parcel.number, "SH-99999999"]

    assert broken(pair)[what] == ["PRACTICE-1 SH-99999999: the site knows it, and it has not left"]


def test_a_message_that_failed_is_named(pair):
    InboundEvent.objects.create(
        site=pair.row,
        event_id="e",
        kind="ORDER",
        external_id="A-9",
        source="POLL",
        received_at=NOON,
        state="FAILED",
        error="broken",
    )

    assert broken(pair) == {"no message is left unread in the inbox": ["ORDER A-9: broken"]}


def test_a_surprise_of_the_day_is_a_fault(pair):
    found = proof.verdicts([pair], drifted=[], surprises=["shopper 1.1: KeyError"])

    assert [verdict.faults for verdict in found if not verdict.is_kept] == [["shopper 1.1: KeyError"]]


def test_what_is_on_its_way_is_counted_by_name(pair):
    assert proof.still_waiting([pair]) == {}

    pair.remote.waiting, pair.remote.events = 2, 7
    SiteActivity.objects.filter(site=pair.row, activity=Activity.POLL).update(cursor="5")
    SiteActivity.objects.filter(site=pair.row, activity=Activity.INBOX).update(cursor="4")
    InboundEvent.objects.create(site=pair.row, event_id="e", kind="HINT", source="WEBHOOK", received_at=NOON)
    SitePush.objects.create(site=pair.row, sku=Sku.objects.get(code=TEE), dirty_since=NOON, due_at=NOON)

    assert sorted(proof.still_waiting([pair]).values()) == [1, 1, 2, 2, 3]
    assert connection.in_atomic_block
