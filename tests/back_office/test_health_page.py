"""運用状況: for system and management; every sign and every queue stands there with its state in words."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from erp.back_office.roles import ROLES
from erp.core import health, work_queues
from tests.back_office import access

pytestmark = pytest.mark.django_db
URL = "/admin/core/jobrun/health/"


@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_it_is_for_system_and_management(client, role):
    client.force_login(access.make_user(role))

    assert client.get(URL).status_code == (200 if role.login in ("system", "keiei") else 403)


def test_every_sign_and_every_queue_stands_there(client):
    client.force_login(User.objects.create_superuser("mika"))

    page = client.get(URL)

    text = page.content.decode()
    rows = rows_of(page)
    assert [row.title for row in page.context["waiting"]] == [str(queue.title) for queue in work_queues.registered()]
    assert len(rows) == len(health.registered()) + len(work_queues.registered())
    for row in rows:
        assert row.told
        assert row.meaning in text
        assert row.is_good or row.remedy in text
    for mark in ("✓ 正常", "▲ 注意", "✕ 異常"):
        assert mark in text


def rows_of(page) -> list:
    return [row for table in page.context["tables"] for row in table.rows] + page.context["waiting"]


def test_every_link_leads_to_a_list_that_opens(client):
    client.force_login(User.objects.create_superuser("mika"))

    rows = rows_of(client.get(URL))

    urls = {row.url for row in rows} | {told.url for row in rows for told in row.told}
    assert len(urls) > 20
    for url in urls - {""}:
        assert client.get(url).status_code == 200, url


def test_a_link_is_offered_to_those_only_who_may_follow_it(client):
    [system] = [role for role in ROLES if role.login == "system"]
    client.force_login(access.make_user(system))

    rows = {row.title: row for row in rows_of(client.get(URL))}

    assert rows["整合性検査"].url
    assert rows["確認待ち"].url == ""
