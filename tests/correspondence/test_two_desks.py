"""Two people with the same mail before them: the shopper gets one, and the second person is told what the first did."""

from functools import partial

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from erp.core.actors import Actor
from erp.core.models import StaffTask
from erp.correspondence import selectors, services
from erp.correspondence.exceptions import MailMovedOn, WrittenMeanwhile
from erp.correspondence.models import Mail, MailEvent
from erp.correspondence.selectors import Seen
from erp.correspondence.services import outbox
from erp.orders.models import Order
from tests.correspondence.factories import told
from tests.correspondence.test_delivery import ordered
from tests.correspondence.test_pages import seen_in, token_in
from tests.inventory.factories import sku
from tests.orders.factories import NOON, line, order, placed
from tests.racing import race
from tests.unlocked import fails_without

pytestmark = pytest.mark.django_db
AOI, MIKA = Actor.staff("aoi"), Actor.staff("mika")
KEEPS_ONE = pytest.mark.django_db(transaction=True)


def a_mail(state="UNKNOWN", **rules):
    ordered(1, **rules)
    mail = Mail.objects.get()
    sent_at = NOON if state == "SENT" else None
    Mail.objects.filter(pk=mail.pk).update(
        state=state, subject="ご注文", body="本文\n", recipient="a@shop.example", sent_at=sent_at
    )
    mail.refresh_from_db()
    return mail


def again(mail, by, *, token="", seen=None):
    seen = selectors.seen_of(mail) if seen is None else seen
    return partial(services.send_again, mail_id=mail.pk, token=token or by.name, seen=seen, at=NOON, by=by)


@pytest.mark.parametrize("state", ["UNKNOWN", "FAILED", "UNDELIVERABLE", "SENT", "DISCARDED"])
def test_a_mail_that_another_sent_again_is_not_sent_a_third_time(state):
    mail = a_mail(state)
    first, second = again(mail, AOI), again(mail, MIKA)
    sent = first()

    with pytest.raises(MailMovedOn) as refusal:
        second()

    assert str(refusal.value) == (
        f"2026/11/23 12:00 に aoi がこのメールを再送しています (メール {sent.pk}: 未送信)。"
        "今の操作では何も行っていません。この後の対応は、そのメールで行ってください。"
    )
    assert Mail.objects.count() == 2
    assert first() == sent


@KEEPS_ONE
@pytest.mark.parametrize("state", ["UNKNOWN", "SENT"])
def test_a_mail_that_two_send_again_at_once_goes_out_once(state):
    mail = a_mail(state)

    outcomes = race(again(mail, AOI), again(mail, MIKA), hold=Mail.objects.filter(pk=mail.pk))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Mail", "MailMovedOn"]
    assert Mail.objects.count() == 2


@KEEPS_ONE
@fails_without("correspondence.by_hand._lock[rows]")
def test_a_draft_that_two_send_in_words_of_their_own_says_what_the_first_wrote():
    mail = a_mail("DRAFT", ORDER_RECEIVED="MAMORI_CHECKED")
    seen = selectors.seen_of(mail)

    def approve(by):
        words = services.Words("a@shop.example", "ご注文", f"{by.name} の本文")
        return partial(services.approve_mail, mail_id=mail.pk, words=words, seen=seen, at=NOON, by=by)

    outcomes = race(approve(AOI), approve(MIKA), hold=Mail.objects.filter(pk=mail.pk))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["MailMovedOn", "NoneType"]
    first = ("aoi", "mika")[outcomes.index(None)]
    mail.refresh_from_db()
    assert (mail.state, mail.body) == ("WAITING", f"{first} の本文\n")


def test_what_arrived_is_sent_again_by_whoever_knows_that_it_was_sent_again():
    mail = a_mail("SENT")
    sent = again(mail, AOI)()

    once_more = again(mail, MIKA)()

    assert selectors.seen_of(mail) == Seen(0, once_more.pk, once_more.pk)
    assert once_more.pk != sent.pk


