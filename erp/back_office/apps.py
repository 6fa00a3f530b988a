from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser


def family_name_first(user: AbstractUser) -> str:
    """As everywhere in the house, and as people here call each other."""
    return f"{user.last_name} {user.first_name}".strip()


class BackOfficeConfig(AppConfig):
    name = "erp.back_office"
    label = "back_office"
    verbose_name = _("Back office")
    default = True

    def ready(self) -> None:
        from django.contrib.auth.models import User

        from erp.back_office.roles import load_roles

        User.get_full_name = family_name_first  # type: ignore[assignment, method-assign]

        # The last app that has tables, and so a turn of its own: when its permissions are there, those of all others are. A flush between
        # tests sends this signal too.
        last = apps.get_app_config("ec_gateway")
        post_migrate.connect(load_roles, sender=last, dispatch_uid="back_office.roles")


class AdminSiteConfig(admin_apps.AdminConfig):
    """Django's admin with our site in the place of its own."""

    default = False
    default_site = "erp.back_office.site.BackOffice"
