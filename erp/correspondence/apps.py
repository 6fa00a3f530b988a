from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CorrespondenceConfig(AppConfig):
    name = "erp.correspondence"
    label = "correspondence"
    verbose_name = _("Mails to shoppers")

    def ready(self) -> None:
        from erp.core import documents, ownership, task_kinds
        from erp.correspondence.selectors.queues import register_queues
        from erp.correspondence.services.reference_data import load_reference_data

        # A flush between tests sends this signal too, so the templates are back after each one.
        post_migrate.connect(load_reference_data, sender=self, dispatch_uid="correspondence.reference")
        mamori, never = ownership.Owner.MAMORI, ownership.Delivery.NEVER
        task_kinds.register({"MAIL_FAILED": _("Mail that did not arrive")}, worked_by=["correspondence.change_mail"])
        ownership.register("correspondence", owner=mamori, delivery=never, fields=["mails", "rules", "templates"])
        documents.register("MAIL", label=_("Mail to a shopper"), url_name="admin:correspondence_mail_change")
        register_queues()
