"""What people read instead of ISO dates and keys: written days, names made of parts, numbers of documents."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import translation

from erp.core import documents
from erp.core.clock import written_day, written_moment
from erp.core.money import percent_of_base
from erp.core.naming import by_parts
from erp.inventory.models import ChannelLocation
from erp.orders.models import AllocationRule
from tests.accounting.factories import credit, debit, post
from tests.inventory.factories import channel, location


def test_days_and_moments_are_written_as_people_write_them():
    with translation.override("ja"):
        assert written_day(dt.date(2026, 11, 3)) == "2026/11/03"
        # 16:30 UTC is the next day in Tokyo.
        assert written_moment(dt.datetime(2026, 11, 2, 16, 30, tzinfo=dt.UTC)) == "2026/11/03 01:30"


@pytest.mark.parametrize(
    ("value", "base", "percent"), [(150, 100, 150), (1000, 100, 1000), (1001, 100, None), (5, 0, None), (5, -5, None)]
)
def test_a_base_of_less_than_a_tenth_is_not_compared_with(value, base, percent):
    assert percent_of_base(Decimal(value), Decimal(base)) == percent


def test_there_is_nothing_to_compare_with_where_there_is_no_base():
    assert percent_of_base(Decimal(5), None) is None


@pytest.mark.django_db
def test_a_row_is_called_by_its_parts_and_asks_nothing_for_it(django_assert_num_queries):
    place = location()
    row = ChannelLocation.objects.select_related("channel", "location").get(channel=channel(place))
    called = f"{row.channel} / {row.location}"

    with django_assert_num_queries(0):
        assert str(row) == called
    unread = ChannelLocation.objects.get()
    with django_assert_num_queries(0):
        assert str(unread) == f"{row.pk}"
        assert str(AllocationRule()) == "all orders" or str(AllocationRule()) == "すべての受注"
        assert by_parts(AllocationRule(order_type="NORMAL"), "channel", "order_type") == str(
            AllocationRule(order_type="NORMAL").get_order_type_display()
        )


@pytest.mark.django_db
def test_numbers_of_documents_come_in_one_statement_per_table(django_assert_num_queries):
    one, two = post(debit("cash", 5), credit("sales.ec", 5)), post(debit("cash", 5), credit("sales.ec", 5))

    with django_assert_num_queries(1):
        found = documents.numbers_of([("ENTRY", one.id), ("ENTRY", two.id), ("UNHEARD_OF", 1)])

    assert found == {("ENTRY", one.id): one.number, ("ENTRY", two.id): two.number, ("UNHEARD_OF", 1): ""}
