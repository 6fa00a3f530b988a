"""受信箱 and 照合結果: what operators see, and the acts they have."""

import ast
import inspect

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.urls import reverse
from kombu.exceptions import OperationalError

from ec_gateway.admin import evidence
from ec_gateway.admin import inbox as inbox_admin
from ec_gateway.admin import reconciliation as reconciliation_admin
from ec_gateway.inbox.working import work_off
from ec_gateway.models import InboundEvent, ReconciliationRow
from ec_gateway.platforms.interface import PlatformError
from ec_gateway.platforms.taking_in import take_in
from ec_gateway.reconciliation import causes, reconcile
from ec_gateway.reconciliation import orders as order_comparison
from erp.core import documents
from erp.orders.models import Order
from tests.ec_gateway.factories import NOON, ROBOT, listed, shop
from tests.ec_gateway.fake_platform import FakePlatform, line_to, never_wait, news, order_news
from tests.inventory.factories import sku, stock

pytestmark = pytest.mark.django_db
EVENTS = "admin:ec_gateway_inboundevent_changelist"


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


def refused(site):
    take_in(site_id=site.pk, news=[news("CANCEL", "c-1", "A-1", NOON, {"surprise": 1})], source="WEBHOOK", at=NOON)
    work_off(site_id=site.pk, holder="test", clock=lambda: NOON, jitter=lambda: 0.5)
    return InboundEvent.objects.get()


def told(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def queues(staff):
    return staff.get(reverse("admin:index")).context["home"].tiles


def test_what_was_refused_stands_in_the_queue_with_its_reason(staff):
    site, _place = shop()
    event = refused(site)

    queue = queues(staff)["受信箱: 受付不可"]

    assert queue.text == "1"
    page = staff.get(queue.url).content.decode()
    assert "surprise: この項目は定義されていません。" in page
    assert "A-1" in page
    assert documents.url_of("INBOUND_EVENT", event.pk) == f"/admin/ec_gateway/inboundevent/{event.pk}/change/"
    assert staff.get(documents.url_of("INBOUND_EVENT", event.pk)).status_code == 200


def test_applying_again_shows_the_outcome_of_each_and_twice_is_once(staff):
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    bad = refused(site)
    take_in(site_id=site.pk, news=[order_news("A-2", shirt)], source="POLL", at=NOON)
    chosen = {"action": "apply_again", "_selected_action": list(InboundEvent.objects.values_list("pk", flat=True))}

    first = told(staff.post(reverse(EVENTS), chosen))
    second = told(staff.post(reverse(EVENTS), chosen))

    number = Order.objects.get().number
    assert first == [
        f"キャンセル A-1: 受付不可 {InboundEvent.objects.get(pk=bad.pk).error}",
        f"受注 A-2: 完了 {number}",
    ]
    assert second[-1] == f"受注 A-2: 反映済み(変更なし) {number}"
    assert set(InboundEvent.objects.values_list("state", flat=True)) == {"REFUSED", "DONE"}


def test_an_order_is_fetched_by_hand_and_applied_at_once(staff, monkeypatch):
    site, place = shop()
    shirt = sku()
    stock(shirt, place, 5)
    platform = FakePlatform(changes=[order_news("A-1", shirt)])
    monkeypatch.setattr(inbox_admin, "connect", lambda _site, **_asked: platform)
    asked = {"site": site.pk, "external_id": "A-1"}

    first = staff.post(reverse("admin:ec_gateway_fetch_order"), asked)
    second = staff.post(reverse("admin:ec_gateway_fetch_order"), asked)

    order = Order.objects.get()
    assert (order.external_id, order.actor) == ("A-1", "staff:mika")
    assert told(first) == [f"受注 A-1: 完了 {order.number}", "取得しました。"]
    assert "サイトの内容はすべて反映済みです。" in told(second)


def test_what_the_site_does_not_know_or_answer_is_said(staff, monkeypatch):
    site, _place = shop()
    platform = FakePlatform()
    monkeypatch.setattr(inbox_admin, "connect", lambda _site, **_asked: platform)
    asked = {"site": site.pk, "external_id": "A-9"}

    assert told(staff.post(reverse("admin:ec_gateway_fetch_order"), asked)) == ["サイトに受注 A-9 はありません。"]
    platform.fails = [PlatformError("no answer", is_unreachable=True)]
    assert told(staff.post(reverse("admin:ec_gateway_fetch_order"), asked)) == ["no answer"]


def drifted(site, place):
    item = sku()
    stock(item, place, 5)
    listed(site, item)
    reconcile(
        line=line_to(site, FakePlatform(stock={item.code: 2})), holder="test", wait=never_wait, by=ROBOT, is_dry_run=True
    )  # fmt: skip
    return item


def test_drift_stands_on_the_first_page_with_the_terms_of_our_figure(staff):
    site, place = shop()
    item = drifted(site, place)

    queue = queues(staff)["ECサイトとの差異"]

    assert queue.text == "1"
    assert item.code in staff.get(queue.url).content.decode()
    page = staff.get(f"/admin/ec_gateway/reconciliationrow/{ReconciliationRow.objects.get().pk}/change/")
    assert f"実在庫 {place.code} +5" in page.content.decode()
    assert "未送信: はい" in page.content.decode()


def test_every_fact_that_a_comparison_notes_has_its_words():
    noted = set()
    for module in (causes, order_comparison):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Dict):
                noted |= {
                    key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }

    assert {"shown", "event_state", "site_names_it"} <= noted
    assert noted <= set(evidence.LABELS)
    told = evidence.in_words(
        {
            "sent_at": "2026-11-23T03:00:00+00:00",
            "orders": {"A-1": 2},
            "asked": False,
            "event_state": "REFUSED",
            "due_at": None,
        }
    )
    assert told == (
        "<div>最終送信日時: 2026/11/23 12:00</div><div>未取込の受注: A-1 × 2</div><div>サイトに問い合わせた: いいえ</div>"
        "<div>イベントの状態: 受付不可</div><div>次回の試行: –</div>"
    )


def test_a_comparison_is_asked_of_a_worker(staff, monkeypatch):
    site, _place = shop()
    asked = []
    monkeypatch.setattr(reconciliation_admin, "ask_for_run", lambda **arguments: asked.append(arguments))

    staff.post(reverse("admin:ec_gateway_reconcile"), {"site": site.pk, "is_dry_run": "on"})
    assert asked == [{"site_id": site.pk, "is_dry_run": True}]

    def gone(**_arguments):
        raise OperationalError("no broker")

    monkeypatch.setattr(reconciliation_admin, "ask_for_run", gone)
    answer = staff.post(reverse("admin:ec_gateway_reconcile"), {"site": site.pk})
    assert told(answer)[-1:] == ["現在ワーカーに依頼できません。後でもう一度試してください。"]


@pytest.mark.parametrize("name", ["admin:ec_gateway_fetch_order", "admin:ec_gateway_reconcile"])
def test_who_may_not_change_may_not_act(client, name):
    client.force_login(User.objects.create_user("guest", is_staff=True))

    assert client.get(reverse(name)).status_code == 403
