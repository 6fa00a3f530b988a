"""What is typed for a site: every fault is named before it is saved, and what nevertheless cannot be used shows a state, a task, and no crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from ec_gateway import credentials, tasks
from ec_gateway.models import EcSite, SiteState
from ec_gateway.services import wakes
from erp.back_office.roles import ROLES
from erp.core.models import Channel, StaffTask
from erp.core.work_queues import measure, named
from tests.back_office import access
from tests.ec_gateway.factories import SECRET, TOKEN, shop
from tests.ec_gateway.test_webhooks import changed, send
from tests.inventory.factories import sku

pytestmark = pytest.mark.django_db
GOOD = {"platform": "generic", "base_url": "https://shop.example", "settings": "{}", "new_credentials": ""}
SHOPIFY = {"platform": "shopify", "settings": '{"location_id": "gid://shopify/Location/7"}'}


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


@pytest.fixture(autouse=True)
def asleep(monkeypatch):
    monkeypatch.setattr(wakes, "wake", lambda **asked: None)


def save(staff, **fields: Any):
    channel = Channel.objects.create(code="SHOP", name="Shop", kind="EC_SITE")
    return staff.post(reverse("admin:ec_gateway_ecsite_add"), {"channel": channel.pk, **GOOD, **fields})


def faults(answer) -> dict[str, list[str]]:
    return {name: list(told) for name, told in answer.context["adminform"].form.errors.items()}


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"settings": "[]"}, "settings", ["オブジェクト"]),
        ({"settings": "null"}, "settings", ["オブジェクト"]),
        ({"settings": '{"batch_size": "x"}'}, "settings", ["batch_size"]),
        ({"settings": '{"batch_size": 0}'}, "settings", ["batch_size: 1から100までの数"]),
        ({"settings": '{"batch_size": 101}'}, "settings", ["batch_size"]),
        ({"settings": '{"batch_size": 1.5}'}, "settings", ["batch_size"]),
        ({"settings": '{"requests_per_s": -1, "burst": 0}'}, "settings", ["requests_per_s", "burst"]),
        ({"settings": '{"timeout_s": 1000000, "batchsize": 5}'}, "settings", ["timeout_s", "batchsize: このプラットフォームには"]),
        ({"settings": '{"timeout_s": true}'}, "settings", ["timeout_s"]),
        ({"base_url": "ftp://shop.example/"}, "base_url", ["https://"]),
        ({"base_url": "https://shop.example/?a=1"}, "base_url", ["https://"]),
        ({"new_credentials": "webhook_secret=あいう"}, "new_credentials", ["webhook_secret"]),
        ({"new_credentials": "webhook_secret=whsec_a"}, "new_credentials", ["webhook_secret: "]),
        ({"new_credentials": "webhook_secret=not base64"}, "new_credentials", ["webhook_secret"]),
        ({"new_credentials": "token=あ\nwebhook_secret_before=*"}, "new_credentials", ["token", "webhook_secret_before"]),
        ({"new_credentials": "tokn=abc"}, "new_credentials", ["tokn: このプラットフォームが使うのは"]),
        ({"platform": "shopify"}, "settings", ["location_id: "]),
        ({**SHOPIFY, "settings": '{"location_id": "7", "webhook_uri": "x"}'}, "settings", ["location_id", "webhook_uri"]),
        (
            {**SHOPIFY, "settings": '{"location_id": "gid://shopify/Location/7", "payment_methods": {"Cash": "money"}}'},
            "settings",
            ["payment_methods/Cash"],
        ),
        ({**SHOPIFY, "new_credentials": "access_token=a b"}, "new_credentials", ["access_token"]),
        ({**SHOPIFY, "new_credentials": "token=x"}, "new_credentials", ["token: "]),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_not_saved_and_every_fault_is_named(staff, fields, field, words):
    told = faults(save(staff, **fields))

    assert set(told) == {field}
    for word in words:
        assert any(word in text for text in told[field]), told
    assert len(told[field]) == len(words)
    assert not EcSite.objects.exists()


def test_faults_of_all_fields_are_named_at_once(staff):
    told = faults(save(staff, base_url="ftp://shop.example/", settings='{"burst": -1}', new_credentials="token=あ"))

    assert set(told) == {"base_url", "settings", "new_credentials"}


@pytest.mark.parametrize(
    "fields",
    [
        {"settings": '{"batch_size": 100, "requests_per_s": 0.5, "burst": 1, "timeout_s": 12}'},
        {"new_credentials": f"webhook_secret={SECRET}\ntoken={TOKEN}"},
        {"new_credentials": "webhook_secret=QUJDRA"},
        {"base_url": "http://127.0.0.1:8999"},
        {"platform": "", "base_url": "", "settings": "{}"},
        {**SHOPIFY, "new_credentials": "access_token=shpat_1\nclient_secret=hush"},
    ],
)
def test_what_can_be_used_is_saved(staff, fields):
    assert save(staff, **fields).status_code == 302
    assert EcSite.objects.exists()


def test_credentials_that_are_kept_are_looked_at_with_those_that_are_given(staff):
    site, _place = shop(platform="", base_url="", sealed_credentials=credentials.seal({"token": "あ"}))
    url = reverse("admin:ec_gateway_ecsite_change", args=[site.pk])

    assert list(faults(staff.post(url, GOOD))) == ["new_credentials"]
    assert staff.post(url, {**GOOD, "new_credentials": "token=a"}).status_code == 302


@pytest.mark.parametrize("settings", [[], "x", {"batch_size": "x"}, {"batch_size": 0}, {"requests_per_s": -1}])
def test_a_set_up_that_cannot_be_used_shows_a_state_and_one_task_and_nothing_crashes(staff, settings):
    site, _place = shop()
    EcSite.objects.filter(pk=site.pk).update(settings=settings)

    for _again in range(2):
        tasks.publish_site(site_id=site.pk)
        tasks.poll_site(site_id=site.pk)
        tasks.reconcile_site(site_id=site.pk)
    answer = send(site, changed(sku()))

    assert (answer.status_code, answer.json()["code"]) == (503, "setup_unusable")
    task = StaffTask.objects.get()
    assert (task.kind, task.subject_type, task.subject_id, task.closed_at) == (
        "SITE_SETUP",
        "EC_SITE_SETUP",
        site.pk,
        None,
    )
    why = SiteState.objects.get(pk=site.pk).setup_error
    assert task.detail == why
    assert "/settings" in why
    page = staff.get(reverse("admin:ec_gateway_ecsite_change", args=[site.pk])).content.decode()
    assert "設定が使えません" in page
    assert "/settings" in page
    assert "設定が使えません" in staff.get(reverse("admin:ec_gateway_ecsite_changelist")).content.decode()
    assert measure(named("ec_gateway.paused")).count == 1
    assert staff.get("/admin/ec_gateway/sitestate/?trouble=1").content.decode().count("設定が使えません") == 1

    assert staff.post(reverse("admin:ec_gateway_ecsite_change", args=[site.pk]), GOOD).status_code == 302

    task.refresh_from_db()
    assert task.closed_at is not None
    assert SiteState.objects.get(pk=site.pk).setup_error == ""


def test_secrets_that_cannot_be_read_are_a_set_up_that_cannot_be_used(settings):
    site, _place = shop()
    settings.SECRET_KEY = "another"

    tasks.publish_site(site_id=site.pk)

    assert "もう一度" in SiteState.objects.get(pk=site.pk).setup_error
    assert StaffTask.objects.get().kind == "SITE_SETUP"


def test_a_set_up_that_was_repaired_elsewhere_closes_its_task(monkeypatch):
    site, _place = shop(settings={"burst": 0})
    tasks.publish_site(site_id=site.pk)
    monkeypatch.setattr(tasks, "publish", lambda **asked: None)

    EcSite.objects.filter(pk=site.pk).update(settings={})
    tasks.publish_site(site_id=site.pk)

    assert StaffTask.objects.get().closed_at is not None
    assert SiteState.objects.get(pk=site.pk).setup_error == ""


def test_the_page_of_a_site_tells_no_secret(staff):
    answer = save(staff, settings="[]", new_credentials=f"token={TOKEN}")

    assert TOKEN not in answer.content.decode()
    assert json.dumps(faults(answer)).count(TOKEN) == 0


def test_who_may_look_only_is_shown_the_site(staff, client):
    save(staff)
    client.force_login(access.make_user(next(role for role in ROLES if role.login == "ec")))

    page = client.get(reverse("admin:ec_gateway_ecsite_change", args=[EcSite.objects.get().pk]))

    assert page.status_code == 200
    assert "https://shop.example" in page.content.decode()
