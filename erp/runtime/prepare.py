"""Brings the database and the files of an installation up to date before its servers start. Safe to run every time."""

import io
import json
import os
import sys
from pathlib import Path

import django
from django.core.management import CommandError, call_command

from erp.runtime import catalogue, demo, practice
from erp.runtime.installation import Installation

ADMIN = "admin"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings")
    # As ``manage.py migrate``: what brings tables up to date may take as long as it needs.
    os.environ.setdefault("DATABASE_TRANSACTION_TIMEOUT_MS", "0")
    os.environ.setdefault("DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS", "0")
    catalogue.compile_if_changed()
    django.setup()
    call_command("migrate", interactive=False, verbosity=1)
    call_command("collectstatic", interactive=False, verbosity=0)
    installation = Installation.of_environment()
    is_new = _ensure_somebody_can_log_in(installation)
    _load_demo_company(installation, is_new=is_new)
    _join_practice_sites(installation, is_new=is_new)
    if is_new and (demo.is_wanted() or os.environ.get(practice.VARIABLE)):
        _hire_practice_staff(installation)
    (installation.run / "log_in").write_text(_how_to_log_in(installation))
    (installation.run / "staff").write_text("\n".join(_staff_to_try(installation)))
    (installation.run / "warnings").write_text("\n".join(_warnings()))


def _ensure_somebody_can_log_in(installation: Installation) -> bool:
    """An empty database gets an administrator. Says whether it was empty."""
    from django.contrib.auth import get_user_model

    users = get_user_model()._default_manager
    if users.exists():
        return False
    password = installation.secret("admin_password", length=16)
    admin = users.create_superuser(ADMIN, email="admin@localhost", password=password)
    _mark_as_practice(admin.pk)
    return True


def _mark_as_practice(user_id: int) -> None:
    """`make run` shows the password on its last line: nobody is asked to change it or for a second factor, and the list of users says so."""
    from django.utils import timezone

    from erp.access.services import set_practice
    from erp.core.actors import Actor

    set_practice(user_id=user_id, at=timezone.now(), by=Actor.command("practice"))


def _load_demo_company(installation: Installation, *, is_new: bool) -> None:
    """A new company is the demo company, unless the environment wants none; a load that was cut off goes on."""
    if demo.is_wanted():
        place = {"sites": practice.folder(installation), "progress": demo.progress_file(installation)}
        try:
            call_command("demo", only_unfinished=not is_new, orders=demo.orders(), **place)
        except CommandError as reason:
            sys.stdout.write(f"{reason}\n")  # a database with other data in it is served as it is


def _join_practice_sites(installation: Installation, *, is_new: bool) -> None:
    """A new company gets the practice sites that are wanted; one that has them is told where they listen today."""
    said = io.StringIO()
    if os.environ.get(practice.VARIABLE):
        call_command("practice", known_only=not is_new, stdout=said)
        sys.stdout.write(said.getvalue())
    lines = [line for line in said.getvalue().splitlines() if "://" in line]
    practice.joined_file(installation).write_text("\n".join(line.split()[0] for line in lines))


def _hire_practice_staff(installation: Installation) -> None:
    """Somebody in every role, with passwords of this installation."""
    from django.utils import timezone

    from erp.back_office.practice import bring_practice_file, hire_practice_staff
    from erp.back_office.roles import ROLES
    from erp.core.actors import Actor

    passwords = {role.login: installation.secret(_password_of(role.login), length=12) for role in ROLES}
    hired = hire_practice_staff(passwords=passwords, at=timezone.now(), by=Actor.command("practice"))
    bring_practice_file(clock=timezone.now)
    # Hashing a password takes long on purpose: whether one still holds is seen by the hash that was made here.
    _hashes(installation).write_text(json.dumps({user.username: user.password for user in hired}))


def _warnings() -> list[str]:
    """What was cut off before this start and asks for a hand."""
    from django.utils import timezone

    from erp.backup import leftovers, noting
    from erp.core.actors import Actor

    leftovers.clear_up(at=timezone.now(), by=Actor.job("cut-off-backups"))
    if noting.unsettled() is None:
        return []
    return [
        "A restore was cut off after everything was back and before it was verified. Let nobody work before this ends well:",
        f"{sys.executable} manage.py restore --go-on",
    ]


def _staff_to_try(installation: Installation) -> list[str]:
    """Log-in, password and role of those whose first password still holds, one line each."""
    from django.contrib.auth import get_user_model

    if not _hashes(installation).exists():
        return []
    made = json.loads(_hashes(installation).read_text())
    users = get_user_model()._default_manager.filter(username__in=made, is_active=True).order_by("pk")
    return [
        f"{user.get_username():<8}{installation.secret(_password_of(user.get_username()), length=12)}  {user.get_full_name()}"
        for user in users
        if user.password == made[user.get_username()]
    ]


def _password_of(login: str) -> str:
    return f"practice_password_{login}"


def _hashes(installation: Installation) -> Path:
    return installation.var / "practice_staff"


def _how_to_log_in(installation: Installation) -> str:
    from django.contrib.auth import authenticate

    password = installation.secret("admin_password", length=16)
    if authenticate(username=ADMIN, password=password) is not None:
        return f"user {ADMIN}, password {password}"
    return "with your own user (the first password no longer holds)"


if __name__ == "__main__":
    main()
