"""Who may open and do what equals docs/roles.md, duties are apart, and the groups follow the table."""

from __future__ import annotations

import os
from datetime import date

import pytest
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import connection
from django.db.models import DecimalField, Field
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from catalog.models import SkuCost
from erp.back_office.roles import APART, ROLES, Role, load_roles
from erp.core.models import AuditRow
from erp.runtime.installation import PROJECT
from tests.back_office import access
from tests.back_office import shown as declared
from tests.catalog.factories import sku

pytestmark = pytest.mark.django_db
BY_NAME = {role.name: role for role in ROLES}


def test_the_document_says_what_the_pages_say():
    with translation.override("en"):
        told = access.role_tables(access.make_user)

    document = PROJECT / "docs" / "roles.md"
    typed, mark, kept = document.read_text(encoding="utf-8").partition("<!-- generated -->\n")
    if os.environ.get("WRITE_ROLES"):
        document.write_text(typed + mark + told, encoding="utf-8")
        return
    assert kept == told, "docs/roles.md is not true any more; look at the change, then run this test with WRITE_ROLES=1"


def test_nobody_opens_anything_without_logging_in():
    public = {"/admin/login/", "/admin/logout/", "/admin/jsi18n/"}

    opened = {address.path for address in access.addresses() if access.may_open(AnonymousUser(), address)}

    assert opened <= public


def test_a_user_without_a_role_opens_the_frame_only():
    user = User.objects.create_user("new", is_staff=True)
    frame = {
        "index",
        "login",
        "logout",
        "jsi18n",
        "password_change",
        "password_change_done",
        "access_own",
        "access_factor",
        "access_code",
        "search",
        "find",
        "filters",
        "view_on_site",
        "",
    }

    opened = {address.name for address in access.addresses() if access.may_open(user, address)}

    assert opened <= frame


def test_a_superuser_opens_everything():
    user = User.objects.create_superuser("root")
    never = {"add", "delete", "change"}

    shut = [address for address in access.addresses() if not access.may_open(user, address)]

    assert [address for address in shut if address.name.rpartition("_")[2] not in never] == []


@pytest.mark.parametrize("duties", APART, ids=[f"duties{number}" for number, _duties in enumerate(APART)])
@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_no_role_holds_two_duties_that_belong_apart(role, duties):
    assert not duties.are_together(role.permissions)


def test_every_permission_of_the_table_exists():
    known = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}

    assert {role.name: role.permissions - known for role in ROLES if role.permissions - known} == {}
    assert {
        duties.rule: (duties.these | duties.those) - known for duties in APART if (duties.these | duties.those) - known
    } == {}


def test_management_reads_every_list_and_writes_nothing():
    user = access.make_user(BY_NAME["経営"])

    assert [label for label, act in access.acts() if access.may_act(user, label, act)] == []
    unread = [
        model._meta.label_lower
        for model in admin.site._registry
        if not user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
    ]
    assert unread == []


def test_the_groups_are_made_and_set_right_again():
    group = Group.objects.get(name="倉庫")
    before = set(group.permissions.values_list("codename", flat=True))
    group.permissions.set(Permission.objects.filter(codename="add_journalentry"))
    Group.objects.get(name="経理").delete()
    own = Group.objects.create(name="物流委託先")

    load_roles()

    assert set(group.permissions.values_list("codename", flat=True)) == before
    assert Group.objects.get(name="経理").permissions.count() == len(BY_NAME["経理"].permissions)
    assert own.permissions.count() == 0


def test_loading_again_changes_nothing_and_asks_twice():
    with CaptureQueriesContext(connection) as asked:
        load_roles()

    statements = [query["sql"] for query in asked if "SAVEPOINT" not in query["sql"]]
    assert len(statements) == 2
    assert all(sql.startswith("SELECT") for sql in statements)


