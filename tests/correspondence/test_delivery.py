"""What becomes of a mail that is due: sent once, put off, refused, or nobody knows."""

import datetime as dt
import re
import uuid

import pytest

from customers.services import CustomerData
from erp.core.actors import Actor
from erp.core.errors import InvalidInput
from erp.core.models import StaffTask
from erp.correspondence import services
from erp.correspondence.exceptions import MailIsOver
from erp.correspondence.models import ChannelMail, Mail, MailEvent, MailTemplate
from erp.correspondence.services import delivery, outbox
from erp.correspondence.services.delivery import LEASE, RETRY_AFTER, deliver_due
from erp.correspondence.services.verdicts import Means, Verdict
from erp.orders.services import DeliveryInput
from tests.correspondence.factories import mail_server, told, writes
from tests.inventory.factories import sku, stock
from tests.orders.factories import DESK, NOON, line, order, placed, shipped, shop

pytestmark = pytest.mark.django_db
POST = Actor.job("mails")
MINUTE = dt.timedelta(minutes=1)


def shop_named(name):
    channel, warehouse = shop()
    channel.name = name
    channel.save()
    return channel, warehouse


def buyer(email="yoshino@shop.example", **fields):
    return CustomerData(kind="PERSON", family_name="髙﨑", given_name="𠮷乃", email=email, **fields)


def ordered(number=1, email="yoshino@shop.example", channel=None, **rules):
    """Orders of which Mamori is to tell the shopper."""
    if channel is None:
        channel, warehouse = shop_named("銀座本店")
        writes(channel, **rules)
        goods = sku()
        stock(goods, warehouse, 50)
        channel.goods = goods
    first = Mail.objects.count()
    for each in range(first, first + number):
        placed(channel, order(line(channel.goods), external_id=f"N-{each}", orderer=buyer(email)))
    return channel


def run(at=NOON):
    return deliver_due(at=at, by=POST)


def the_mail():
    return Mail.objects.latest("pk")


def test_a_mail_arrives_as_a_japanese_shopper_reads_it(settings):
    channel, warehouse = shop_named("銀座本店")
    writes(channel)
    goods = sku()
    stock(goods, warehouse, 5)
    address = DeliveryInput(
        ref="d1",
        recipient_name="髙﨑 𠮷乃",
        postal_code="104-0061",
        prefecture="東京都",
        city="中央区",
        street="銀座1-2-3",
    )
    sent = order(line(goods, 2, name="Tシャツ ①㈱ 白"), orderer=buyer(), deliveries=(address,))
    placed(channel, sent)

    with mail_server(settings) as server:
        assert run() == "1 sent"
        assert run(NOON + MINUTE) == "0 sent"
        [mail] = server.received

    assert mail["To"] == "yoshino@shop.example"
    assert mail["From"].addresses[0].display_name == "守り商店 銀座"
    assert mail["Reply-To"] == "desk@mamori.example"
    assert mail["Subject"].strip() == "【守り商店 銀座】ご注文ありがとうございます(注文番号 A-1)"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<mail-\d+\.[0-9a-f]{32}@mamori\.example>", mail["Message-ID"])
    assert (mail.get_content_type(), mail.get_content_charset()) == ("text/plain", "utf-8")
    text = mail.get_content()
    for part in (
        "髙﨑 𠮷乃 様",
        "Tシャツ ①㈱ 白",
        "1,100円 × 2点 = 2,200円",
        "合計(税込): 2,200円",
        "〒104-0061",
        "守り商店\n",
    ):
        assert part in text
    kept = Mail.objects.get()
    assert (kept.state, kept.sent_at, kept.recipient) == ("SENT", kept.sent_at, "yoshino@shop.example")
    assert kept.body == text
    assert list(MailEvent.objects.values_list("kind", flat=True)) == ["SENT"]


def test_without_a_server_everything_waits_and_says_why(settings):
    assert settings.EMAIL_IS_CONFIGURED is False
    ordered()

    assert run() == "1 wait"

    assert (the_mail().state, the_mail().reason) == ("WAITING", "メールサーバーが設定されていません(EMAIL_URL)。")
    with mail_server(settings) as server:
        assert run() == "1 sent"
        assert len(server.mails) == 1
    assert the_mail().reason == ""


