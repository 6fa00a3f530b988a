"""The customer master in the back office: sources are read-only, merging and undoing are actions, credit shows its terms."""

import pytest
from django.contrib.auth.models import User

from customers.models import CreditGroup, CustomerRecord, MergeEvent
from customers.selectors import golden_ids
from customers.services import ExposureDelta, add_exposure
from tests.customers.factories import BY, NOON, account, credit_group, news, register

pytestmark = pytest.mark.django_db
MODELS = ["goldencustomer", "customerrecord", "mergeevent", "creditgroup", "exposureentry", "billto", "account"]


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


@pytest.mark.parametrize("model", MODELS)
def test_every_list_opens_and_can_be_searched(staff, model):
    assert staff.get(f"/admin/customers/{model}/").status_code == 200
    assert staff.get(f"/admin/customers/{model}/?q=1").status_code == 200


def test_pages_of_one_customer_and_one_account_open(staff):
    [record] = register(news())
    trade = account()

    for model, pk in (
        ("goldencustomer", golden_ids([record])[record]),
        ("customerrecord", record),
        ("account", trade.pk),
    ):
        assert staff.get(f"/admin/customers/{model}/{pk}/change/").status_code == 200


def test_records_are_merged_and_the_merge_is_undone_by_actions(staff):
    one, two = register(news("c-1"), news("c-2"))
    before = golden_ids([one, two])

    staff.post("/admin/customers/customerrecord/", {"action": "merge", "_selected_action": [one, two]})
    assert golden_ids([one, two]) == {one: before[one], two: before[one]}

    event = MergeEvent.objects.get()
    assert event.actor == "staff:mika"
    staff.post("/admin/customers/mergeevent/", {"action": "undo", "_selected_action": [event.pk]})
    assert golden_ids([one, two]) == before


def test_what_a_source_says_cannot_be_edited(staff):
    [record] = register(news())

    assert staff.post(f"/admin/customers/customerrecord/{record}/change/", {"phone": "1"}).status_code == 403
    assert CustomerRecord.objects.get().phone == ""


def test_a_credit_group_explains_its_exposure_and_its_exposure_is_not_editable(staff):
    group = credit_group(limit=1000)
    deltas = [ExposureDelta(group.pk, kind, 100, "ORDER", 1) for kind in ("OPEN_ORDER", "RECEIVABLE")]
    add_exposure(deltas=deltas, at=NOON, by=BY)
    url = f"/admin/customers/creditgroup/{group.pk}/change/"

    page = staff.get(url).content.decode()
    assert "800" in page

    data = {"code": "CG1", "name": "x", "policy": "WARN", "currency": "JPY", "credit_limit": "1000"}
    staff.post(url, {**data, "temporary_limit": "0", "warning_percent": "90", "exposure": "0"})
    group.refresh_from_db()
    assert (group.policy, group.exposure) == (CreditGroup.Policy.WARN, 200)
