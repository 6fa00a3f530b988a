"""By which rules a channel is shown less than is free: each acts by itself and says so, the narrowest scope wins, and the clock changes them."""

from __future__ import annotations

import datetime as dt
from contextlib import nullcontext
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Category, KitComponent, Product, Sku
from erp.core.errors import InvalidInput
from erp.core.models import ChangeRow
from erp.inventory import selectors, services
from erp.inventory.exceptions import InsufficientStock, OtherHold
from erp.inventory.models import ChannelPolicy, ChannelQuota
from erp.inventory.selectors import TermKind, WantedPieces
from erp.inventory.services import Demand, HoldDemand
from tests.inventory.factories import CLERK, NOON, channel, location, sku, stock

pytestmark = pytest.mark.django_db
WHEN = {"at": NOON, "by": CLERK}
HOUR = dt.timedelta(hours=1)


NOBODY_KNOWS = range(-60, 0)


def ask(site, item, at=NOON):
    """Looked up by itself; read among many others it is the same."""
    alone, among_many = (
        selectors.available_to_promise(channel_id=site.pk, sku_ids=[item.pk, *others], at=at)[item.pk]
        for others in ((), NOBODY_KNOWS)
    )
    assert among_many == alone
    return alone


def told(answer):
    """The channel's own terms."""
    return {term.kind.value: term.quantity for term in answer.terms if term.location_id is None}


def order(site, item, pieces, *, document=1):
    granted = services.reserve(
        channel_id=site.pk, document_type="ORDER", demands=[Demand(document, 1, item.pk, pieces, 50)], **WHEN
    )
    return sum(part.quantity for part in granted)


def changes_of_stock():
    return sorted(ChangeRow.objects.filter(topic="stock").values_list("key", "audience"))


@pytest.fixture
def shirt():
    return sku(category=Category.objects.create(code="TOPS", name="トップス"))


@pytest.fixture
def shop(shirt):
    """A site with 101 shirts to sell."""
    place = location()
    stock(shirt, place, 101)
    return channel(place)


@pytest.mark.parametrize(
    ("rules", "terms", "available"),
    [
        ({"buffer": 5}, {"BUFFER": -5}, 96),
        ({"buffer_percent": 10}, {"BUFFER_PERCENT": -11}, 90),
        ({"buffer_percent": 10, "buffer": 5}, {"BUFFER_PERCENT": -11, "BUFFER": -5}, 85),
        ({"cap": 20}, {"CAP": -81}, 20),
        ({"cap": 0}, {"CAP": -101}, 0),
        ({"last_pieces": 101}, {}, 101),
        ({"last_pieces": 102}, {"LAST_PIECES": -101}, 0),
        ({"buffer": 99, "last_pieces": 3, "cap": 1}, {"BUFFER": -99, "LAST_PIECES": -2}, 0),
        ({"buffer": 98, "last_pieces": 3, "cap": 1}, {"BUFFER": -98, "CAP": -2}, 1),
        ({"buffer": 110, "last_pieces": 3}, {"BUFFER": -110, "FLOOR": 9}, 0),
    ],
)
def test_each_rule_is_a_term_of_its_own(shop, shirt, rules, terms, available):
    ChannelPolicy.objects.create(channel=shop, **rules)

    answer = ask(shop, shirt)

    assert (told(answer), answer.available) == (terms, available)


def test_of_each_rule_the_narrowest_scope_that_says_something_wins(shop, shirt):
    style = shirt.product
    ChannelPolicy.objects.create(channel=shop, buffer=1, last_pieces=60, cap=90)
    ChannelPolicy.objects.create(channel=shop, category=style.category, buffer=2, cap=80)
    ChannelPolicy.objects.create(channel=shop, product=style, buffer=3)
    ChannelPolicy.objects.create(channel=channel(), sku=shirt, cap=1)
    assert told(ask(shop, shirt)) == {"BUFFER": -3, "CAP": -18}

    own = ChannelPolicy.objects.create(channel=shop, sku=shirt, buffer=0)
    assert told(ask(shop, shirt)) == {"CAP": -21}

    ChannelPolicy.objects.filter(pk=own.pk).update(buffer=45)
    assert told(ask(shop, shirt)) == {"BUFFER": -45, "LAST_PIECES": -56}


