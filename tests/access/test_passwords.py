"""What a password must be, and that nobody keeps one that another person chose."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import get_password_validators, validate_password
from django.core.exceptions import ValidationError

from erp.access.models import AccessLog, StaffAccess
from tests.access.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db
INITIAL, OWN = "initial-of-the-desk-1", "mine-and-only-mine-2"


def test_faults_of_a_password_are_told_in_japanese_all_at_once(mika, settings):
    validators = get_password_validators(settings.AUTH_PASSWORD_VALIDATORS)

    def faults(password: str) -> str:
        with pytest.raises(ValidationError) as refusal:
            validate_password(password, mika, validators)
        return " ".join(refusal.value.messages)

    short = faults("1234567")
    assert "最低 12 文字以上必要です" in short
    assert "一般的すぎます" in short
    assert "数字しか使われていません" in short
    assert "現在のパスワードと同じです" in faults(PASSWORD)
    mika.username = "long-user-name"
    assert "似すぎています" in faults("long-user-name1")


def test_whoever_gets_a_password_chooses_another_one_first(client, system):
    client.force_login(system)
    form = {"username": "taro", "usable_password": "true", "password1": INITIAL, "password2": INITIAL}
    client.post("/admin/auth/user/add/", form)
    User.objects.filter(username="taro").update(is_staff=True)
    client.logout()

    sign_in(client, "taro", INITIAL)
    first = client.get("/admin/")
    again = client.post(
        "/admin/password_change/", {"old_password": INITIAL, "new_password1": INITIAL, "new_password2": INITIAL}
    )
    client.post("/admin/password_change/", {"old_password": INITIAL, "new_password1": OWN, "new_password2": OWN})

    assert first.url == "/admin/password_change/"
    assert "現在のパスワードと同じです" in again.content.decode()
    assert client.get("/admin/").status_code == 200
    assert AccessLog.objects.get(kind="PASSWORD_GIVEN").subject == "taro"


def test_an_open_session_is_no_way_to_guess_the_password_of_its_user(client, mika):
    sign_in(client)

    def guess(old: str) -> str:
        typed = {"old_password": old, "new_password1": OWN, "new_password2": OWN}
        answer = client.post("/admin/password_change/", typed)
        return " ".join(answer.context["form"].errors["old_password"])

    told = [guess(f"guess-{number}") for number in range(5)] + [guess(PASSWORD)]

    mika.refresh_from_db()
    assert mika.check_password(PASSWORD)
    assert set(told[:5]) == {"パスワードが正しくありません。"}
    assert told[5].startswith("ログインの試行が多すぎます")
    assert list(AccessLog.objects.filter(kind__in=["REFUSED", "LOCKED"]).values_list("kind", flat=True)) == [
        *["REFUSED"] * 5,
        "LOCKED",
    ]


def test_a_password_set_by_the_system_role_is_an_initial_one_and_ends_sessions(client, mika, system):
    sign_in(client)
    other = type(client)()
    other.force_login(system)

    other.post(
        f"/admin/auth/user/{mika.pk}/password/", {"usable_password": "true", "password1": INITIAL, "password2": INITIAL}
    )

    assert StaffAccess.objects.get(user=mika).must_change_password
    assert client.get("/admin/").status_code == 302
    sign_in(client, "mika", INITIAL)
    assert client.get("/admin/orders/order/").url == "/admin/password_change/"


def test_the_list_of_users_marks_who_is_there_to_practise(client, mika, system):
    from django.utils import timezone

    from erp.access.services import set_practice
    from erp.core.actors import Actor

    set_practice(user_id=mika.pk, at=timezone.now(), by=Actor.command("test"))
    client.force_login(system)

    page = client.get("/admin/auth/user/").content.decode()

    assert "練習用(初期パスワードのまま可)" in page


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PASSWORD_MIN_LENGTH", "6", "PASSWORD_MIN_LENGTH is 8 or more"),
        ("ACCESS_LOG_KEPT_DAYS", "30", "ACCESS_LOG_KEPT_DAYS is 0, or 90 or more"),
        ("SESSION_IDLE_MINUTES", "0", "are 1 or more"),
        ("PROXY_COUNT", "-1", "are 0 or more"),
    ],
)
def test_a_setting_that_protects_nothing_is_refused(run_settings, name, value, told):
    assert told in run_settings(show="DEBUG", **{name: value})[0]