def test_what_did_not_arrive_is_sent_again_from_the_mail_that_stands_for_it():
    mail = a_mail("FAILED")
    second = again(mail, AOI)()
    Mail.objects.filter(pk=second.pk).update(state="FAILED")

    with pytest.raises(MailMovedOn):
        again(mail, MIKA)()
    again(second, MIKA)()

    assert told() == [("ORDER_RECEIVED", "DISCARDED"), ("ORDER_RECEIVED", "DISCARDED"), ("ORDER_RECEIVED", "WAITING")]


def test_a_mail_that_another_is_done_with_is_not_sent_again_by_who_did_not_know():
    mail = a_mail("UNKNOWN")
    seen = selectors.seen_of(mail)
    services.discard_mail(mail_id=mail.pk, reason="届いていると電話で確認", at=NOON, by=AOI)

    with pytest.raises(MailMovedOn) as refusal:
        again(mail, MIKA, seen=seen)()

    assert "aoi" in str(refusal.value)
    assert "届いていると電話で確認" in str(refusal.value)
    assert Mail.objects.count() == 1
    again(mail, MIKA)()
    assert Mail.objects.count() == 2


def test_a_mail_that_was_sent_again_cannot_be_said_not_to_go():
    mail = a_mail("UNKNOWN")
    again(mail, AOI)()
    mail.refresh_from_db()

    for reason in ("不要", mail.reason):
        with pytest.raises(MailMovedOn, match="aoi がこのメールを再送しています"):
            services.discard_mail(mail_id=mail.pk, reason=reason, at=NOON, by=MIKA)


def test_a_reason_of_another_is_told_and_stays():
    mail = a_mail("DRAFT")
    services.discard_mail(mail_id=mail.pk, reason="電話で済んだ", at=NOON, by=AOI)
    services.discard_mail(mail_id=mail.pk, reason="電話で済んだ", at=NOON, by=AOI)

    with pytest.raises(MailMovedOn) as refusal:
        services.discard_mail(mail_id=mail.pk, reason="不要", at=NOON, by=MIKA)

    assert "電話で済んだ" in str(refusal.value)
    mail.refresh_from_db()
    assert mail.reason == "電話で済んだ"
    assert MailEvent.objects.filter(mail=mail).count() == 1


def test_a_draft_that_another_let_go_is_not_discarded_by_who_saw_a_draft():
    mail = a_mail("DRAFT")
    seen = selectors.seen_of(mail)
    services.approve_mail(mail_id=mail.pk, at=NOON, by=AOI)

    with pytest.raises(MailMovedOn):
        services.discard_mail(mail_id=mail.pk, reason="不要", seen=seen, at=NOON, by=MIKA)
    with pytest.raises(MailMovedOn):
        words = services.Words("b@shop.example", "件名", "別の本文")
        services.edit_mail(mail_id=mail.pk, words=words, seen=seen, at=NOON, by=MIKA)
    services.discard_mail(mail_id=mail.pk, reason="不要", seen=selectors.seen_of(mail), at=NOON, by=MIKA)

    mail.refresh_from_db()
    assert mail.state == "DISCARDED"


def written(record, by, *, seen=None, token=""):
    subject = services.Subject(record.channel_id, "ORDER", record.pk, record.number)
    words = services.Words("a@shop.example", f"{by.name} より", "本文")
    return partial(
        services.write_mail,
        subject=subject,
        kind="OTHER",
        words=words,
        token=token or by.name,
        seen=seen,
        at=NOON,
        by=by,
    )


def an_order():
    ordered(1, ORDER_RECEIVED="EC")
    return Order.objects.get()


def test_who_writes_about_an_order_is_told_what_another_wrote_meanwhile_and_sends_it_all_the_same():
    record = an_order()
    seen = selectors.seen_of_document("ORDER", record.pk)
    first = written(record, AOI, seen=seen)()

    with pytest.raises(WrittenMeanwhile) as refusal:
        written(record, MIKA, seen=seen)()

    assert str(refusal.value) == (
        f"2026/11/23 12:00 に aoi がこの受注 ({record.number}) のメール「aoi より」を書いています (メール {first.pk}: 未送信)。"
        "今の操作では何も送っていません。入力した内容は下に残してあります。それでも送るときは、もう一度ボタンを押してください。"
    )
    assert refusal.value.mail_id == first.pk
    assert written(record, AOI, seen=seen)() == first
    assert Mail.objects.count() == 1
    written(record, MIKA, seen=Seen(written_id=first.pk))()
    assert set(Mail.objects.values_list("subject", flat=True)) == {"aoi より", "mika より"}