def test_a_rule_is_in_force_from_its_beginning_until_before_its_end(shop, shirt):
    ChannelPolicy.objects.create(channel=shop, cap=50, ends_at=NOON)
    ChannelPolicy.objects.create(channel=shop, cap=10, starts_at=NOON, ends_at=NOON + HOUR)
    ChannelPolicy.objects.create(channel=shop, sku=sku(), cap=1, starts_at=NOON + HOUR / 2)

    asked = [ask(shop, shirt, at=NOON + step) for step in (-dt.timedelta(seconds=1), HOUR * 0, HOUR)]

    assert [answer.available for answer in asked] == [50, 10, 101]
    assert [answer.next_change_at for answer in asked] == [NOON, NOON + HOUR, None]


@pytest.mark.parametrize("scope", ["sku", "product", "category", "everything"])
def test_a_rule_that_begins_later_is_told_for_what_it_is_about(shop, shirt, scope):
    about = {
        "sku": {"sku": shirt},
        "product": {"product": shirt.product},
        "category": {"category": shirt.product.category},
    }
    ChannelPolicy.objects.create(channel=shop, cap=1, starts_at=NOON + HOUR, **about.get(scope, {}))
    ChannelPolicy.objects.create(channel=shop, sku=sku(), cap=1, starts_at=NOON + HOUR / 2)

    assert ask(shop, shirt).next_change_at == NOON + HOUR
    assert ask(shop, sku()).next_change_at == (NOON + HOUR if scope == "everything" else None)


def test_two_rules_of_one_scope_are_never_in_force_together(shop, shirt):
    ChannelPolicy.objects.create(channel=shop, sku=shirt, cap=5, starts_at=NOON)
    ChannelPolicy.objects.create(channel=shop, sku=shirt, cap=6, ends_at=NOON)
    ChannelPolicy.objects.create(channel=shop, cap=7)

    with pytest.raises(IntegrityError, match="policies_of_a_scope_do_not_overlap"), transaction.atomic():
        ChannelPolicy.objects.create(channel=shop, sku=shirt, buffer=1, starts_at=NOON + HOUR)
    with pytest.raises(IntegrityError, match="quotas_of_a_sku_do_not_overlap"), transaction.atomic():
        for _twice in range(2):
            ChannelQuota.objects.create(channel=shop, sku=shirt, quantity=1)


def test_what_begins_and_ends_by_the_clock_is_announced_once_and_has_a_higher_version(shop, shirt):
    other = channel()
    ChannelPolicy.objects.create(channel=shop, product=shirt.product, cap=10, starts_at=NOON, ends_at=NOON + HOUR)
    ChannelQuota.objects.create(channel=other, sku=shirt, quantity=5, starts_at=NOON + HOUR)
    before, version = len(changes_of_stock()), ask(shop, shirt).version
    news = []
    for step in (-1, 0, 10, 3600, 3610):
        at = NOON + dt.timedelta(seconds=step)
        count = services.announce_due_policies(at=at, by=CLERK)
        rows = list(ChangeRow.objects.filter(topic="stock").order_by("id").values_list("key", "audience"))[before:]
        before += len(rows)
        risen, version = ask(shop, shirt, at=at).version > version, ask(shop, shirt, at=at).version
        news.append((count, sorted(rows), risen))

    own, everyone = (str(shirt.pk), shop.code), (str(shirt.pk), "")
    assert news == [(0, [], False), (1, [own], True), (0, [], False), (2, [everyone, own], True), (0, [], False)]


def test_a_style_that_moves_to_another_category_is_counted_and_announced(shop, shirt):
    ChannelPolicy.objects.create(channel=shop, category=shirt.product.category, cap=4)
    version, before = ask(shop, shirt).version, changes_of_stock()

    Product.objects.filter(pk=shirt.product_id).update(category=None)

    answer = ask(shop, shirt)
    assert (answer.available, answer.version > version) == (101, True)
    assert changes_of_stock() == sorted([*before, (str(shirt.pk), shop.code)])


