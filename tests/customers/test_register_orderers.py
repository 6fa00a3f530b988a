"""Records of orderers: created once, kept current, never by older news, in a constant number of statements."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from customers.models import ChannelIdentity, CustomerRecord, GoldenCustomer
from erp.core.models import AuditRow
from tests.customers.factories import NOON, channel, news, register

LATER, EARLIER = NOON + timedelta(hours=1), NOON - timedelta(hours=1)


@pytest.mark.django_db
def test_an_unknown_customer_gets_a_golden_record_a_record_and_an_identity():
    [record_id] = register(news("c-77", family_name="𠮷田", email="x@example.jp"))

    record = CustomerRecord.objects.get(pk=record_id)
    assert (record.family_name, record.given_name, record.email) == ("𠮷田", "花子", "x@example.jp")
    assert record.golden.display_name == "𠮷田 花子"
    assert record.channel == channel()
    assert ChannelIdentity.objects.get(external_id="c-77").record == record


@pytest.mark.django_db
def test_the_same_news_again_finds_the_same_record_and_changes_nothing():
    first = register(news())

    assert register(news()) == first
    record = CustomerRecord.objects.get()
    assert (record.version, record.source_updated_at) == (1, NOON)


@pytest.mark.django_db
def test_newer_news_updates_the_record_and_its_golden_record():
    [record_id] = register(news(phone="090-0000-0000"))

    register(news(as_of=LATER, family_name="鈴木", phone="090-1111-1111"))

    record = CustomerRecord.objects.get(pk=record_id)
    assert (record.family_name, record.phone, record.version) == ("鈴木", "090-1111-1111", 2)
    assert (record.golden.display_name, record.golden.version) == ("鈴木 花子", 2)


@pytest.mark.django_db
def test_older_news_never_overwrites_newer():
    register(news(phone="new"))

    register(news(as_of=EARLIER, phone="old"))

    assert CustomerRecord.objects.get().phone == "new"


@pytest.mark.django_db
def test_older_news_stays_out_even_when_the_newest_only_repeated_what_was_known():
    register(news(phone="kept"))
    register(news(as_of=LATER, phone="kept"))

    register(news(as_of=NOON + timedelta(minutes=30), phone="late"))

    record = CustomerRecord.objects.get()
    assert (record.phone, record.version, record.source_updated_at) == ("kept", 1, LATER)


@pytest.mark.django_db
def test_that_a_source_spoke_again_is_no_audit_event_but_new_content_is():
    register(news())
    register(news(as_of=LATER))
    assert not AuditRow.objects.filter(table_name="customers_customerrecord").exists()

    register(news(as_of=LATER + timedelta(hours=1), phone="090"))

    changed = AuditRow.objects.filter(table_name="customers_customerrecord", after__has_key="phone").get()
    assert (changed.before["phone"], changed.after["phone"], changed.actor) == ("", "090", "command:test")


@pytest.mark.django_db
def test_each_guest_has_a_record_of_its_own_and_the_order_of_news_is_kept():
    known = register(news("c-1"))[0]

    ids = register(news(None), news("c-2"), news("c-1"), news(None), news("c-2"))

    assert ids[2] == known
    assert ids[1] == ids[4]
    assert len(set(ids)) == 4
    assert ChannelIdentity.objects.count() == 2


@pytest.mark.django_db
def test_of_two_news_of_one_customer_in_one_batch_the_newest_counts():
    [first, second] = register(news(as_of=LATER, phone="new"), news(phone="old"))

    assert first == second
    assert CustomerRecord.objects.get().phone == "new"


@pytest.mark.django_db
def test_a_text_longer_than_its_column_is_refused_not_cut():
    with pytest.raises(Exception, match="value too long"):
        register(news(company="x" * 101))

    assert not CustomerRecord.objects.exists()


def statements(count: int) -> int:
    items = [news(f"n-{count}-{index}") for index in range(count)]
    known = [news(f"k-{count}-{index}") for index in range(count)]
    register(*known)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        register(*items, *[replace(item, as_of=LATER, data=replace(item.data, phone="1")) for item in known])
    return len(queries)


@pytest.mark.django_db
def test_the_number_of_statements_does_not_grow_with_the_orderers():
    channel()

    assert statements(1) == statements(50)


@pytest.mark.django_db(transaction=True)
def test_two_first_orders_of_one_customer_make_one_customer():
    channel_id = channel().pk
    start, ids = threading.Barrier(4), []

    def order() -> None:
        try:
            start.wait(timeout=10)
            ids.extend(register(news("c-race"), news("c-other")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=order) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(ids) == 8
    assert len(set(ids)) == 2
    assert ChannelIdentity.objects.filter(channel_id=channel_id).count() == 2
    assert GoldenCustomer.objects.count() == 2
