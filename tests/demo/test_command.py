"""The command of the demo company at its edges: foreign data, nonsense, nothing to go on with, and the whole size."""

from __future__ import annotations

import datetime as dt
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.models import Product
from ec_gateway.management.demo.last_year import PREFIX
from erp.core.models import Channel
from erp.orders.models import Order
from tests.statements import Statements

TODAY = dt.date(2026, 11, 27)


@pytest.mark.django_db
def test_a_database_with_other_data_is_refused_and_left_as_it_is():
    Channel.objects.create(code="OURS", name="Ours", kind="EC_SITE")
    Product.objects.create(code="OURS", name="Ours")

    with pytest.raises(CommandError, match="needs an empty database; this one holds: 販売チャネル, 品番"):
        call_command("demo", orders=100)

    assert Channel.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"orders": 59}, "--orders"),
        ({"orders": 50_001}, "--orders"),
        ({"seed": -1}, "--seed"),
        ({"date": dt.date(2999, 1, 1)}, "--date"),
        ({"date": dt.date(1999, 1, 1)}, "--date"),
    ],
)
def test_nonsense_is_named(options, named):
    with pytest.raises(CommandError, match=named):
        call_command("demo", **options)
    assert not Channel.objects.exists()


@pytest.mark.django_db
def test_only_an_unfinished_company_is_gone_on_with():
    said = StringIO()

    call_command("demo", only_unfinished=True, stdout=said)

    assert said.getvalue() == ""
    assert not Channel.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_whole_company():
    said, sent = StringIO(), Statements()

    with connection.execute_wrapper(sent):
        call_command("demo", date=TODAY, orders=5_000, stdout=said)

    of_last_year = Order.objects.filter(external_id__startswith=f"{PREFIX}-")
    assert Order.objects.count() - of_last_year.count() == 5_000
    assert of_last_year.count() > 1_500
    assert "0 faults" in said.getvalue()
    # How long it takes depends on who else computes here; what it asks of the database must not grow unseen.
    assert sent.count < 18 * 5_000