def test_what_is_left_of_a_quota_is_not_shown_to_other_channels(shop, shirt):
    place = location()
    mall, other = channel(place), channel(place)
    stock(shirt, place, 20)
    services.set_aside(channel_id=mall.pk, pieces={shirt.pk: 8}, ends_at=NOON + HOUR, **WHEN)
    figures = [(ask(mall, shirt).available, ask(other, shirt).available)]
    version = ask(other, shirt).version

    order(mall, shirt, 5)
    figures.append((ask(mall, shirt).available, ask(other, shirt).available))
    order(mall, shirt, 7, document=2)
    figures.append((ask(mall, shirt).available, ask(other, shirt).available))
    services.release(document_type="ORDER", document_ids=[2], **WHEN)
    figures.append((ask(mall, shirt).available, ask(other, shirt).available))

    assert figures == [(20, 12), (15, 12), (8, 8), (15, 12)]
    assert told(ask(other, shirt)) == {"QUOTAS": -3}
    assert ask(other, shirt).version > version
    assert ask(other, shirt, at=NOON + HOUR).available == 15
    assert ChannelQuota.objects.values_list("quantity", "used").get() == (8, 5)
    assert ask(other, shirt).next_change_at == NOON + HOUR


def test_what_was_shipped_stays_used_and_what_a_count_took_is_given_back(shop, shirt):
    services.set_aside(channel_id=shop.pk, pieces={shirt.pk: 8}, **WHEN)
    order(shop, shirt, 5)
    services.issue_reserved(
        source_type="SHIPMENT",
        document_type="ORDER",
        issues=[services.Issue(900, 1, 1, 1, shirt.pk, 3)],
        channel_id=shop.pk,
        occurred_at=NOON,
        **WHEN,
    )
    assert ChannelQuota.objects.get().used == 5

    place = selectors.reserved("ORDER", [1])[0].location_id
    services.record_count(
        external_id="count", location_id=place, counts=[services.Count(1, shirt.pk, 1)], occurred_at=NOON, **WHEN
    )

    assert ChannelQuota.objects.get().used == 4


@pytest.mark.parametrize(("is_binding", "served"), [(False, 20), (True, 12)])
def test_orders_of_others_get_pieces_set_aside_unless_the_quota_binds_them(shirt, is_binding, served):
    near, far = location(), location()
    mall, other = channel(near), channel(near, far)
    stock(shirt, near, 14)
    stock(shirt, far, 6)
    services.set_aside(channel_id=mall.pk, pieces={shirt.pk: 8}, is_binding=is_binding, **WHEN)

    assert order(other, shirt, 25) == served
    assert ask(other, shirt).available == 0


def test_a_customer_order_of_another_channel_leaves_what_a_binding_quota_sets_aside(shirt):
    place = location()
    mall, other = channel(place), channel(place)
    stock(shirt, place, 10)
    services.set_aside(channel_id=mall.pk, pieces={shirt.pk: 8}, is_binding=True, **WHEN)

    held = services.place_hold(
        channel_id=other.pk,
        ref="K",
        lines=[HoldDemand(shirt.pk, 5)],
        kind="CUSTOMER_ORDER",
        owner_label="佐藤様",
        **WHEN,
    )

    assert [line.quantity for line in held.lines] == [2]
    assert order(mall, shirt, 9) == 8


def test_what_is_reserved_anew_counts_in_the_quota_that_is_in_force_now(shop, shirt):
    order(shop, shirt, 2)
    services.set_aside(channel_id=shop.pk, pieces={shirt.pk: 5}, **WHEN)

    services.release(document_type="ORDER", document_ids=[1], **WHEN)
    order(shop, shirt, 3)

    assert ChannelQuota.objects.get().used == 3


