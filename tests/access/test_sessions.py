"""A session ends by the clock, by hand, and by whatever makes its user another one."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp.access import services
from erp.access.models import AccessLog, StaffSession
from erp.access.selectors import device_of
from erp.core.actors import Actor
from tests.access.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db
MORNING = dt.datetime(2026, 11, 27, 0, tzinfo=dt.UTC)


def is_in(client) -> bool:
    return client.get("/admin/").status_code == 200


def test_a_session_that_is_not_used_ends_and_leads_back_to_the_page(client, mika):
    with time_machine.travel(MORNING, tick=False) as clock:
        sign_in(client)
        clock.shift(59 * 60)
        assert is_in(client)
        clock.shift(60 * 60)

        gone = client.get("/admin/orders/order/?q=1")

    assert gone.url == "/admin/login/?why=IDLE&next=%2Fadmin%2Forders%2Forder%2F%3Fq%3D1"
    assert "一定時間操作がなかったため、ログアウトしました。" in client.get(gone.url).content.decode()
    assert StaffSession.objects.get().end == "IDLE"
    assert AccessLog.objects.get(kind="SESSION_ENDED").user == mika


def test_a_session_in_use_ends_after_its_longest_time(client, mika):
    with time_machine.travel(MORNING, tick=False) as clock:
        sign_in(client)
        for _half_hour in range(23):
            clock.shift(30 * 60)
            assert is_in(client)
        clock.shift(30 * 60)

        assert not is_in(client)
    assert StaffSession.objects.get().end == "LIFETIME"


@pytest.mark.parametrize(
    "change",
    [
        lambda user: user.groups.add(Group.objects.get(name="倉庫")),
        lambda user: user.groups.through.objects.all().delete(),
        lambda user: User.objects.filter(pk=user.pk).update(is_superuser=True),
        lambda user: User.objects.filter(pk=user.pk).update(password="x"),
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user: User.objects.filter(pk=user.pk).update(is_staff=False),
    ],
    ids=["role given", "roles taken by bulk", "superuser", "password", "inactive", "no staff"],
)
def test_a_session_ends_when_its_user_becomes_another_one_however_that_is_done(client, mika, change):
    sign_in(client)
    assert is_in(client)

    change(mika)

    assert not is_in(client)


def test_roles_given_on_the_page_end_sessions_at_once(client, mika, system):
    sign_in(client)
    other = Client()
    other.force_login(system)

    form = {"username": "mika", "is_active": "on", "is_staff": "on", "groups": [Group.objects.get(name="倉庫").pk]}
    other.post(f"/admin/auth/user/{mika.pk}/change/", form)

    assert StaffSession.objects.get(user=mika).end == "CHANGED"
    line = AccessLog.objects.get(kind="SESSION_ENDED")
    assert (line.username, line.subject) == ("sysadmin", "mika")


def test_a_new_password_keeps_this_session_and_ends_the_others(client, mika):
    elsewhere = Client()
    sign_in(elsewhere)
    sign_in(client)
    new = "another-horse-battery"

    client.post("/admin/password_change/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})

    assert is_in(client)
    assert not is_in(elsewhere)
    assert AccessLog.objects.filter(kind="PASSWORD_CHANGED", user=mika).count() == 1


def test_one_s_sessions_are_listed_and_ended_on_all_devices(client, mika):
    elsewhere = Client()
    sign_in(elsewhere, HTTP_USER_AGENT="iPad")
    sign_in(client)

    page = client.get("/admin/my-access/").content.decode()
    left = client.post("/admin/my-access/", {"end": "all"})

    assert "iPad" in page
    assert "全端末からログアウト" in page
    assert left.url == "/admin/login/"
    assert not is_in(client)
    assert not is_in(elsewhere)
    assert set(StaffSession.objects.values_list("end", flat=True)) == {"ENDED"}


def test_one_session_is_ended_by_itself_and_never_somebody_else_s(client, mika, system):
    others = Client()
    others.force_login(system)
    elsewhere = Client()
    sign_in(elsewhere)
    sign_in(client)
    first = StaffSession.objects.filter(user=mika).order_by("pk").first()

    client.post("/admin/my-access/", {"end": str(first.pk)})
    client.post("/admin/my-access/", {"end": str(StaffSession.objects.get(user=system).pk)})

    assert is_in(client)
    assert not is_in(elsewhere)
    assert is_in(others)


def test_the_system_role_signs_a_user_out_and_sees_who_is_in(client, mika, system):
    sign_in(client)
    other = Client()
    other.force_login(system)

    page = other.get("/admin/access/staffsession/", {"ended_at__isempty": "1"}).content.decode()
    other.post("/admin/auth/user/", {"action": "sign_out", "_selected_action": [mika.pk]})

    assert "mika" in page
    assert not is_in(client)
    assert StaffSession.objects.get(user=mika).end == "ENDED_BY_STAFF"


def test_what_ran_out_without_a_click_is_ended_by_the_job(client, mika):
    with time_machine.travel(MORNING, tick=False) as clock:
        sign_in(client)
        clock.shift(59 * 60)
        early = services.end_overdue_sessions(at=timezone.now(), by=Actor.job("overdue-sessions"))
        clock.shift(61)
        late = services.end_overdue_sessions(at=timezone.now(), by=Actor.job("overdue-sessions"))

    assert (early, late) == (0, 1)
    assert StaffSession.objects.get().end == "IDLE"
    assert AccessLog.objects.get(kind="SESSION_ENDED").user == mika


def test_signing_out_ends_the_session_and_is_logged(client, mika):
    sign_in(client)

    client.post("/admin/logout/")

    assert StaffSession.objects.get().end == "SIGNED_OUT"
    assert list(AccessLog.objects.order_by("id").values_list("kind", flat=True)) == ["SIGNED_IN", "SIGNED_OUT"]


def test_a_browser_session_that_the_house_does_not_know_is_none(client, mika):
    sign_in(client)
    StaffSession.objects.all().delete()

    assert not is_in(client)


def test_a_click_asks_once_and_writes_once_a_minute(client, mika):
    with time_machine.travel(MORNING, tick=False) as clock:
        sign_in(client)

        def writes() -> int:
            with CaptureQueriesContext(connection) as asked:
                client.get("/admin/password_change/")
            return sum("UPDATE" in query["sql"] and "staffsession" in query["sql"] for query in asked)

        clock.shift(30)
        early = writes()
        clock.shift(40)

        assert (early, writes(), writes()) == (0, 1, 0)


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36 Edg/141.0",
            "Edge 141 / Windows",
        ),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari 18 / iPad"),
        ("curl/8.5", "curl/8.5"),
        ("", ""),
    ],
)
def test_a_browser_is_called_as_people_do(agent, device):
    assert device_of(agent) == device


def test_cookies_are_out_of_reach(client, mika, settings):
    sign_in(client)

    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", "")


def test_production_sends_its_cookies_over_https_from_this_host_only(run_settings):
    told = run_settings(
        DATABASE_URL="postgresql://x@/x",
        SECRET_KEY="x" * 60,
        show="SESSION_COOKIE_NAME SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE",
    )

    assert told == ["__Host-mamori-session", "True", "True"]
