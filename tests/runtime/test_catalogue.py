"""The catalogue knows what our apps say, and what the packages say whose pages our staff see."""

from functools import cache

import pytest
from babel.messages import Catalog

from erp.runtime import catalogue


@pytest.fixture(scope="module", autouse=True)
def read_once():
    """All our files are read for what they say: once is enough."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(catalogue, "said_by_the_apps", cache(catalogue.said_by_the_apps))
        yield


def said(name: str) -> set[str]:
    found = catalogue.said_by_the_apps().get(name)
    return {place for place, _line in found.locations} if found else set()


def test_a_text_of_the_theme_is_ours_to_translate():
    assert said("Select action") == {"unfold"}


def test_a_text_that_django_says_in_japanese_is_not():
    assert catalogue.said_by_django().get("Close").string == "閉じる"
    assert said("Close") == set()


def test_a_text_of_the_theme_without_its_japanese_is_named(monkeypatch):
    known = catalogue._read()
    known.delete("Select action")
    monkeypatch.setattr(catalogue, "_read", lambda: known)

    assert catalogue.missing_translations() == ["unfold: no Japanese for 'Select action'"]


def test_an_empty_translation_is_none(monkeypatch):
    known = catalogue._read()
    known.get("Run").string = " "
    monkeypatch.setattr(catalogue, "_read", lambda: known)

    assert catalogue.missing_translations() == ["unfold: no Japanese for 'Run'"]


def test_a_page_may_be_indented_as_it_likes(tmp_path):
    page = tmp_path / "templates" / "page.html"
    page.parent.mkdir()
    page.write_text(
        "{% load i18n %}\n        {% if x %}\n    {% translate 'one' %}\n      {% endif %}\n  {% translate 'two' %}\n"
    )
    found = Catalog()

    catalogue._add_texts(found, page, "page")

    assert {message.id for message in found if message.id} == {"one", "two"}


def test_what_is_said_within_an_f_string_is_found_by_every_python(tmp_path):
    module = tmp_path / "module.py"
    module.write_text("title = f\"{_('one')} {gettext('two') if told else name!r}\"\nfoot = _('three')\n")
    found = Catalog()

    catalogue._add_texts(found, module, "module")

    assert {message.id for message in found if message.id} == {"one", "two", "three"}
