"""What somebody types into the address of a list and no row can answer is told, and the list is shown without it: never a page of error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import CharField, DateField, DecimalField, ForeignKey, IntegerField, JSONField, Model, TextField
from django.urls import reverse
from django.utils.http import urlencode

# Only a statement of its own tells that PostgreSQL cannot read it, and leaves nothing broken.
pytestmark = pytest.mark.django_db(transaction=True)
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
TOLD = "一覧は絞り込まずに表示しています"
# By the kind of a column: what cannot be a value of it, or is no question about it.
ODD = {
    CharField: ("__regex=(", "__iregex=[z-a]", "__in=", "__nothing=1", "__range=a"),
    TextField: ("__regex=*",),
    IntegerField: ("=abc", "__in=abc", "__in=1,", "__gt=1.5.", "__regex=(", "=9" + "9" * 40, "__range=1", "__isnull=maybe"),
    DecimalField: ("=abc", "__gt=NaN", "__in=1,b", "=1e999999"),
    DateField: ("__year=99999", "__year=-1", "__year=0", "=2026-13-01", "__date=x", "__month=abc", "__gte=yesterday", "__in=1"),
    ForeignKey: ("=abc", "__id__exact=abc", "__in=x", "__pk__gt=y", "__nowhere__exact=1"),
    JSONField: ("__gt=x", "__contains={", "__regex=("),
}  # fmt: skip
ABOUT_THE_LIST = ("p=abc", "p=-1", "o=99.x", "o=-", "q=%00", "q=(", "e=1", "e=1&pk__in=abc", "nothing=1&pk__regex=(")


def addresses(model: type[Model], turn: int) -> Iterator[str]:
    """An odd question about one column of each kind that the table has, and one about the list itself: another one for each list."""
    for kind, endings in ODD.items():
        found = next((field for field in model._meta.concrete_fields if isinstance(field, kind)), None)
        if found is not None:
            lookup, _sign, value = endings[turn % len(endings)].partition("=")
            yield urlencode({f"{found.name}{lookup}": value})
    yield ABOUT_THE_LIST[turn % len(ABOUT_THE_LIST)]


@pytest.fixture
def mika(client: Any) -> Any:
    client.force_login(User.objects.create_superuser("mika"))
    return client


# Each asks up to eight addresses: every sixth list with each change, all of them with the slow tests.
@pytest.mark.parametrize(
    ("turn", "model"),
    [
        pytest.param(turn, model, id=model._meta.label_lower, marks=[pytest.mark.slow] if turn % 6 else [])
        for turn, model in enumerate(MODELS)
    ],
)
def test_no_list_fails_on_an_address_that_asks_for_the_impossible(mika, turn, model):
    # What fails is an answer here, not an exception.
    mika.raise_request_exception = False
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    answers = {query: mika.get(f"{page}?{query}").status_code for query in addresses(model, turn)}

    assert {query: code for query, code in answers.items() if code not in (200, 302, 400)} == {}


@pytest.mark.parametrize("query", ["number__regex=(", "order_date__year=99999", "id__in=abc", "e=1&id__in=abc"])
def test_a_filter_that_cannot_be_read_is_told_and_the_list_is_shown(mika, query):
    page = reverse("admin:orders_order_changelist")

    answer = mika.get(f"{page}?{query}", follow=True)

    assert answer.redirect_chain == [(f"{page}?e=1", 302)]
    assert TOLD in answer.content.decode()


def test_an_act_behind_a_filter_that_cannot_be_read_is_not_done_and_that_is_told(mika):
    page = reverse("admin:orders_order_changelist")

    answer = mika.post(f"{page}?id__in=abc", {"action": "hold", "_selected_action": ["1"]}, follow=True)

    assert answer.redirect_chain == [(f"{page}?e=1", 302)]
    assert "何も実行していません" in answer.content.decode()


def test_a_list_that_nobody_asked_anything_still_fails_loudly(mika, monkeypatch):
    """Only what an address asks for is told like this: a fault of ours is none of it."""
    from erp.core.admin.paging import FastPaginator

    def broken(_self: object) -> int:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(FastPaginator, "count", property(broken))

    with pytest.raises(ValueError, match="a fault of ours"):
        mika.get(reverse("admin:orders_order_changelist"))