@pytest.mark.parametrize(
    ("email", "is_relay", "why"),
    [("", False, "受注にメールアドレスがありません。"), ("x@relay.mall.example", True, "モールの中継アドレス")],
)
def test_who_cannot_be_written_to_is_not_and_the_log_says_why(settings, email, is_relay, why):
    channel, _warehouse = shop()
    writes(channel)
    placed(channel, order(line("?"), orderer=buyer(email, email_is_relay=is_relay)))

    with mail_server(settings) as server:
        run()
        assert server.mails == []

    assert the_mail().state == "UNDELIVERABLE"
    assert why in the_mail().reason
    assert not StaffTask.objects.filter(kind="MAIL_FAILED").exists()


def test_a_server_that_is_away_costs_no_attempt(settings):
    ordered(2)
    with mail_server(settings):
        pass

    assert run() == "0 sent"

    assert told() == [("ORDER_RECEIVED", "WAITING")] * 2
    assert {mail.attempts for mail in Mail.objects.all()} == {0}
    assert the_mail().reason.startswith("メールサーバーに接続できません")
    with mail_server(settings):
        assert run(NOON + MINUTE) == "0 sent"
        assert run(NOON + 3 * MINUTE) == "2 sent"


def test_what_the_server_puts_off_is_tried_again_and_at_last_given_up(settings):
    ordered()
    at = NOON
    with mail_server(settings) as server:
        server.when_asked = lambda command: "451 try later" if command.startswith("MAIL") else ""
        for wait in RETRY_AFTER:
            run(at)
            assert told() == [("ORDER_RECEIVED", "WAITING")]
            # The job counts its own seconds.
            assert wait <= the_mail().due_at - at < wait + MINUTE
            run(at + wait - MINUTE / 2)
            at += wait + MINUTE
        run(at)

    assert (the_mail().state, the_mail().attempts) == ("FAILED", len(RETRY_AFTER) + 1)
    assert StaffTask.objects.get(kind="MAIL_FAILED").subject_label == the_mail().document_label


def test_a_refused_address_becomes_a_task_and_harms_no_neighbour(settings):
    channel = ordered(1, email="gone@shop.example")
    ordered(1, channel=channel)
    with mail_server(settings) as server:
        server.when_asked = lambda command: "550 5.1.1 no such user" if "gone@" in command and "RCPT" in command else ""
        assert run() == "1 sent"
        assert [mail["To"] for mail in server.received] == ["yoshino@shop.example"]

    assert told() == [("ORDER_RECEIVED", "FAILED"), ("ORDER_RECEIVED", "SENT")]
    task = StaffTask.objects.get(kind="MAIL_FAILED")
    assert "550 5.1.1 no such user" in task.detail
    assert task.subject_type == "ORDER"


def test_a_line_that_breaks_within_the_mail_leaves_it_to_a_person(settings):
    ordered(2)
    with mail_server(settings) as server:
        cuts = iter(["hang up"])
        server.when_asked = lambda command: next(cuts, "") if command == "BODY" else ""
        assert run() == "1 sent"
        for hours in (1, 5):
            assert run(NOON + dt.timedelta(hours=hours)) == "0 sent"
        assert len(server.mails) == 1

    assert told() == [("ORDER_RECEIVED", "UNKNOWN"), ("ORDER_RECEIVED", "SENT")]
    assert StaffTask.objects.filter(kind="MAIL_FAILED", closed_at=None).count() == 1


def test_who_died_before_the_server_heard_is_followed_by_the_next(settings):
    ordered()
    delivery.take_due(claim=uuid.uuid4(), at=NOON, by=POST)

    with mail_server(settings) as server:
        assert run(NOON + LEASE - MINUTE) == "0 sent"
        assert run(NOON + LEASE + MINUTE) == "1 sent"
        assert len(server.mails) == 1


def test_who_died_while_the_server_heard_is_followed_by_nobody_but_a_person(settings):
    ordered()
    claim = uuid.uuid4()
    [key] = delivery.take_due(claim=claim, at=NOON, by=POST)
    delivery.begin(mail_id=key, claim=claim, at=NOON, by=POST)

    with mail_server(settings) as server:
        run(NOON + LEASE + MINUTE)
        assert server.mails == []
        assert the_mail().state == "UNKNOWN"
        again = services.send_again(mail_id=key, token="t", at=NOON, by=DESK)
        services.send_again(mail_id=key, token="t", at=NOON, by=DESK)
        assert run(NOON + 2 * LEASE) == "1 sent"
        assert len(server.mails) == 1

    assert told() == [("ORDER_RECEIVED", "DISCARDED"), ("ORDER_RECEIVED", "SENT")]
    assert again.resend_of_id == key
    assert StaffTask.objects.get(kind="MAIL_FAILED").closed_at is not None


