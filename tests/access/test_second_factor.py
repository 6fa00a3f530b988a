"""The authenticator app, backup codes, and the way back for whoever lost both."""

from __future__ import annotations

import base64
import datetime as dt
import re

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP

from erp.access import services
from erp.access.models import AccessLog, BackupCode, SecondFactor, StaffAccess, StaffSession
from erp.core.actors import Actor
from tests.access.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db
KEY = b"12345678901234567890"
BY = Actor.staff("mika")
NOON = dt.datetime(2026, 11, 27, 3, tzinfo=dt.UTC)


def code_at(moment: dt.datetime, key: bytes = KEY) -> str:
    clock = TOTP(key)
    clock.time = moment.timestamp()
    return f"{clock.token():06d}"


def enrolled(user: User, at: dt.datetime = NOON - dt.timedelta(hours=1)) -> list[str]:
    return services.enrol(user=user, key=KEY, code=code_at(at), session_id=None, visit=services.Visit(), at=at, by=BY)


def is_in(client) -> bool:
    return client.get("/admin/").status_code == 200


def give(client, code: str):
    return client.post("/admin/login/code/", {"code": code})


def test_the_code_is_that_of_the_standard():
    # RFC 6238, appendix B, SHA-1, of which the last six digits count here.
    assert code_at(dt.datetime.fromtimestamp(1111111109, dt.UTC)) == "081804"
    assert code_at(dt.datetime.fromtimestamp(2000000000, dt.UTC)) == "279037"


def test_the_page_draws_the_key_itself_and_takes_the_first_code(client, mika):
    sign_in(client)
    page = client.get("/admin/my-access/second-factor/").content.decode()
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    key = base64.b32decode(secret)

    wrong = client.post("/admin/my-access/second-factor/", {"code": "000000"})
    shown = client.post("/admin/my-access/second-factor/", {"code": code_at(timezone.now(), key)})

    assert "<svg" in page
    assert "http" not in re.search(r"<svg.*</svg>", page, re.DOTALL)[0].replace("http://www.w3.org/2000/svg", "")
    assert "コードが正しくありません" in wrong.content.decode()
    assert len(re.findall(r"<li><code>[a-z2-9]{5}-[a-z2-9]{5}</code>", shown.content.decode())) == 10
    assert "no-store" in shown.headers["Cache-Control"]
    assert StaffSession.objects.get().has_second_factor
    assert AccessLog.objects.filter(kind="FACTOR_ENROLLED", user=mika).exists()
    assert is_in(client)


def test_a_password_alone_signs_nobody_in_who_has_a_second_factor(client, mika):
    enrolled(mika)

    with time_machine.travel(NOON, tick=False):
        answer = sign_in(client)
        outside = is_in(client)
        give(client, code_at(NOON))

        assert answer.url == "/admin/login/code/"
        assert not outside
        assert is_in(client)
    assert StaffSession.objects.get().has_second_factor


def test_a_code_is_taken_once(client, mika):
    enrolled(mika)

    with time_machine.travel(NOON, tick=False):
        sign_in(client)
        give(client, code_at(NOON))
        again = Client()
        sign_in(again)
        answer = give(again, code_at(NOON))

        assert "コードが正しくないか、すでに使われています。" in answer.content.decode()
        assert not is_in(again)


@pytest.mark.parametrize(("seconds", "is_taken"), [(-30, True), (30, True), (-90, False), (90, False)])
def test_a_clock_may_be_half_a_minute_off(client, mika, seconds, is_taken):
    enrolled(mika)

    with time_machine.travel(NOON, tick=False):
        sign_in(client)
        give(client, code_at(NOON + dt.timedelta(seconds=seconds)))

        assert is_in(client) is is_taken


def test_codes_are_not_guessed(client, mika):
    enrolled(mika)

    with time_machine.travel(NOON, tick=False):
        sign_in(client)
        for _number in range(5):
            give(client, "000000")
        sign_in(client)  # a right password does not begin the count anew
        answer = give(client, code_at(NOON))

        assert "試行が多すぎます" in answer.content.decode()
        assert not is_in(client)
    assert AccessLog.objects.filter(kind="CODE_REFUSED").count() == 5


def test_a_backup_code_opens_once(client, mika):
    codes = enrolled(mika)

    sign_in(client)
    give(client, codes[0].upper())
    again = Client()
    sign_in(again)
    give(again, codes[0])

    assert is_in(client)
    assert not is_in(again)
    assert BackupCode.objects.filter(used_at__isnull=True).count() == 9
    assert AccessLog.objects.filter(kind="CODE_USED", user=mika).count() == 1


def test_a_copy_of_the_database_holds_no_key_and_no_code(mika):
    codes = enrolled(mika)

    kept = bytes(SecondFactor.objects.get().sealed_key)
    assert KEY not in kept
    assert not BackupCode.objects.filter(digest__in=[*codes, *(code.replace("-", "") for code in codes)]).exists()


