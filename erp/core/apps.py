from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "erp.core"
    label = "core"
    verbose_name = _("Shared kernel")

    def ready(self) -> None:
        from erp.core.reference import load_reference_data

        # A flush between tests sends this signal too, so the rows are back after each one.
        post_migrate.connect(load_reference_data, sender=self, dispatch_uid="core.reference")
