"""Keys and credentials: made, shown once, replaced, revoked, and warned of before they end."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse
from rest_framework_api_key.models import APIKey as LibraryKey

from ec_gateway import credentials
from ec_gateway.models import ApiKey, EcSite, SiteActivity
from ec_gateway.services import access
from erp.core.actors import Actor
from erp.core.errors import NotAllowedNow, NotFound
from erp.core.models import AuditRow, Channel, StaffTask
from tests.ec_gateway.api.caller import ApiClient, api_key, site

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
BY = Actor.staff("mika", "test")
WHEN = {"at": NOON, "by": BY}
DAY = dt.timedelta(days=1)


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


def new_key(**fields) -> access.NewKey:
    return access.create_key(**{"site_id": site().pk, "name": "shop", "scopes": ["stock:read"], **WHEN, **fields})


# Services


def test_a_replaced_key_may_what_the_old_one_may_and_the_old_one_ends_later():
    old = new_key(requests_per_minute=77).key

    made = access.rotate_key(key_id=old.pk, overlap=7 * DAY, **WHEN)

    old.refresh_from_db()
    assert (old.expiry_date, old.revoked) == (NOON + 7 * DAY, False)
    assert made.key.pk != old.pk
    assert made.secret.startswith(made.key.prefix + ".")
    fields = ("site_id", "name", "scopes", "requests_per_minute", "expiry_date")
    assert [getattr(made.key, name) for name in fields] == [old.site_id, "shop", ["stock:read"], 77, None]


def test_a_replacement_never_lengthens_the_old_key():
    old = new_key(expiry_date=NOON + 2 * DAY).key

    access.rotate_key(key_id=old.pk, overlap=7 * DAY, **WHEN)

    old.refresh_from_db()
    assert old.expiry_date == NOON + 2 * DAY


@pytest.mark.parametrize("fields", [{"expiry_date": NOON}, {}])
def test_a_key_that_opens_nothing_is_not_replaced(fields):
    old = new_key(**fields).key
    if not fields:
        assert [access.revoke_keys(key_ids=[old.pk], **WHEN) for _ in range(2)] == [1, 0]

    with pytest.raises(NotAllowedNow):
        access.rotate_key(key_id=old.pk, overlap=DAY, **WHEN)
    assert ApiKey.objects.count() == 1


def test_unknown_keys_and_sites_are_not_found():
    with pytest.raises(NotFound):
        access.rotate_key(key_id=0, overlap=DAY, **WHEN)
    with pytest.raises(NotFound):
        access.set_credentials(site_id=0, given={}, **WHEN)


def test_credentials_are_kept_by_name_and_never_in_the_clear():
    shop = site()

    names = access.set_credentials(site_id=shop.pk, given={"token": "geheim", "old": "x"}, **WHEN)
    access.set_credentials(site_id=shop.pk, given={"old": "", "more": "y"}, **WHEN)

    assert names == ["old", "token"]
    shop.refresh_from_db()
    assert credentials.unseal(shop) == {"token": "geheim", "more": "y"}
    assert b"geheim" not in bytes(shop.sealed_credentials)


def test_credentials_sealed_under_another_secret_are_replaced():
    shop = site(sealed_credentials=b"of another SECRET_KEY")

    access.set_credentials(site_id=shop.pk, given={"token": "new"}, **WHEN)

    shop.refresh_from_db()
    assert credentials.unseal(shop) == {"token": "new"}


def test_every_change_of_a_key_is_audited_without_its_hash_as_a_name():
    key = new_key().key
    access.revoke_keys(key_ids=[key.pk], **WHEN)

    trail = AuditRow.objects.filter(table_name="ec_gateway_apikey", row_id=str(key.pk)).order_by("pk")
    assert [(row.action, row.actor) for row in trail] == [("INSERT", "staff:mika"), ("UPDATE", "staff:mika")]
    assert [row.after.get("hashed_key") for row in trail] == ["***", None]
    assert (trail[1].before, trail[1].after) == ({"revoked": False}, {"revoked": True})


def test_of_credentials_the_trail_says_only_that_they_changed():
    shop = site()

    access.set_credentials(site_id=shop.pk, given={"token": "new"}, **WHEN)

    row = AuditRow.objects.filter(table_name="ec_gateway_ecsite", row_id=str(shop.pk)).latest("pk")
    assert (row.action, row.before, row.after) == ("UPDATE", *[{"sealed_credentials": "***"}] * 2)


# The warning


def test_staff_are_told_of_what_ends_soon_and_the_task_closes_when_it_is_settled():
    shop = site()
    ending = new_key(site_id=shop.pk, name="shop", expiry_date=NOON + 13 * DAY).key
    new_key(site_id=shop.pk, name="till", expiry_date=NOON + 15 * DAY)
    EcSite.objects.filter(pk=shop.pk).update(credentials_expire_on=dt.date(2026, 12, 1))
    new_key(name="quiet")

    assert access.warn_of_expiry(**WHEN) == 1
    assert access.warn_of_expiry(**WHEN) == 1
    task = StaffTask.objects.get(closed_at__isnull=True)
    assert (task.kind, task.subject_id, task.subject_label) == ("ACCESS_EXPIRES", shop.pk, shop.channel.code)
    assert ending.prefix in task.detail
    assert "till" not in task.detail
    assert "2026/12/01" in task.detail

    access.rotate_key(key_id=ending.pk, overlap=DAY, **WHEN)
    ApiKey.objects.exclude(pk=ending.pk).filter(name="shop").update(expiry_date=NOON + 90 * DAY)
    EcSite.objects.filter(pk=shop.pk).update(credentials_expire_on=dt.date(2027, 12, 1))
    assert access.warn_of_expiry(**WHEN) == 0
    task.refresh_from_db()
    assert task.closed_at == NOON


# Pages


def test_the_librarys_own_keys_have_no_page():
    assert not admin.site.is_registered(LibraryKey)


def test_a_new_key_is_shown_once_and_opens_the_door(staff):
    shop = site()
    form = {"site": shop.pk, "name": "shop", "scopes": ["stock:read"], "requests_per_minute": 600}

    page = staff.post(reverse("admin:ec_gateway_apikey_add"), form)

    [secret] = re.findall(r'id="api-key">([^<]+)<', page.content.decode())
    assert "no-store" in page.headers["Cache-Control"]
    assert ApiClient(secret).get("/stock").status_code == 200
    key = ApiKey.objects.get()
    assert (key.site, key.scopes, key.requests_per_minute) == (shop, ["stock:read"], 600)
    for shown in (
        reverse("admin:ec_gateway_apikey_changelist"),
        reverse("admin:ec_gateway_apikey_change", args=[key.pk]),
    ):
        assert secret.partition(".")[2] not in staff.get(shown).content.decode()
    assert secret not in str(staff.cookies)


def test_a_key_is_replaced_and_revoked_from_the_list(staff):
    old = new_key().key
    url = reverse("admin:ec_gateway_apikey_changelist")

    page = staff.post(url, {"action": "rotate", "_selected_action": [old.pk], "overlap_days": "3"})
    [secret] = re.findall(r'id="api-key">([^<]+)<', page.content.decode())
    old.refresh_from_db()
    assert ApiClient(secret).get("/stock").status_code == 200
    assert dt.timedelta(days=2, hours=23) < old.expiry_date - dt.datetime.now(dt.UTC) <= 3 * DAY

    keys = list(ApiKey.objects.values_list("pk", flat=True))
    staff.post(url, {"action": "rotate", "_selected_action": keys, "overlap_days": "3"})
    assert ApiKey.objects.count() == 2
    asked = staff.post(url, {"action": "revoke", "_selected_action": keys, "overlap_days": "3"})
    assert all(key.prefix in asked.content.decode() for key in ApiKey.objects.all())
    assert ApiClient(secret).get("/stock").status_code == 200, "nothing happens before somebody says yes"
    staff.post(url, {"action": "revoke", "_selected_action": keys, "confirmed": "1"})
    assert ApiClient(secret).get("/stock").status_code == 401


@pytest.mark.parametrize("year", ["0001", "1988", "2201", "9999", "2020"])
def test_an_end_that_is_none_is_told_in_the_form(staff, year):
    shop = site()
    form = {"site": shop.pk, "name": "shop", "scopes": ["stock:read"], "requests_per_minute": 600}

    page = staff.post(
        reverse("admin:ec_gateway_apikey_add"), {**form, "expiry_date_0": f"{year}-01-01", "expiry_date_1": "00:00:00"}
    )

    assert page.status_code == 200
    assert page.context["adminform"].form.errors.keys() == {"expiry_date"}
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2200-01-01"])
def test_credentials_end_in_our_time(staff, day):
    shop = site()
    form = {"platform": "", "base_url": "", "settings": "{}", "credentials_expire_on": day}

    page = staff.post(reverse("admin:ec_gateway_ecsite_change", args=[shop.pk]), form)

    assert page.context["adminform"].form.errors.keys() == {"credentials_expire_on"}


def test_nothing_that_comes_of_the_secret_is_in_an_address_or_the_audit_trail(staff):
    made = new_key()

    page = staff.get(reverse("admin:ec_gateway_apikey_changelist")).content.decode()
    history = staff.get(reverse("admin:ec_gateway_apikey_history", args=[made.key.pk]), follow=True).content.decode()

    assert f"/apikey/{made.key.pk}/" in page
    told = page + history + str(list(AuditRow.objects.values()))
    assert "pbkdf2" not in told
    assert made.key.hashed_key.rpartition("$")[2] not in told


def test_credentials_go_in_and_are_never_shown(staff):
    channel = Channel.objects.create(code="SHOP", name="Shop", kind="EC_SITE")
    form = {"channel": channel.pk, "platform": "generic", "base_url": "https://shop.example", "settings": "{}"}

    staff.post(
        reverse("admin:ec_gateway_ecsite_add"),
        {**form, "new_credentials": "token=geheim\nwebhook_secret = whsec_c2VjcmV0"},
    )

    made = EcSite.objects.get()
    assert credentials.unseal(made) == {"token": "geheim", "webhook_secret": "whsec_c2VjcmV0"}
    assert SiteActivity.objects.filter(site=made).exists()
    url = reverse("admin:ec_gateway_ecsite_change", args=[made.pk])
    page = staff.get(url).content.decode()
    assert "token, webhook_secret" in page
    assert "geheim" not in page
    faulty = staff.post(url, {**form, "new_credentials": "half=geheim\nno equals sign"}).content.decode()
    assert "geheim" not in faulty
    staff.post(url, {**form, "new_credentials": ""})
    made.refresh_from_db()
    assert credentials.unseal(made) == {"token": "geheim", "webhook_secret": "whsec_c2VjcmV0"}


def test_a_site_that_is_called_needs_its_address(staff):
    channel = Channel.objects.create(code="SHOP", name="Shop", kind="EC_SITE")

    staff.post(reverse("admin:ec_gateway_ecsite_add"), {"channel": channel.pk, "platform": "generic", "settings": "{}"})

    assert not EcSite.objects.exists()


def test_a_page_of_keys_costs_the_same_however_many_there_are(staff, django_assert_max_num_queries):
    for _ in range(5):
        api_key(site())

    with django_assert_max_num_queries(12):
        assert staff.get(reverse("admin:ec_gateway_apikey_changelist")).status_code == 200