@pytest.mark.parametrize("role", ROLES, ids=[role.login for role in ROLES])
def test_who_fills_in_a_form_may_look_at_what_its_fields_choose_from(role, rf):
    """An autocomplete searches a list that its user may open."""
    request = rf.get("/")
    request.user = access.make_user(role)

    shut = []
    for model, page in admin.site._registry.items():
        if page.has_add_permission(request) or page.has_change_permission(request):
            for name in page.get_autocomplete_fields(request):
                chosen = model._meta.get_field(name).remote_field.model
                if not admin.site._registry[chosen].has_view_permission(request):
                    shut.append(f"{model._meta.label_lower}.{name}")
    assert shut == []


def system(client) -> User:
    user = access.make_user(BY_NAME["システム管理"])
    client.force_login(user)
    return user


def fields_of(user: User, **changed) -> dict:
    return {"username": user.username, "is_active": "on", "is_staff": "on", "groups": [], **changed}


def test_the_system_role_gives_roles_and_the_gift_is_audited(client):
    system(client)
    mika = User.objects.create_user("mika", is_staff=True)
    group = Group.objects.get(name="受注担当")

    answer = client.post(f"/admin/auth/user/{mika.pk}/change/", fields_of(mika, groups=[group.pk]))

    assert answer.status_code == 302
    assert list(mika.groups.all()) == [group]
    given = AuditRow.objects.get(table_name="auth_user_groups", action="INSERT", after__user_id=mika.pk)
    assert given.actor == "staff:of-role-system"
    assert given.after["group_id"] == group.pk


def test_the_system_role_gives_itself_nothing_and_makes_no_superuser(client):
    me = system(client)
    mika = User.objects.create_user("mika", is_staff=True)
    group = Group.objects.get(name="経理")

    client.post(f"/admin/auth/user/{me.pk}/change/", fields_of(me, groups=[group.pk], is_superuser="on"))
    client.post(
        f"/admin/auth/user/{mika.pk}/change/",
        fields_of(mika, is_superuser="on", user_permissions=[Permission.objects.first().pk]),
    )

    assert [each.name for each in me.groups.all()] == ["システム管理"]
    me.refresh_from_db()
    mika.refresh_from_db()
    assert (me.is_superuser, mika.is_superuser) == (False, False)
    assert mika.user_permissions.count() == 0


def test_the_system_role_does_not_reach_a_superuser(client):
    system(client)
    root = User.objects.create_superuser("root", password="before-and-after")

    form = client.post(f"/admin/auth/user/{root.pk}/change/", fields_of(root))
    password = client.post(
        f"/admin/auth/user/{root.pk}/password/", {"password1": "new-secret-1", "password2": "new-secret-1"}
    )

    assert (form.status_code, password.status_code) == (403, 403)
    root.refresh_from_db()
    assert root.check_password("before-and-after")


def test_who_does_not_reach_a_superuser_is_offered_no_password_for_one(client):
    system(client)
    root, mika = User.objects.create_superuser("root"), User.objects.create_user("mika", is_staff=True)

    pages = [client.get(f"/admin/auth/user/{user.pk}/change/").content.decode() for user in (root, mika)]

    offered = [f"/admin/auth/user/{user.pk}/password/" in page for user, page in zip((root, mika), pages, strict=True)]
    assert offered == [False, True]


def test_two_duties_in_one_hand_are_told(client):
    system(client)
    mika = User.objects.create_user("mika", is_staff=True)
    groups = Group.objects.filter(name__in=["倉庫", "経理"])

    page = client.post(
        f"/admin/auth/user/{mika.pk}/change/", fields_of(mika, groups=[group.pk for group in groups]), follow=True
    )

    told = page.content.decode()
    assert "出荷する人は仕訳を起こさない" in told
    assert "仕入先・決済回収先を管理する人は支払わない" not in told


def test_roles_of_the_house_are_not_edited(client):
    client.force_login(User.objects.create_superuser("root"))
    declared, own = Group.objects.get(name="経理"), Group.objects.create(name="物流委託先")

    assert client.post(f"/admin/auth/group/{declared.pk}/change/", {"name": "経理部"}).status_code == 403
    assert client.post(f"/admin/auth/group/{own.pk}/change/", {"name": "委託先"}).status_code == 302
    assert client.post(f"/admin/auth/group/{declared.pk}/delete/", {"post": "yes"}).status_code == 403


