"""Who tries too often waits; nothing that is said tells which names exist."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from erp.access import services
from erp.access.models import AccessLog, SignInLock
from erp.core.actors import Actor
from tests.access.conftest import sign_in
from tests.racing import race

pytestmark = pytest.mark.django_db
DOOR = Actor.staff("sign-in")
VISIT = services.Visit("192.0.2.7", "test")


def is_in(client) -> bool:
    return client.get("/admin/").status_code == 200


def test_after_five_wrong_passwords_the_right_one_waits_too(client, mika):
    for _number in range(5):
        assert "ログインの試行が多すぎます" not in sign_in(client, password="wrong").content.decode()

    answer = sign_in(client)

    assert (
        "ログインの試行が多すぎます。15分待ってからやり直すか、システム管理の担当者に連絡してください。"
        in answer.content.decode()
    )
    assert not is_in(client)


def test_the_cool_off_ends_and_tries_during_it_do_not_lengthen_it(client, mika):
    with time_machine.travel(dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC), tick=False) as clock:
        for _number in range(5):
            sign_in(client, password="wrong")
        for _minute in range(14):
            clock.shift(60)
            sign_in(client, password="wrong")
        clock.shift(61)

        sign_in(client)

        assert is_in(client)


def test_a_name_that_is_nobody_s_is_answered_and_locked_like_any_other(client, mika):
    def said(name: str) -> list[str]:
        return [" ".join(sign_in(client, name, "wrong").context["form"].non_field_errors()) for _number in range(6)]

    of_a_user, of_nobody = said("mika"), said("nobody")

    assert of_a_user == of_nobody
    assert of_a_user[4] != of_a_user[5]


def test_what_is_typed_in_the_place_of_a_name_is_not_kept(client, mika):
    sign_in(client, "my-secret-password", "x")

    assert not AccessLog.objects.filter(username__contains="secret").exists()
    assert not SignInLock.objects.filter(username__contains="secret").exists()
    assert AccessLog.objects.get(kind="REFUSED").user is None


def test_the_right_password_forgets_what_was_counted_and_other_addresses_are_others(client, mika):
    for _number in range(4):
        sign_in(client, password="wrong")
    sign_in(client)
    for _number in range(4):
        sign_in(client, password="wrong", REMOTE_ADDR="192.0.2.9")

    assert not SignInLock.objects.filter(scope="PAIR", address="127.0.0.1").exists()
    assert SignInLock.objects.get(scope="PAIR").failures == 4
    assert not SignInLock.objects.filter(locked_until__isnull=False).exists()


def test_a_name_tried_from_everywhere_is_locked_everywhere(client, mika, settings):
    settings.SIGN_IN_FAILURES_PER_USER = 6
    for number in range(6):
        sign_in(client, password="wrong", REMOTE_ADDR=f"192.0.2.{number}")

    answer = sign_in(client, REMOTE_ADDR="198.51.100.1")

    assert "試行が多すぎます" in answer.content.decode()


def test_an_address_that_tries_many_names_is_locked_for_all_of_them(client, mika, settings):
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 6
    for number in range(6):
        sign_in(client, f"name{number}", "wrong")

    assert "試行が多すぎます" in sign_in(client).content.decode()
    sign_in(client, REMOTE_ADDR="198.51.100.1")
    assert is_in(client)


def test_the_system_role_lifts_a_lock_out_and_that_is_logged(client, mika, system):
    for _number in range(6):
        sign_in(client, password="wrong")
    lock = SignInLock.objects.get(scope="PAIR", username="mika")
    client.force_login(system)

    client.post("/admin/access/signinlock/", {"action": "lift", "_selected_action": [lock.pk]})
    client.logout()
    sign_in(client)

    assert is_in(client)
    lifted = AccessLog.objects.get(kind="UNLOCKED")
    assert (lifted.username, lifted.subject) == ("sysadmin", "mika")


def test_nobody_else_lifts_a_lock_out(client, mika):
    for _number in range(6):
        sign_in(client, "other", "wrong")
    client.force_login(mika)

    answer = client.post(
        "/admin/access/signinlock/", {"action": "lift", "_selected_action": [SignInLock.objects.first().pk]}
    )

    assert answer.status_code == 403
    assert SignInLock.objects.exists()


def test_refusals_say_who_from_where_and_with_what(client, mika):
    sign_in(client, password="wrong", REMOTE_ADDR="192.0.2.7", HTTP_USER_AGENT="Firefox")

    line = AccessLog.objects.get()
    assert (line.kind, line.user, line.username, line.address, line.agent) == (
        "REFUSED",
        mika,
        "mika",
        "192.0.2.7",
        "Firefox",
    )


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_do_not_pass_the_limit_together():
    def attempt():
        return services.begin_attempt(name="mika", visit=VISIT, at=timezone.now(), by=DOOR)

    attempt()
    outcomes = race(*[attempt] * 8, hold=SignInLock.objects.all())

    assert sorted(outcome.is_locked for outcome in outcomes) == [False] * 4 + [True] * 4
