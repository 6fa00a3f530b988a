"""The pages of mails and receipts: what each role may do there, and that a fault is told beside the field."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse

from erp.correspondence.models import ChannelMail, Mail, MailRule, MailTemplate
from erp.orders.models import Receipt
from tests.correspondence.factories import told, writes
from tests.correspondence.test_delivery import buyer
from tests.inventory.factories import sku, stock
from tests.orders.factories import card, line, order, placed, shop

pytestmark = pytest.mark.django_db


def as_role(client, name):
    user = User.objects.create_user(f"who-{name}", is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    client.force_login(user)
    return client


def an_order(**rules):
    channel, warehouse = shop()
    setting = writes(channel, **rules)
    goods = sku()
    stock(goods, warehouse, 5)
    record = placed(channel, order(line(goods), orderer=buyer(), payments=(card(1100, "CAPTURED"),)))
    return record, setting


def token_in(answer):
    return re.search(r'name="token" value="(\w+)"', answer.content.decode()).group(1)


def seen_in(answer):
    return re.search(r'name="seen" value="([\d.]+)"', answer.content.decode()).group(1)


def test_the_order_sheet_shows_its_mails_and_receipts(client):
    record, _setting = an_order()
    sheet = reverse("admin:orders_order_change", args=[record.pk])

    told_to_desk = as_role(client, "受注担当").get(sheet).content.decode()
    told_to_warehouse = as_role(client, "倉庫").get(sheet).content.decode()

    for part in ("お客様へのメール", "受注確認", "未送信", "メールを書く", "領収書を発行"):
        assert part in told_to_desk
        assert part not in told_to_warehouse


def test_a_person_writes_a_mail_in_the_words_of_a_template(client):
    record, _setting = an_order(ORDER_RECEIVED="EC")
    page = reverse("admin:orders_order_mail", args=[record.pk])
    as_role(client, "受注担当")
    template = MailTemplate.objects.get(kind="OTHER", name="入荷の遅れのお知らせ")

    shown = client.get(page, {"template": template.pk})
    text = shown.content.decode()
    assert "髙﨑 𠮷乃 様" in text
    asked = {"recipient": "nobody", "subject": "件名", "body": "本文", "token": token_in(shown)}
    refused = client.post(page, asked)
    assert "「nobody」はメールアドレスではありません" in refused.content.decode()
    for _time in range(2):
        sent = client.post(page, {**asked, "recipient": "a@shop.example"})
        assert sent.status_code == 302

    assert told() == [("OTHER", "WAITING")]
    assert Mail.objects.get().actor == "staff:who-受注担当"


def test_a_channel_that_does_not_write_says_what_to_do_first(client):
    record, setting = an_order()
    MailRule.objects.all().delete()
    setting.delete()
    as_role(client, "受注担当")

    answer = client.get(reverse("admin:orders_order_mail", args=[record.pk]), follow=True)

    assert "差出人を設定してください" in answer.content.decode()


def test_a_draft_is_sent_and_a_mail_is_discarded_from_its_page(client):
    an_order(ORDER_RECEIVED="MAMORI_CHECKED")
    mail = Mail.objects.get()
    as_role(client, "EC運営")
    approve = reverse("admin:correspondence_mail_approve", args=[mail.pk])
    shown = client.get(approve)
    asked = {"recipient": "a@shop.example", "subject": "ご注文", "body": "直した本文", "token": token_in(shown)}
    assert client.post(approve, asked).status_code == 302
    mail.refresh_from_db()
    assert (mail.state, mail.body) == ("WAITING", "直した本文\n")
    page = client.get(reverse("admin:correspondence_mail_change", args=[mail.pk])).content.decode()
    assert "直した本文" in page
    assert "送信を取りやめる" in page
    assert "再送する" not in page

    discard = reverse("admin:correspondence_mail_discard", args=[mail.pk])
    client.post(discard, {"reason": "電話で済んだ", "seen": seen_in(client.get(discard))})

    mail.refresh_from_db()
    assert (mail.state, mail.reason) == ("DISCARDED", "電話で済んだ")
    again = reverse("admin:correspondence_mail_again", args=[mail.pk])
    asked = {"recipient": "b@shop.example", "token": token_in(client.get(again)), "seen": seen_in(client.get(again))}
    assert client.post(again, asked).status_code == 302
    assert told() == [("ORDER_RECEIVED", "DISCARDED"), ("ORDER_RECEIVED", "WAITING")]


def test_a_template_with_an_unknown_placeholder_is_not_saved(client):
    template = MailTemplate.objects.get(kind="SHIPPED")
    page = reverse("admin:correspondence_mailtemplate_change", args=[template.pk])
    as_role(client, "EC運営")

    answer = client.post(page, {"channel": "", "name": "", "subject": "{注文番号}", "body": "{送状番号} {% now 'Y' %}"})

    text = answer.content.decode()
    assert "差込項目 {送状番号} はありません。 {送り状番号} のことですか。" in text
    assert "{% now" in text
    template.refresh_from_db()
    assert template.subject != "{注文番号}"
    client.post(page, {"channel": "", "name": "", "subject": "発送 {注文番号}", "body": "{お名前} 様"})
    template.refresh_from_db()
    assert template.subject == "発送 {注文番号}"


def test_a_template_is_tried_on_a_real_order(client):
    record, _setting = an_order()
    template = MailTemplate.objects.get(kind="ORDER_RECEIVED")
    page = reverse("admin:correspondence_mailtemplate_preview", args=[template.pk])
    as_role(client, "受注担当")

    text = client.get(page, {"document": record.pk}).content.decode()

    assert "髙﨑 𠮷乃 様" in text
    assert "合計(税込): 1,100円" in text
    assert client.get(page, {"document": "999999"}).status_code == 200


def test_what_is_typed_is_tried_before_it_is_saved(client):
    record, _setting = an_order()
    template = MailTemplate.objects.get(kind="ORDER_RECEIVED")
    page = reverse("admin:correspondence_mailtemplate_preview", args=[template.pk])
    as_role(client, "受注担当")
    typed = {"channel": "", "name": "", "subject": "まだ途中 {注文番号}", "body": "{お名前} 様\n書きかけ"}

    text = client.post(page, {**typed, "document": record.pk}).content.decode()
    refused = client.post(page, {**typed, "body": "{知らない}"}).content.decode()

    assert f"まだ途中 {record.external_id}" in text
    assert "書きかけ" in text
    assert "{知らない}" in refused
    new = client.post(reverse("admin:correspondence_mailtemplate_preview_new"), {**typed, "kind": "ORDER_RECEIVED"})
    assert "書きかけ" in new.content.decode()
    before = template.subject
    template.refresh_from_db()
    assert (template.subject, MailTemplate.objects.filter(subject__contains="途中").exists()) == (before, False)


def test_a_channel_gets_its_table_of_senders(client):
    channel, _warehouse = shop()
    as_role(client, "EC運営")
    page = reverse("admin:correspondence_channelmail_add")
    asked = {
        "channel": channel.pk, "from_name": "守り商店", "from_address": "a@b.example", "reply_to": "", "signature": "",
        "rules-TOTAL_FORMS": "0", "rules-INITIAL_FORMS": "0",
    }  # fmt: skip

    client.post(page, asked)

    rules = ChannelMail.objects.get().rules.values_list("sender", flat=True)
    assert list(rules) == ["EC"] * 9


def test_a_receipt_is_issued_shown_and_issued_again(client):
    record, _setting = an_order()
    as_role(client, "経理")
    page = reverse("admin:orders_order_receipt", args=[record.pk])
    shown = client.get(page)
    asked = {"addressee": "上様", "proviso": "お品代として", "medium": "ELECTRONIC", "token": token_in(shown)}

    refused = client.post(page, asked).content.decode()
    assert "「上様」では発行できません" in refused
    assert client.post(page, {**asked, "addressee": "髙﨑商会 御中"}).status_code == 302

    receipt = Receipt.objects.get()
    paper = client.get(reverse("admin:orders_receipt_pdf", args=[receipt.pk]))
    assert (paper["Content-Type"], paper.content[:5]) == ("application/pdf", b"%PDF-")
    shown = client.get(page)
    again = {**asked, "addressee": "髙﨑商会", "token": token_in(shown)}
    assert client.post(page, again).status_code == 200
    assert Receipt.objects.count() == 1
    assert client.post(page, {**again, "again_because": "宛名の誤り"}).status_code == 302
    assert list(Receipt.objects.order_by("pk").values_list("issue", "reason")) == [(1, ""), (2, "宛名の誤り")]
    mail = reverse("admin:orders_receipt_mail", args=[receipt.pk])
    assert f"{receipt.number}.pdf" in client.get(mail).content.decode()


@pytest.mark.parametrize("role", ["倉庫", "商品管理", "店舗"])
def test_who_has_no_business_with_shoppers_opens_none_of_it(client, role):
    record, _setting = an_order()
    as_role(client, role)
    mail = Mail.objects.get()
    for name, key in (
        ("correspondence_mail_change", mail.pk), ("correspondence_mail_approve", mail.pk), ("correspondence_mail_again", mail.pk),
        ("correspondence_mail_discard", mail.pk), ("orders_order_mail", record.pk), ("orders_order_receipt", record.pk),
    ):  # fmt: skip
        assert client.get(reverse(f"admin:{name}", args=[key])).status_code in (302, 403, 404), name
