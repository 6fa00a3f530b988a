"""Every page stands on our bases, speaks Japanese, and takes nothing from another host."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.utils import translation

from erp.core.actors import Actor
from erp.core.admin import ReadOnlyInline, ServiceAdmin, TabularInline
from erp.core.models import AuditRow, Department
from erp.core.use_case import use_case
from erp.runtime.installation import PROJECT

pytestmark = pytest.mark.django_db
CSS = PROJECT / "erp/core/static/core/admin.css"
ENGLISH_BROWSER = {"HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.9"}


@pytest.fixture
def staff(client):
    client.force_login(User.objects.create_superuser("mika"))
    return client


def test_every_page_and_every_inline_stands_on_our_bases():
    pages = admin.site._registry.values()

    assert [page for page in pages if not isinstance(page, ServiceAdmin)] == []
    inlines = {inline for page in pages for inline in page.inlines}
    assert inlines
    assert [inline for inline in inlines if not issubclass(inline, (ReadOnlyInline, TabularInline))] == []


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/admin/", "/admin/orders/order/", "/admin/inventory/stockbalance/receive/"]
)
def test_a_page_takes_nothing_from_another_host(staff, client, path):
    if "login" in path:
        client.logout()

    page = client.get(path).content.decode()

    taken = re.findall(r"""(?:src|href|action)=["']([^"']+)""", page)
    assert any(path.startswith("/static/unfold/") for path in taken)
    assert [path for path in taken if "//" in path] == []


def test_the_pages_are_japanese_whatever_the_browser_prefers(client, staff):
    page = staff.get("/admin/core/department/", **ENGLISH_BROWSER).content.decode()
    client.logout()
    door = client.get("/admin/login/", **ENGLISH_BROWSER).content.decode()

    assert '<html lang="ja"' in page
    assert "部門" in page
    assert "ようこそ" in door


def test_whoever_chose_another_language_gets_it_and_the_next_one_does_not(staff, client):
    staff.post("/language", {"language": "en", "next": "/admin/"})
    chosen = staff.get("/admin/core/department/").content.decode()
    del staff.cookies["django_language"]

    assert '<html lang="en"' in chosen
    assert "department" in chosen.lower()
    assert '<html lang="ja"' in staff.get("/admin/core/department/").content.decode()


def test_a_language_that_does_not_exist_is_none(staff):
    staff.cookies["django_language"] = "tlh"

    assert '<html lang="ja"' in staff.get("/admin/").content.decode()


def test_what_a_service_stores_is_in_the_language_of_the_house():
    @use_case
    def write(*, by: Actor) -> str:
        return str(translation.gettext("sales channel"))

    with translation.override("en"):
        stored = write(by=Actor.command("test"))
        seen = translation.get_language()

    assert stored == "販売チャネル"
    assert seen == "en"


def test_the_history_of_a_row_is_its_audit_trail(staff):
    staff.post("/admin/core/department/add/", {"code": "D1", "name": "EC"})
    staff.post("/admin/core/department/add/", {"code": "D2", "name": "卸"})
    row = Department.objects.get(code="D2")

    trail = staff.get(f"/admin/core/department/{row.pk}/history/", follow=True)

    assert [found.pk for found in trail.context["cl"].result_list] == [
        AuditRow.objects.get(table_name="core_department", row_id=str(row.pk)).pk
    ]


def test_who_may_not_see_the_audit_trail_is_not_led_there(client):
    from django.contrib.auth.models import Permission

    user = User.objects.create_user("look", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_department"))
    row = Department.objects.create(code="D1", name="EC")
    client.force_login(user)

    assert (
        f"/admin/core/department/{row.pk}/history/"
        not in client.get(f"/admin/core/department/{row.pk}/change/").content.decode()
    )
    assert client.get(f"/admin/core/department/{row.pk}/history/").status_code == 403


def test_a_list_offers_no_counts_beside_its_filters(staff):
    offered = staff.get("/admin/orders/order/")
    asked = staff.get("/admin/orders/order/", {"_facets": "True"})

    assert "_facets" not in offered.content.decode()
    assert asked.context["cl"].add_facets is False


def test_a_page_that_is_not_open_says_so_in_words(client):
    client.force_login(User.objects.create_user("look", is_staff=True))

    shut = client.get("/admin/accounting/journalentry/")
    gone = client.get("/no-such-page")

    assert (shut.status_code, gone.status_code) == (403, 404)
    assert "look でログインしています" in shut.content.decode()
    assert "そのページはありません" in gone.content.decode()


def test_columns_of_words_have_a_least_width():
    """Japanese breaks anywhere: without it a tablet shows a name one character a line."""
    words = r'<th>{% translate "(?:name|reason|description|detail|goods|recipient|party|what to do|what it means)"'
    narrow = [
        path.name
        for path in sorted((PROJECT / "templates").rglob("*.html"))
        if re.search(words, path.read_text("utf-8"))
    ]

    assert narrow == []
    assert re.search(r"\.sheet th\.is-text \{ min-width: \d+em", CSS.read_text("utf-8"))