def test_a_mail_sent_again_is_told_to_who_writes_and_one_by_rule_or_given_up_is_not():
    mail = a_mail("UNKNOWN")
    record = Order.objects.get()
    begun = selectors.seen_of_document("ORDER", record.pk)
    assert begun == Seen()
    sent = again(mail, AOI)()

    with pytest.raises(WrittenMeanwhile):
        written(record, MIKA, seen=begun)()
    services.discard_mail(mail_id=sent.pk, reason="電話で済んだ", at=NOON, by=AOI)
    written(record, MIKA, seen=begun)()

    assert Mail.objects.filter(occasion="hand:mika").count() == 1


@KEEPS_ONE
@fails_without("correspondence.by_hand.write_mail[mails by hand:]")
def test_of_two_who_write_about_an_order_at_once_the_second_is_told():
    record = an_order()
    seen = selectors.seen_of_document("ORDER", record.pk)

    # Both have read before either may write.
    outcomes = race(written(record, AOI, seen=seen), written(record, MIKA, seen=seen), table="correspondence_mail")

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Mail", "WrittenMeanwhile"]
    assert Mail.objects.count() == 1


def test_who_sends_a_mail_again_is_told_what_another_wrote_meanwhile_and_sends_it_all_the_same():
    mail = a_mail("SENT")
    record = Order.objects.get()
    once_more = again(mail, MIKA)
    first = written(record, AOI)()

    with pytest.raises(WrittenMeanwhile) as refusal:
        once_more()

    assert f"aoi がこの受注 ({record.number}) のメール「aoi より」を書いています" in str(refusal.value)
    assert refusal.value.mail_id == first.pk
    assert Mail.objects.filter(resend_of=mail).count() == 0
    sent = again(mail, MIKA, seen=Seen(written_id=first.pk))()
    assert once_more() == sent
    assert Mail.objects.filter(resend_of=mail).get() == sent


def test_what_another_wrote_about_another_order_is_told_to_nobody():
    mail = a_mail("SENT")
    other = placed(mail.channel, order(line(sku()), external_id="A-2"))
    once_more = again(mail, MIKA)

    written(other, AOI)()

    assert once_more().resend_of == mail


@KEEPS_ONE
@fails_without("correspondence.by_hand.send_again[mails by hand:]", "correspondence.by_hand.write_mail[mails by hand:]")
def test_of_one_who_writes_and_one_who_sends_again_at_once_the_second_is_told():
    mail = a_mail("SENT")
    record = Order.objects.get()
    one = written(record, AOI, seen=selectors.seen_of_document("ORDER", record.pk))

    # Both have read before either may write.
    outcomes = race(one, again(mail, MIKA), table="correspondence_mail", mode="SHARE ROW EXCLUSIVE")

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Mail", "WrittenMeanwhile"]
    assert Mail.objects.count() == 2


def test_the_page_tells_who_sends_again_and_sends_when_asked_once_more(client):
    mail = a_mail("SENT")
    for name in ("aoi", "mika"):
        User.objects.create_superuser(name, last_name="鈴木", first_name=name)
    client.force_login(User.objects.get(username="mika"))
    page = reverse("admin:correspondence_mail_again", args=[mail.pk])
    shown = client.get(page)
    typed = {"recipient": "b@shop.example", "token": token_in(shown), "seen": seen_in(shown)}
    first = written(Order.objects.get(), AOI)()

    refused = client.post(page, typed)

    told = refused.content.decode()
    assert ("鈴木 aoi がこの受注" in told, "b@shop.example" in told) == (True, True)
    assert (token_in(refused), seen_in(refused)) == (typed["token"], f"0.0.{first.pk}")
    assert not Mail.objects.filter(resend_of=mail).exists()
    assert client.post(page, {**typed, "seen": seen_in(refused)}).status_code == 302
    assert Mail.objects.get(resend_of=mail).recipient == "b@shop.example"


