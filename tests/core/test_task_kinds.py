"""Tasks are called by words: every kind that the manual explains has one, and the list filters by it."""

from __future__ import annotations

import re
from copy import copy

import pytest
from django.contrib.auth.models import Group, Permission, User

from erp.back_office.roles import ROLES
from erp.core import task_kinds, work_queues
from erp.core.models import StaffTask
from erp.runtime.installation import PROJECT
from tests.orders.factories import NOON


def test_every_kind_of_the_manual_has_a_name_for_people():
    manual = (PROJECT / "docs/manual/ja/README.md").read_text(encoding="utf-8")
    table = manual.partition("## 要対応の種別")[2].partition("\n## ")[0]
    kinds = re.findall(r"^\| ([A-Z_]+)", table, re.MULTILINE)

    assert len(kinds) > 30
    assert [kind for kind in kinds if task_kinds.label_of(kind) == kind] == []


def test_a_family_of_kinds_is_named_once_and_an_unknown_kind_by_itself():
    assert task_kinds.label_of("VERIFY_P6") == "整合性検査 P6"
    assert task_kinds.label_of("AMEND_AFTER_RELEASE") == "出荷指示後の受注変更"
    assert task_kinds.label_of("NEW_TO_ALL") == "NEW_TO_ALL"


@pytest.mark.django_db
def test_the_list_shows_names_and_filters_by_them(client):
    client.force_login(User.objects.create_superuser("mika"))
    for number, kind in enumerate(("OVERSOLD", "VERIFY_P1", "VERIFY_P6")):
        StaffTask.objects.create(
            kind=kind, subject_type="ORDER", subject_id=number, detail="x", opened_at=NOON, opened_by="test"
        )

    page = client.get("/admin/core/stafftask/")
    verified = client.get("/admin/core/stafftask/?kind=VERIFY_")
    one = client.get(f"/admin/core/stafftask/{StaffTask.objects.get(kind='OVERSOLD').pk}/change/")

    assert "売り越し" in page.content.decode()
    assert "整合性検査 P6" in page.content.decode()
    assert {task.kind for task in verified.context["cl"].result_list} == {"VERIFY_P1", "VERIFY_P6"}
    assert "売り越し" in one.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("closes", [True, False])
def test_nothing_counts_a_task_that_tells_amounts_for_who_may_not_know_them(client, monkeypatch, closes):
    for name in ("_labels", "_worked_by", "_tell_amounts"):
        monkeypatch.setattr(task_kinds, name, copy(getattr(task_kinds, name)))
    task_kinds.register({"OWED_": "owed"}, worked_by=["orders.change_order"], tells_amounts=True)
    for number, kind in enumerate(("OVERSOLD", "REFUND_DUE", "OWED_BY_US")):
        StaffTask.objects.create(
            kind=kind, subject_type="ORDER", subject_id=number, detail="¥98,765", opened_at=NOON, opened_by="test"
        )
    user = User.objects.create_user("own-group", is_staff=True)
    rights = ["view_stafftask", "change_order", *(["change_stafftask"] if closes else [])]
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    tile = next(queue for queue in work_queues.registered() if queue.code == "tasks")

    assert list(tile.rows(user).values_list("kind", flat=True)) == ["OVERSOLD"]
    for query in ("", "?mine=1", "?kind=OWED_"):
        page = client.get(f"/admin/core/stafftask/{query}")
        assert {task.kind for task in page.context["cl"].result_list} <= {"OVERSOLD"}, query

    user.user_permissions.add(Permission.objects.get(codename="see_amounts"))
    assert tile.rows(User.objects.get(pk=user.pk)).count() == 3


CLOSING = {"action": "close", "resolution": "looked at it"}


def of_role(client, role):
    user = User.objects.create_user(f"of-{role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)


@pytest.mark.django_db
def test_a_task_is_closed_by_the_desk_whose_work_it_is_and_seen_by_others(client):
    told = {"subject_type": "ORDER", "detail": "x", "opened_at": NOON, "opened_by": "test"}
    own, other, verified = (
        StaffTask.objects.create(kind=kind, subject_id=number, subject_label=kind, **told)
        for number, kind in enumerate(("STOCKTAKE", "OVERSOLD", "VERIFY_P1"))
    )
    page = "/admin/core/stafftask/"

    of_role(client, "倉庫")
    shown = client.get(page)
    answer = client.post(page, {**CLOSING, "_selected_action": [own.pk, other.pk, verified.pk]}, follow=True)

    boxes = re.findall(r'name="_selected_action" value="(\d+)"', shown.content.decode())
    assert {task.pk for task in shown.context["cl"].result_list} == {own.pk, other.pk, verified.pk}
    assert boxes == [str(own.pk)]
    assert [str(message) for message in answer.context["messages"]] == [
        "OVERSOLD: 「売り越し」を完了にできるのは担当の部門だけです。",
        "VERIFY_P1: 「整合性検査 P1」を完了にできるのは担当の部門だけです。",
        "1 件の要対応を完了にしました。",
    ]
    assert list(StaffTask.objects.filter(closed_at=None).order_by("pk")) == [other, verified]

    of_role(client, "受注担当")
    client.post(page, {**CLOSING, "_selected_action": [other.pk, verified.pk]})
    assert list(StaffTask.objects.filter(closed_at=None)) == [verified]
    client.force_login(User.objects.create_superuser("mika"))
    client.post(page, {**CLOSING, "_selected_action": [verified.pk]})
    assert not StaffTask.objects.filter(closed_at=None).exists()


@pytest.mark.django_db
def test_every_kind_of_task_has_a_role_that_may_close_it(client):
    nobody = set(task_kinds.registered())
    for role in ROLES:
        user = User.objects.create_user(f"of-{role.login}", is_staff=True)
        user.groups.add(Group.objects.get(name=role.name))
        if user.has_perm("core.change_stafftask"):
            nobody -= {kind for kind in nobody if task_kinds.is_work_of(user, kind)}

    assert nobody == set()
