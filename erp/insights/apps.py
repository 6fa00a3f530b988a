from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class InsightsConfig(AppConfig):
    name = "erp.insights"
    label = "insights"
    verbose_name = _("Insights")

    def ready(self) -> None:
        from erp.insights.services.reference_data import load_reference_data

        post_migrate.connect(load_reference_data, sender=self, dispatch_uid="insights.reference")
