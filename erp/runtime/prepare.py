"""Brings the database and the files of an installation up to date before its servers start. Safe to run every time."""

import os

import django
from django.core.management import call_command, get_commands

from erp.runtime import catalogue
from erp.runtime.installation import Installation

ADMIN = "admin"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings")
    catalogue.compile_if_changed()
    django.setup()
    call_command("migrate", interactive=False, verbosity=1)
    call_command("collectstatic", interactive=False, verbosity=0)
    installation = Installation.of_environment()
    _ensure_somebody_can_log_in(installation)
    (installation.run / "log_in").write_text(_how_to_log_in(installation))


def _ensure_somebody_can_log_in(installation: Installation) -> None:
    """An empty database gets an administrator, and the demo company when this version brings one."""
    from django.contrib.auth import get_user_model

    users = get_user_model()._default_manager
    if users.exists():
        return
    password = installation.secret("admin_password", length=16)
    users.create_superuser(ADMIN, email="admin@localhost", password=password)
    if "demo" in get_commands():
        call_command("demo")


def _how_to_log_in(installation: Installation) -> str:
    from django.contrib.auth import authenticate

    password = installation.secret("admin_password", length=16)
    if authenticate(username=ADMIN, password=password) is not None:
        return f"user {ADMIN}, password {password}"
    return "with your own user (the first password no longer holds)"


if __name__ == "__main__":
    main()
