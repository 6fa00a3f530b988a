from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class BackOfficeConfig(AppConfig):
    name = "erp.back_office"
    label = "back_office"
    verbose_name = _("Back office")
    default = True


class AdminSiteConfig(admin_apps.AdminConfig):
    """Django's admin with our site in the place of its own."""

    default = False
    default_site = "erp.back_office.site.BackOffice"