def test_a_promise_that_is_kept_uses_the_quota_of_its_channel(shop, shirt):
    place = location()
    mall, other = channel(place), channel(place)
    services.set_aside(channel_id=mall.pk, pieces={shirt.pk: 8}, **WHEN)
    (expected,) = services.expect_receipt(
        external_id="PO", location_id=place.pk, lines=[services.ExpectedLine(1, shirt.pk, 20, NOON.date())], **WHEN
    )
    demands = [
        WantedPieces("ORDER", document, 1, shirt.pk, site.pk, pieces, 50, NOON)
        for document, site, pieces in ((1, mall, 5), (2, other, 3))
    ]
    services.promise(sku_ids=[shirt.pk], demands=demands, **WHEN)

    line = services.ReceiptLine(1, shirt.pk, 20, Decimal(500), expected)
    services.receive(external_id="R", location_id=place.pk, lines=[line], occurred_at=NOON, **WHEN)

    assert ChannelQuota.objects.get().used == 5
    assert (ask(mall, shirt).available, told(ask(other, shirt))) == (12, {"QUOTAS": -3})
    services.release(document_type="ORDER", document_ids=[1], **WHEN)
    assert ChannelQuota.objects.get().used == 0


def test_a_reservation_that_moves_gives_the_quota_of_one_channel_back_and_uses_that_of_the_other(shirt):
    place = location()
    mall, site = channel(place), channel(place)
    stock(shirt, place, 30)
    services.set_aside(channel_id=mall.pk, pieces={shirt.pk: 8}, **WHEN)
    services.set_aside(channel_id=site.pk, pieces={shirt.pk: 9}, **WHEN)
    order(mall, shirt, 6, document=1)
    order(site, shirt, 2, document=2)

    for giver, taker, to, pieces in ((1, 2, site, 4), (1, 3, mall, 1)):
        services.move_claims(
            document_type="ORDER", from_document=giver, to_document=taker, channel_id=to.pk, priority=50,
            moves=[services.ClaimMove(1, 1, shirt.pk, pieces)], **WHEN,
        )  # fmt: skip

    # Of the mall's six, four went to the site; one went to another order of the mall itself.
    assert dict(ChannelQuota.objects.values_list("channel", "used")) == {mall.pk: 2, site.pk: 6}


def test_a_hold_gets_what_is_shown_and_no_more(shop, shirt):
    ChannelPolicy.objects.create(channel=shop, cap=3)

    def hold(pieces):
        services.place_hold(
            channel_id=shop.pk, ref=f"c{pieces}", lines=[HoldDemand(shirt.pk, pieces)], expires_at=NOON + HOUR, **WHEN
        )

    with pytest.raises(InsufficientStock) as refused, transaction.atomic():
        hold(4)
    hold(3)

    assert [(item.wanted, item.left) for item in refused.value.shortages] == [(4, 3)]
    assert ask(shop, shirt).available == 3


def kit_of(component, quantity):
    made = sku()
    Sku.objects.filter(pk=made.pk).update(is_kit=True)
    KitComponent.objects.create(kit=made, component=component, quantity=quantity)
    return made


def test_rules_of_a_kit_act_on_what_its_components_make(shop, shirt):
    pair = kit_of(shirt, 2)
    everything = ChannelPolicy.objects.create(channel=shop, buffer=11, last_pieces=4)
    assert (ask(shop, pair).available, told(ask(shop, pair))) == (45, {"COMPONENTS": 45})

    ChannelPolicy.objects.create(channel=shop, sku=pair, buffer=2, cap=40, ends_at=NOON + HOUR)
    answer = ask(shop, pair)
    assert (answer.available, told(answer)) == (40, {"COMPONENTS": 45, "BUFFER": -2, "CAP": -3})
    assert answer.next_change_at == NOON + HOUR

    version = answer.version
    ChannelPolicy.objects.filter(pk=everything.pk).update(last_pieces=50)
    answer = ask(shop, pair)
    assert (told(answer), answer.version > version) == (
        {"COMPONENTS": 45, "BUFFER": -2, "LAST_PIECES": -43},
        True,
    )


