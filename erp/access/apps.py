from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core import checks
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "erp.access"
    label = "access"
    verbose_name = _("Signing in")

    def ready(self) -> None:
        from erp.access.pages import signing
        from erp.access.selectors import unknown_roles

        # Whatever way somebody is signed in, there is a session row and a line in the access log.
        user_logged_in.connect(signing.signed_in, dispatch_uid="access.signed_in")
        user_logged_out.connect(signing.signed_out, dispatch_uid="access.signed_out")
        checks.register(unknown_roles, checks.Tags.database)
