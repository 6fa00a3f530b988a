"""What staff see when a page is not there, not theirs, or not answered: the house's words, in `make run` as in production."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests.runtime.test_settings import run_manage

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    user = User.objects.create_user("mika", is_staff=True)
    user.groups.add(Group.objects.get(name="受注担当"))
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(user)
    return client


def told(answer, status: int) -> str:
    text = str(answer.content.decode())
    assert answer.status_code == status
    assert 'lang="ja"' in text
    assert "最初のページへ" in text
    for foreign in ("Forbidden", "CSRF", "DEBUG", "Traceback", "Request Method", "Django"):
        assert foreign not in text
    return text


def test_a_form_that_is_not_accepted_says_to_open_the_page_again(desk):
    page = reverse("admin:orders_order_changelist") + "?state=READY"

    text = told(desk.post(page + "&x=1", {"action": "x"}, headers={"referer": f"http://testserver{page}"}), 403)

    assert "ページを開き直して、もう一度操作してください" in text
    assert "登録されていません" in text
    assert f'href="http://testserver{page}"' in text


def test_nobody_is_led_elsewhere(desk):
    text = told(desk.post("/admin/", headers={"referer": "http://elsewhere.example/admin/"}), 403)

    assert "elsewhere" not in text
    assert "ページを開き直す" not in text


def test_a_page_that_is_not_there(desk):
    assert "ページ" in told(desk.get("/admin/orders/nothing/"), 404)
    assert "ページ" in told(desk.get("/nothing"), 404)


def test_a_page_that_is_not_open_to_a_role(desk):
    told(desk.get(reverse("admin:accounting_period_changelist")), 403)


def test_a_request_that_is_no_answerable_one(desk):
    text = told(desk.get("/admin/", headers={"host": "elsewhere.example"}), 400)

    assert "ページを開き直してください" in text
    assert "elsewhere.example" not in text


@pytest.mark.parametrize("debug", ["true", pytest.param("false", marks=pytest.mark.slow)])
def test_no_environment_shows_the_pages_of_developers(tmp_path, debug):
    """Django's own show settings and code to whoever reaches the server. (The test runner turns DEBUG off by itself.)"""
    shown = run_manage(
        "shell",
        "-c",
        "from django.conf import settings; print(settings.DEBUG)",
        var=tmp_path,
        DEBUG=debug,
        SECRET_KEY="x" * 50,
    )

    assert shown.stdout.splitlines()[-1] == "False", shown.stderr