def test_a_hold_is_another_one_when_its_pieces_are_for_other_kits(shirt):
    """Kits decide the price, so that the same pieces are not the same content."""
    place, pair = location(), kit_of(shirt, 2)
    site = channel(place)
    stock(shirt, place, 5)
    asked = {"channel_id": site.pk, "ref": "h", "lines": [services.HoldDemand(shirt.pk, 4)], **WHEN}
    services.place_hold(**asked, kits={pair.pk: 1})

    assert services.place_hold(**asked, kits={pair.pk: 1}).is_replay
    for kits in ({}, {pair.pk: 2}):
        with pytest.raises(OtherHold):
            services.place_hold(**asked, kits=kits)


def test_kits_that_lost_pieces_are_kept_longer_only_as_far_as_they_are_shown(shirt):
    """Two kits of two and one piece beside them; what a count takes is first what is beside them, and what is left of a kit goes into it again."""
    place, pair = location(), kit_of(shirt, 2)
    site = channel(place)
    stock(shirt, place, 5)
    asked = {"channel_id": site.pk, "ref": "h"}
    services.place_hold(**asked, lines=[HoldDemand(shirt.pk, 5)], kits={pair.pk: 2}, kind="QUOTE", **WHEN)
    hidden = ChannelPolicy.objects.create(channel=site, sku=pair, cap=0)

    def extend():
        services.extend_hold(**asked, expires_at=NOON + HOUR, **WHEN)

    def count(pieces):
        seen = [services.Count(1, shirt.pk, pieces)]
        services.record_count(
            external_id=f"count-{pieces}", location_id=place.pk, counts=seen, occurred_at=NOON, **WHEN
        )

    def refused():
        with pytest.raises(InsufficientStock) as refusal, transaction.atomic():
            extend()
        return [(item.sku_id, item.wanted, item.left) for item in refusal.value.shortages]

    extend()
    count(4)
    assert refused() == [(shirt.pk, 1, 0)]
    stock(shirt, place, 1)
    extend()

    count(3)
    stock(shirt, place, 2)
    assert refused() == [(pair.pk, 1, 0)]
    ChannelPolicy.objects.filter(pk=hidden.pk).update(cap=1)
    extend()

    assert ask(site, shirt).available == 0
    assert [line.quantity for line in selectors.hold(**asked).lines] == [5]


def test_a_kit_and_its_component_in_one_order_are_summed_per_sku(shop, shirt):
    """60 kits of one and 60 of it by itself: exploded they want 120 of 101."""
    granted = services.reserve(
        channel_id=shop.pk,
        document_type="ORDER",
        demands=[Demand(1, 1, shirt.pk, 60, 50), Demand(1, 2, shirt.pk, 60, 50)],
        **WHEN,
    )
    assert [(part.document_line, part.quantity) for part in granted] == [(1, 60), (2, 41)]

    services.release(document_type="ORDER", document_ids=[1], **WHEN)
    with pytest.raises(InsufficientStock) as refused:
        lines = [HoldDemand(shirt.pk, 60), HoldDemand(shirt.pk, 60)]
        services.place_hold(channel_id=shop.pk, ref="c", lines=lines, expires_at=NOON + HOUR, **WHEN)
    assert [(item.wanted, item.left) for item in refused.value.shortages] == [(120, 101)]