def test_the_step_between_password_and_code_ends_after_five_minutes(client, mika):
    enrolled(mika)

    with time_machine.travel(NOON, tick=False) as clock:
        sign_in(client)
        clock.shift(301)
        answer = give(client, code_at(NOON + dt.timedelta(seconds=301)))

        assert answer.url == "/admin/login/"
        assert not is_in(client)


def test_a_role_asks_for_it_and_nothing_else_opens_before(client, mika, settings):
    settings.SECOND_FACTOR_ROLES = ["経理"]
    sign_in(client)

    assert client.get("/admin/accounting/journalentry/").url == "/admin/my-access/second-factor/"
    assert client.get("/admin/my-access/second-factor/").status_code == 200
    assert client.post("/admin/logout/").status_code == 200


def test_practice_users_are_never_asked(client, mika, settings):
    settings.SECOND_FACTOR_ROLES = ["経理", "superuser"]
    services.set_practice(user_id=mika.pk, at=NOON, by=BY)

    sign_in(client)

    assert is_in(client)


def test_superusers_are_asked_by_that_name(client, settings):
    settings.SECOND_FACTOR_ROLES = ["superuser"]
    User.objects.create_superuser("root", password=PASSWORD)

    sign_in(client, "root")

    assert client.get("/admin/").url == "/admin/my-access/second-factor/"


def test_a_role_that_does_not_exist_is_said_when_the_database_is_migrated(settings):
    settings.SECOND_FACTOR_ROLES = ["経理", "けいり"]

    told = [fault.msg for fault in run_checks(tags=["database"], databases=["default"])]

    assert any("けいり" in text for text in told)


def test_who_lost_the_device_is_helped_by_the_system_role_and_that_is_logged(client, mika, system):
    enrolled(mika)
    client.force_login(system)

    asked = client.post("/admin/auth/user/", {"action": "remove_factor", "_selected_action": [mika.pk]})

    assert "本人" in asked.content.decode()
    assert SecondFactor.objects.exists(), "nothing happens before somebody says yes"

    client.post("/admin/auth/user/", {"action": "remove_factor", "_selected_action": [mika.pk], "confirmed": "1"})

    assert not SecondFactor.objects.exists()
    assert not BackupCode.objects.exists()
    line = AccessLog.objects.get(kind="FACTOR_REMOVED")
    assert (line.username, line.subject) == ("sysadmin", "mika")


def test_the_system_role_does_not_open_the_door_of_a_superuser(client, system):
    root = User.objects.create_superuser("root", password=PASSWORD)
    enrolled(root)
    client.force_login(system)

    client.post("/admin/auth/user/", {"action": "remove_factor", "_selected_action": [root.pk], "confirmed": "1"})

    assert SecondFactor.objects.filter(user=root).exists()


def test_giving_it_up_takes_the_password_and_is_refused_where_a_role_asks_for_it(client, mika, settings):
    sign_in(client)
    page = client.get("/admin/my-access/second-factor/").content.decode()
    key = base64.b32decode(re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", ""))
    client.post("/admin/my-access/second-factor/", {"code": code_at(timezone.now(), key)})

    client.post("/admin/my-access/second-factor/", {"act": "remove", "password": "wrong"})
    kept = SecondFactor.objects.exists()
    settings.SECOND_FACTOR_ROLES = ["経理"]
    refused = client.post("/admin/my-access/second-factor/", {"act": "remove", "password": PASSWORD})
    still = SecondFactor.objects.exists()
    settings.SECOND_FACTOR_ROLES = []
    client.post("/admin/my-access/second-factor/", {"act": "remove", "password": PASSWORD})

    assert kept
    assert still
    assert "解除できません" in refused.content.decode()
    assert not SecondFactor.objects.exists()


def test_new_backup_codes_take_the_place_of_the_old_ones(mika):
    old = enrolled(mika)
    new = services.make_backup_codes(user=mika, visit=services.Visit(), at=NOON, by=BY)

    assert not set(old) & set(new)
    assert BackupCode.objects.count() == 10


def test_a_key_under_another_secret_key_is_told_and_a_rotated_one_still_opens(client, mika, settings):
    enrolled(mika)
    before = settings.SECRET_KEY

    settings.SECRET_KEY = "another" * 10
    with time_machine.travel(NOON, tick=False):
        sign_in(client)
        told = give(client, code_at(NOON)).content.decode()
        settings.SECRET_KEY_FALLBACKS = [before]
        give(client, code_at(NOON))

        assert "システム管理の担当者に解除を依頼" in told
        assert is_in(client)


def test_nothing_is_asked_where_nothing_is_known(client, mika):
    sign_in(client)

    assert is_in(client)
    assert not StaffAccess.objects.exists()
