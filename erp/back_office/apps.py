from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class BackOfficeConfig(AppConfig):
    name = "erp.back_office"
    label = "back_office"
    verbose_name = _("Back office")
    default = True

    def ready(self) -> None:
        from erp.back_office.roles import load_roles

        # The last app that has tables, and so a turn of its own: when its permissions are there, those of all others are. A flush between
        # tests sends this signal too.
        last = apps.get_app_config("ec_gateway")
        post_migrate.connect(load_roles, sender=last, dispatch_uid="back_office.roles")


class AdminSiteConfig(admin_apps.AdminConfig):
    """Django's admin with our site in the place of its own."""

    default = False
    default_site = "erp.back_office.site.BackOffice"