OPTIONAL = st.none() | st.integers(0, 30)
SCOPES = ("sku", "product", "category", "all")
POLICIES = st.lists(
    st.tuples(
        st.sampled_from(SCOPES), OPTIONAL, st.none() | st.integers(0, 100), OPTIONAL, OPTIONAL, st.sampled_from([-1, 0, 1])
    ),
    max_size=4,
    unique_by=lambda row: row[0],
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rules=POLICIES,
    places=st.lists(st.tuples(st.sampled_from(["WAREHOUSE", "SHOP", "DEFECT"]), st.integers(0, 40)), max_size=3),
    quota=st.integers(0, 20), used=st.integers(0, 30), ordered=st.integers(0, 15), held=st.integers(0, 5), parts=st.integers(1, 3),
)  # fmt: skip
def test_terms_add_up_whatever_the_rules(django_db_blocker, rules, places, quota, used, ordered, held, parts):
    category = Category.objects.create(code=f"C{Category.objects.count()}", name="C")
    item = sku(category=category)
    pair = kit_of(item, parts)
    shelves = [location(kind) for kind, _pieces in places]
    site, other = channel(*shelves), channel(*shelves)
    for shelf, (_kind, pieces) in zip(shelves, places, strict=True):
        if pieces:
            stock(item, shelf, pieces)
    scopes = {"sku": {"sku": item}, "product": {"product": item.product}, "category": {"category": category}, "all": {}}
    in_force = {}
    for scope, buffer, percent, last, cap, hours in rules:
        fields = {"buffer": buffer, "buffer_percent": percent, "last_pieces": last, "cap": cap}
        if any(value is not None for value in fields.values()):
            ChannelPolicy.objects.create(channel=site, starts_at=NOON + hours * HOUR, **scopes[scope], **fields)
            in_force[scope] = {} if hours > 0 else fields
    if quota:
        services.set_aside(channel_id=other.pk, pieces={item.pk: quota}, **WHEN)
        order(other, item, used)
    order(site, item, ordered, document=2)
    shown = ask(site, item).available
    with nullcontext() if 0 < held <= shown else pytest.raises((InsufficientStock, InvalidInput)), transaction.atomic():
        lines = [HoldDemand(item.pk, held)]
        services.place_hold(channel_id=site.pk, ref="h", lines=lines, expires_at=NOON + HOUR, **WHEN)

    answer, of_kit = ask(site, item), ask(site, pair)

    for found in (answer, of_kit):
        assert found.available == sum(term.quantity for term in found.terms) >= 0
        assert sum(quantity for _kind, quantity, _place in selectors.by_kind_of_place(found)) == found.available
    free = sum(
        term.quantity
        for term in answer.terms
        if term.kind in (TermKind.ON_HAND, TermKind.ALLOCATED, TermKind.EXPIRED_HOLDS, TermKind.NOT_COUNTED)
    )
    assert answer.available <= free
    assert of_kit.available <= answer.available // parts

    def wins(field):
        return next((in_force[s][field] for s in SCOPES if in_force.get(s, {}).get(field) is not None), None)

    left = free
    if quota:
        left -= max(quota - ChannelQuota.objects.get(channel=other).used, 0)
    left -= -(-max(left, 0) * (wins("buffer_percent") or 0) // 100)
    left = max(left - (wins("buffer") or 0), 0)
    left = 0 if left < (wins("last_pieces") or 0) else left
    assert answer.available == min(left, wins("cap") if wins("cap") is not None else left)


def test_a_rule_is_shown_before_it_is_saved_and_quotas_are_typed_in_lines(admin_client, shop, shirt):
    other, rules = channel(), "/admin/inventory/channelpolicy/add/"
    typed = {"channel": shop.pk, "sku": shirt.pk, "cap": 7}

    looked = admin_client.post(rules, typed)

    (figure,) = looked.context["figures"]
    assert (figure.sku, figure.now.available, figure.then.available, ChannelPolicy.objects.count()) == (
        shirt.code,
        101,
        7,
        0,
    )
    assert [quantity for _label, quantity in figure.why] == [-94]
    saved = admin_client.post(rules, {**typed, "_confirmed": "1"})
    assert (saved.status_code, ask(shop, shirt).available) == (302, 7)
    refused = admin_client.post(rules, {**typed, "cap": 8})
    assert "policies_of" not in str(refused.context["errors"])
    assert refused.context["errors"]

    quotas = {"channel": other.pk, "lines": f"{shirt.code}, 96"}
    assert admin_client.post("/admin/inventory/channelquota/enter/", quotas).status_code == 302
    assert told(ask(shop, shirt)) == {"QUOTAS": -96}
    page = admin_client.get("/admin/inventory/channelquota/")
    assert page.status_code == 200