def test_a_worker_that_was_only_slow_may_still_say_that_it_sent(settings):
    ordered()
    claim = uuid.uuid4()
    [key] = delivery.take_due(claim=claim, at=NOON, by=POST)
    delivery.begin(mail_id=key, claim=claim, at=NOON, by=POST)
    delivery.give_back_what_was_left(at=NOON + LEASE + MINUTE, by=POST)
    assert the_mail().state == "UNKNOWN"

    delivery.note_sent(mail_id=key, claim=claim, at=NOON + 2 * LEASE, by=POST)

    assert the_mail().state == "SENT"
    assert StaffTask.objects.get(kind="MAIL_FAILED").closed_at is not None


def test_a_worker_that_lost_its_claim_sends_nothing(settings):
    ordered()
    slow = uuid.uuid4()
    [key] = delivery.take_due(claim=slow, at=NOON, by=POST)
    with mail_server(settings):
        assert run(NOON + LEASE + MINUTE) == "1 sent"

    assert delivery.begin(mail_id=key, claim=slow, at=NOON, by=POST) is None


def take_back(mail):
    outbox.withdraw(
        kind=mail.kind, document_type="ORDER", document_ids=[mail.document_id], reason="nothing to tell", at=NOON, by=DESK
    )  # fmt: skip


def test_what_is_taken_back_after_a_worker_took_it_is_not_sent(settings):
    ordered(2)
    claim = uuid.uuid4()
    first, second = delivery.take_due(claim=claim, at=NOON, by=POST)

    take_back(Mail.objects.get(pk=first))

    assert delivery.begin(mail_id=first, claim=claim, at=NOON, by=POST) is None
    assert delivery.begin(mail_id=second, claim=claim, at=NOON, by=POST) is not None
    taken_back = Mail.objects.get(pk=first)
    assert (taken_back.state, taken_back.reason, taken_back.attempts) == ("DISCARDED", "nothing to tell", 0)
    with mail_server(settings) as server:
        run(NOON + 2 * LEASE)
        assert server.mails == []


def test_what_is_taken_back_while_the_server_puts_it_off_is_not_tried_again(settings):
    ordered()
    claim = uuid.uuid4()
    [key] = delivery.take_due(claim=claim, at=NOON, by=POST)
    assert delivery.begin(mail_id=key, claim=claim, at=NOON, by=POST) is not None

    take_back(the_mail())
    delivery.note_fault(mail_id=key, claim=claim, verdict=Verdict(Means.LATER, "451 try later"), at=NOON, by=POST)

    assert (the_mail().state, the_mail().reason) == ("DISCARDED", "nothing to tell")
    with mail_server(settings) as server:
        run(NOON + 2 * LEASE)
        assert server.mails == []


def test_what_the_server_had_when_it_was_taken_back_was_sent(settings):
    ordered()
    claim = uuid.uuid4()
    [key] = delivery.take_due(claim=claim, at=NOON, by=POST)
    delivery.begin(mail_id=key, claim=claim, at=NOON, by=POST)

    take_back(the_mail())
    delivery.note_sent(mail_id=key, claim=claim, at=NOON, by=POST)

    assert (the_mail().state, the_mail().reason) == ("SENT", "")


def test_a_draft_waits_for_a_person_who_may_change_or_drop_it(settings):
    ordered(2, ORDER_RECEIVED="MAMORI_CHECKED")
    first, second = Mail.objects.order_by("pk")
    with mail_server(settings) as server:
        assert run() == "0 sent"
        words = services.Words("other@shop.example", "お詫び", "本文 {お名前} のまま")
        services.approve_mail(mail_id=first.pk, words=words, at=NOON, by=DESK)
        services.approve_mail(mail_id=first.pk, at=NOON, by=DESK)
        services.discard_mail(mail_id=second.pk, reason="電話で済んだ", at=NOON, by=DESK)
        assert run() == "1 sent"
        [mail] = server.received

    assert (mail["To"], mail["Subject"], mail.get_content()) == (
        "other@shop.example", "お詫び", "本文 {お名前} のまま\n",
    )  # fmt: skip
    events = list(MailEvent.objects.order_by("pk").values_list("mail", "kind", "actor"))
    assert events == [
        (first.pk, "EDITED", "staff:hanako"), (first.pk, "APPROVED", "staff:hanako"), (second.pk, "DISCARDED", "staff:hanako"),
        (first.pk, "SENT", "job:mails"),
    ]  # fmt: skip
    with pytest.raises(MailIsOver):
        services.approve_mail(mail_id=first.pk, at=NOON, by=DESK)
    with pytest.raises(MailIsOver):
        services.discard_mail(mail_id=first.pk, reason="x", at=NOON, by=DESK)


