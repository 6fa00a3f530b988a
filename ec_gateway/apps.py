from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EcGatewayConfig(AppConfig):
    name = "ec_gateway"
    label = "ec_gateway"
    verbose_name = _("EC gateway")

    def ready(self) -> None:
        # Tasks sent from a web request find their broker only when the Celery app was made in that process.
        import erp.celery  # noqa: F401
        from ec_gateway.services import wakes
        from erp.core import changes

        changes.listen(wakes.wake_publishers)
