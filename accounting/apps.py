from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountingConfig(AppConfig):
    name = "accounting"
    label = "accounting"
    verbose_name = _("Accounting")

    def ready(self) -> None:
        from accounting.selectors.verification import register_checks
        from accounting.services.reference_data import load_reference_data

        # A flush between tests sends this signal too, so the chart is back after each one.
        post_migrate.connect(load_reference_data, sender=self, dispatch_uid="accounting.reference")
        register_checks()
