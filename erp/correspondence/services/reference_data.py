"""The words a new company starts with: one template for every kind of mail. A template that is there stays as staff left it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps as installed_apps
from django.db import transaction

from erp.core.actors import Actor
from erp.core.use_case import sign
from erp.correspondence.models import MailKind, MailTemplate
from erp.correspondence.services.settings import add_missing_rules, all_settings

FOLDER = Path(__file__).resolve().parents[1] / "default_templates"


def load_reference_data(*, apps: Any = installed_apps, **_signal: Any) -> None:
    """Receiver of ``post_migrate``. Repeatable; does nothing while the tables are not there (a migration back to zero).

    Only kinds without any template get theirs, and kinds that are new since get a rule on every channel.
    """
    try:
        apps.get_model("correspondence", "MailTemplate")
    except LookupError:
        return
    with transaction.atomic():
        sign(Actor.command("migrate"))
        there = set(MailTemplate.objects.values_list("kind", flat=True))
        MailTemplate.objects.bulk_create(
            [template for template in default_templates() if template.kind not in there], ignore_conflicts=True
        )
        add_missing_rules(all_settings())


def default_templates() -> list[MailTemplate]:
    """One file per template: ``KIND.txt`` or ``OTHER name.txt``; the first line is the subject, the text begins after an empty one."""
    templates = []
    for file in sorted(FOLDER.glob("*.txt")):
        kind, _space, name = file.stem.partition(" ")
        subject, _line, body = file.read_text(encoding="utf-8").partition("\n")
        templates.append(MailTemplate(kind=MailKind(kind), name=name, subject=subject, body=body.lstrip("\n")))
    return templates