def test_the_page_keeps_what_the_second_person_typed_and_sends_it_when_asked_again(client):
    record = an_order()
    User.objects.create_superuser("aoi", last_name="鈴木", first_name="葵")
    User.objects.create_superuser("mika")
    page = reverse("admin:orders_order_mail", args=[record.pk])
    typed = {}
    for name in ("aoi", "mika"):
        client.force_login(User.objects.get(username=name))
        shown = client.get(page)
        typed[name] = {
            "recipient": "a@shop.example", "subject": f"{name} より", "body": f"{name} の本文",
            "token": token_in(shown), "seen": seen_in(shown),
        }  # fmt: skip
    client.force_login(User.objects.get(username="aoi"))
    assert client.post(page, typed["aoi"]).status_code == 302
    client.force_login(User.objects.get(username="mika"))

    refused = client.post(page, typed["mika"])

    told = refused.content.decode()
    assert f"鈴木 葵 がこの受注 ({record.number}) のメール「aoi より」を書いています" in told
    assert "mika の本文" in told
    assert Mail.objects.count() == 1
    assert token_in(refused) == typed["mika"]["token"]
    assert client.post(page, {**typed["mika"], "seen": seen_in(refused)}).status_code == 302
    assert set(Mail.objects.values_list("body", flat=True)) == {"aoi の本文\n", "mika の本文\n"}


def test_the_pages_tell_the_second_person_what_the_first_did(client):
    mail = a_mail("UNKNOWN")
    pages = {}
    for name in ("aoi", "mika"):
        user = User.objects.create_user(name, is_staff=True, last_name="鈴木", first_name=name)
        user.groups.add(Group.objects.get(name="EC運営"))
    page = reverse("admin:correspondence_mail_again", args=[mail.pk])
    for name in ("aoi", "mika"):
        client.force_login(User.objects.get(username=name))
        shown = client.get(page)
        pages[name] = {
            "recipient": "a@shop.example",
            "token": token_in(shown),
            "seen": seen_in(shown),
        }
    client.force_login(User.objects.get(username="aoi"))
    assert client.post(page, pages["aoi"]).status_code == 302

    client.force_login(User.objects.get(username="mika"))
    answer = client.post(page, pages["mika"]).content.decode()

    assert "鈴木 aoi がこのメールを再送しています" in answer
    assert Mail.objects.count() == 2
    change = client.get(reverse("admin:correspondence_mail_change", args=[mail.pk])).content.decode()
    assert page not in change
    assert StaffTask.objects.filter(kind="MAIL_FAILED", closed_at=None).count() == 0


def test_a_draft_that_was_taken_back_by_rule_is_not_discarded_by_who_saw_a_draft():
    mail = a_mail("DRAFT", ORDER_RECEIVED="MAMORI_CHECKED")
    seen = selectors.seen_of(mail)
    outbox.withdraw(
        kind=mail.kind, document_type="ORDER", document_ids=[mail.document_id], reason="nothing to tell", at=NOON, by=AOI
    )  # fmt: skip

    with pytest.raises(MailMovedOn) as refusal:
        services.discard_mail(mail_id=mail.pk, reason="other", seen=seen, at=NOON, by=MIKA)

    assert "aoi" in str(refusal.value)
    assert "nothing to tell" in str(refusal.value)
    [event] = MailEvent.objects.filter(mail=mail)
    assert (event.kind, event.detail, event.recorded_at, event.actor) == (
        "DISCARDED",
        "nothing to tell",
        NOON,
        str(AOI),
    )
    outbox.withdraw(
        kind=mail.kind, document_type="ORDER", document_ids=[mail.document_id], reason="once more", at=NOON, by=AOI
    )  # fmt: skip
    assert MailEvent.objects.filter(mail=mail).count() == 1