def test_a_mail_by_hand_is_one_however_often_the_button_is_pressed(settings):
    channel = ordered(ORDER_RECEIVED="EC")
    record = placed(channel, order(line(channel.goods), orderer=buyer()))
    subject = services.Subject(channel.pk, "ORDER", record.pk, record.number)
    words = services.Words("a@shop.example", "ご確認のお願い", "本文")

    for _time in range(2):
        services.write_mail(subject=subject, kind="OTHER", words=words, token="abc", at=NOON, by=DESK)

    assert told() == [("OTHER", "WAITING")]
    with pytest.raises(InvalidInput) as refusal:
        bad = services.Words("nobody", "two\nlines", " ")
        services.write_mail(subject=subject, kind="OTHER", words=bad, token="abd", at=NOON, by=DESK)
    assert [problem.pointer for problem in refusal.value.problems] == ["/recipient", "/subject", "/body"]
    with mail_server(settings):
        assert run() == "1 sent"


def test_a_channel_has_words_of_its_own_and_the_company_the_rest(settings):
    channel = ordered()
    MailTemplate.objects.create(channel=channel, kind="ORDER_RECEIVED", subject="毎度 {注文番号}", body="{お名前} さん")
    other, _place = shop()
    writes(other, SHORTAGE="EC")
    other.goods = channel.goods  # type: ignore[attr-defined]
    ordered(channel=other)

    with mail_server(settings) as server:
        assert run() == "2 sent"
        subjects = [mail["Subject"] for mail in server.received]

    assert subjects[0] == "毎度 N-0"
    assert subjects[1].endswith("ご注文ありがとうございます(注文番号 N-1)")


def test_an_old_mobile_address_gets_its_quotes(settings):
    ordered(email="a..b.@docomo.example")
    with mail_server(settings) as server:
        heard = []

        def note(command):
            heard.append(command)
            return ""

        server.when_asked = note
        assert run() == "1 sent"

    # Without them the library would refuse to write it; the server hears it as those companies gave it out.
    assert "RCPT TO:<a..b.@docomo.example>" in heard
    assert the_mail().recipient == "a..b.@docomo.example"


def test_a_partial_parcel_says_so_and_how_to_follow_it(settings):
    channel, warehouse = shop_named("銀座本店")
    writes(channel, "EC", SHIPPED="MAMORI")
    here, late = sku(), sku()
    stock(here, warehouse, 5)
    record = placed(channel, order(line(here, 2, name="帽子"), line(late, 1, name="靴"), orderer=buyer()))
    from erp.orders.services import ShipRequest, release_orders, ship

    [[parcel]] = release_orders(order_ids=[record.pk], in_part=True, at=NOON, by=DESK).values()
    ship(requests=[ShipRequest(parcel, carrier="yamato", tracking_number="1234-5678-9013")], at=NOON, by=DESK)

    with mail_server(settings) as server:
        run()
        text = server.received[0].get_content()

    assert "複数回に分けてお届け" in text
    assert "配送会社: ヤマト運輸\n送り状番号: 123456789013\n" in text
    assert "id=123456789013" in text
    sent_now, _later, follows = text.partition("■ 後日お送りする商品")
    assert ("帽子" in sent_now, "靴" in sent_now, "帽子" in follows, "靴" in follows) == (True, False, False, True)


def test_a_whole_parcel_says_nothing_of_several(settings):
    channel, warehouse = shop()
    writes(channel, "EC", SHIPPED="MAMORI")
    goods = sku()
    stock(goods, warehouse, 5)
    shipped(placed(channel, order(line(goods), orderer=buyer())))

    with mail_server(settings) as server:
        run(NOON + dt.timedelta(hours=7))
        text = server.received[0].get_content()

    assert "複数回" not in text
    assert "後日" not in text
    assert "送り状番号" not in text


def test_a_channel_that_lost_its_setting_cannot_write(settings):
    ordered()
    ChannelMail.objects.all().delete()

    with mail_server(settings) as server:
        run()
        assert server.mails == []

    assert the_mail().state == "UNDELIVERABLE"


def test_a_mail_that_cannot_be_written_holds_up_no_other(settings):
    channel = ordered(2)
    broken = Mail.objects.earliest("pk")
    Mail.objects.filter(pk=broken.pk).update(document_id=0)

    with mail_server(settings) as server:
        assert run() == "1 sent"
        assert run(NOON + MINUTE) == "0 sent"
        assert len(server.mails) == 1

    broken.refresh_from_db()
    assert broken.state == "FAILED"
    assert channel.pk == broken.channel_id