def test_costs_are_shown_to_those_who_may_know_them(rf):
    from erp.inventory.models import StockMovement

    page = admin.site._registry[StockMovement]

    def columns(role: Role) -> list[str]:
        request = rf.get("/")
        request.user = access.make_user(role)
        return [str(getattr(name, "__name__", name)).split()[0] for name in page.get_list_display(request)]

    of_accounting, of_the_warehouse = columns(BY_NAME["経理"]), columns(BY_NAME["倉庫"])
    assert "value" in of_accounting
    assert of_the_warehouse == [name for name in of_accounting if name != "value"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.login)
def test_what_a_role_is_not_shown_is_no_filter_for_it(role, rf):
    """An address may name any field of the table; which rows are found would tell a cost digit by digit."""
    request = rf.get("/")
    request.user = access.make_user(role)
    asked = []
    for model, page in admin.site._registry.items():
        fields = {each.name for each in model._meta.concrete_fields}
        hidden = {
            *(() if request.user.has_perm("core.see_costs") else getattr(page, "costs", ())),
            *(() if request.user.has_perm("core.see_amounts") else getattr(page, "amounts", ())),
        } & fields  # fmt: skip
        asked += [
            (model._meta.label, name, page.lookup_allowed(f"{name}__gte", "1", request)) for name in sorted(hidden)
        ]

    assert [each for each in asked if each[2]] == []
    assert bool(asked) == (role.login not in ("keiri", "md", "keiei"))


def test_a_list_filtered_by_what_is_hidden_is_refused_and_by_anything_else_shown(client):
    pages = (
        "/admin/inventory/stockmovement/?value__gte=1",
        "/admin/orders/order/?total__gte=1",
        "/admin/orders/order/?order_date__gte=2026-01-01",
    )

    def answers(role: str) -> list[int]:
        client.force_login(access.make_user(BY_NAME[role]))
        return [client.get(page).status_code for page in pages]

    assert answers("倉庫") == [400, 400, 200]
    assert answers("受注担当") == [400, 200, 200]
    assert answers("経理") == [200, 200, 200]


def test_every_amount_of_a_document_is_hidden_from_who_may_not_know_amounts(rf):
    """A field that is new on a model is on its page at once, and so is named beside the others; on lists and in lines under a page too."""
    request = rf.get("/")
    request.user = access.make_user(BY_NAME["倉庫"])
    shown = []
    for model, page in admin.site._registry.items():
        if model._meta.app_label != "orders" or not page.has_view_permission(request):
            continue
        named = {*getattr(page, "costs", ()), *getattr(page, "amounts", ())}
        shown += [
            f"{model.__name__}.{each.name}"
            for each in model._meta.concrete_fields
            if _is_amount(each) and each.name not in named
        ]
    found = list(declared.fields_of(request.user))
    assert {model for where, model, _field in found if where.startswith("lines of")}
    shown += [
        f"{where}: {field.name}"
        for where, model, field in found
        if model._meta.app_label == "orders" and _is_amount(field)
    ]

    assert shown == []


def _is_amount(field: Field) -> bool:
    return isinstance(field, DecimalField) and not field.name.endswith("_percent")


def test_the_audit_trail_tells_costs_to_those_who_may_know_them(client):
    SkuCost.objects.create(sku=sku(), cost=98_765, valid_from=date(2026, 1, 1))
    row = AuditRow.objects.get(table_name="catalog_skucost")
    other = AuditRow.objects.filter(table_name="catalog_sku").latest("pk")

    def opens(role: str) -> list[bool]:
        client.force_login(access.make_user(BY_NAME[role]))
        pages = [client.get(f"/admin/core/auditrow/{each.pk}/change/") for each in (row, other)]
        listed = client.get("/admin/core/auditrow/", {"q": "catalog_skucost"}).context["cl"].result_list
        return [*(page.status_code == 200 for page in pages), bool(listed)]

    assert opens("システム管理") == [False, True, False]
    assert opens("経理") == [True, True, True]
