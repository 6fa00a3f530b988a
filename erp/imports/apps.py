from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImportsConfig(AppConfig):
    name = "erp.imports"
    label = "imports"
    verbose_name = _("Import of masters")

    def ready(self) -> None:
        from erp.imports.kernel import register_masters

        register_masters()
