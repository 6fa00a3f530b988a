"""A page names the row that another belongs to in words: nobody reads 4711 for a line of an order."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import CharField, DateField, DateTimeField, Field, ForeignKey, IntegerField, Model, TextField
from django.urls import Resolver404, get_resolver
from django.utils import timezone

from erp.back_office.roles import ROLES
from tests.back_office import access, links
from tests.back_office.shown import fields_of
from tests.test_admin_pages import days_work

pytestmark = pytest.mark.django_db
KEY = 4711
# Chosen by its name in the form; who only looks reads the name.
BY_NAME = {("page inventory.location", "holder_account_id")}


def filled(model: type[Model]) -> Model:
    """A row with something in each of its own columns. What it points to is not there, and is not asked."""
    row = model(pk=KEY)
    for field in model._meta.concrete_fields:
        if not field.primary_key and (value := _some(field)) is not None:
            setattr(row, field.attname, value)
    return row


def _some(field: Field[Any, Any]) -> Any:
    if field.choices:
        return next(iter(field.flatchoices))[0]
    if isinstance(field, CharField | TextField):
        return "言葉"
    if isinstance(field, DateTimeField):
        return timezone.now()
    return timezone.localdate() if isinstance(field, DateField) else None


def is_bare(text: str) -> bool:
    return re.fullmatch(r"\d+", text.strip()) is not None


def test_no_page_shows_a_row_that_another_points_to_as_a_bare_number():
    bare = {
        (where, field.name)
        for where, _model, field in fields_of(User.objects.create_superuser("mika"))
        if isinstance(field, ForeignKey) and is_bare(str(filled(field.remote_field.model)))
    }

    assert bare == set()


def test_no_page_shows_the_number_of_a_row_instead_of_the_row():
    """Of rows that other rooms own there is only the number; whoever shows it says whose it is."""
    numbers = {
        (where, field.name)
        for where, _model, field in fields_of(User.objects.create_superuser("mika"))
        if field.name.endswith("_id") and isinstance(field, IntegerField)
    }

    assert numbers == BY_NAME
    [management] = [role for role in ROLES if role.login == "keiei"]
    looked_at = {(where, field.name) for where, _model, field in fields_of(access.make_user(management))}
    assert not BY_NAME & looked_at


class _Links(HTMLParser):
    """Where the links of a page lead, with what is read in them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open = ""
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._open, self._text = (dict(attrs).get("href") or "").partition("?")[0], ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open:
            self.found.append((self._open, self._text.strip()))
            self._open = ""


def test_no_link_to_a_row_of_another_list_is_a_bare_number(client):
    """After a day's work, on every list and one document of each. The rows of a list itself may be called by their numbers."""
    days_work(1)
    user = User.objects.create_superuser("mika")
    client.force_login(user)
    rows = {f"{model._meta.app_label}_{model._meta.model_name}_change": model for model in admin.site._registry}

    bare, seen = set(), 0
    for here in links.pages_of(user):
        answer = client.get(here, follow=True)
        if "text/html" not in answer.headers["Content-Type"]:
            links._end(answer)
            continue
        reader = _Links()
        reader.feed(answer.content.decode())
        for path, text in reader.found:
            model = rows.get(_name_of(path))
            seen += model is not None
            own = model is not None and f"/{model._meta.app_label}/{model._meta.model_name}/" in here
            if model is not None and not own and is_bare(text):
                bare.add((here, path))

    assert seen > 100
    assert bare == set()


def _name_of(path: str) -> str:
    try:
        return get_resolver().resolve(path).url_name or "" if path.startswith("/admin/") else ""
    except Resolver404:
        return ""
