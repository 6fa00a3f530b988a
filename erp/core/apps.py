from typing import Any

from django.apps import AppConfig
from django.core.signals import request_started
from django.db.backends.signals import connection_created
from django.db.models import Q
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, pgettext_lazy

# What commands are called that sign rows; the others go by the name that is typed.
COMMANDS = {
    "migrate": _("set-up"),
    "practice": _("practice people"),
    "demo": _("demo company"),
    "verify": _("verification"),
    "backup": _("backup"),
    "restore": _("restore"),
    "reconcile": _("reconciliation"),
    "import_products": _("product import"),
}
# What tasks are closed with by the services.
RESOLUTIONS = {
    "allocated": pgettext_lazy("resolution", "allocated"),
    "amended": pgettext_lazy("resolution", "amended"),
    "cancelled": pgettext_lazy("resolution", "cancelled"),
    "paid": pgettext_lazy("resolution", "paid"),
    "settled": pgettext_lazy("resolution", "settled"),
}
# What messages are called.
MESSAGES = {
    "order": _("Order"),
    "cancel": _("Cancellation"),
    "return": _("Return"),
    "payment": _("News of a payment"),
    "charge": _("Charge"),
    "shop_sale": _("Shop sale"),
    "stock": _("Stock"),
    "shipment": _("Shipment"),
    "demo": _("demo company"),
}
# A day's acts use some hundred statements, each once per width of its keys. The driver's default of 100 would forget one to keep another.
PREPARED_STATEMENTS = 1_000


def keep_plans(*, connection: Any, **_signal: Any) -> None:
    """Receiver of ``connection_created``."""
    connection.connection.prepared_max = PREPARED_STATEMENTS


class CoreConfig(AppConfig):
    name = "erp.core"
    label = "core"
    verbose_name = _("Shared kernel")

    def ready(self) -> None:
        from erp.core import (
            backup_runs,
            checks,
            documents,
            guards,
            ownership,
            selectors,
            signs,
            task_kinds,
            tax,
            who,
            words,
            work_queues,
        )
        from erp.core.reference import load_reference_data

        # A flush between tests sends this signal too, so the rows are back after each one.
        connection_created.connect(keep_plans, dispatch_uid="core.plans")
        post_migrate.connect(load_reference_data, sender=self, dispatch_uid="core.reference")
        request_started.connect(who.forget, dispatch_uid="core.who")
        who.register(COMMANDS)
        for field in ("actor", "opened_by", "closed_by", "resolved_by", "undone_by"):
            words.register(field, who.told)
        for field in ("document_type", "source_type", "subject_type"):
            words.register(field, documents.label_of)
        words.register("job", who.title_of)
        words.register("tax_code", tax.code_in_words)
        words.register("core.taxrate.code", tax.code_in_words)
        words.register("core.backuprun.detail", backup_runs.in_words)
        words.register("core.stafftask.kind", task_kinds.label_of)
        words.register("core.stafftask.resolution", RESOLUTIONS)
        words.register("core.messagelog.kind", MESSAGES)
        words.register("core.feedepoch.reason", {"first start": _("first start")})
        guards.register(
            "rows_are_final", _("{table}: what is recorded is final. Correct it by a reversal or a new document.")
        )
        guards.register("closed_to_later_rows", _("{table}: nothing can be added to it later."))
        documents.register("MESSAGE", label=_("Message"), url_name="admin:core_messagelog_change")
        checks.register(
            checks.Check(
                promise="P8",
                title=gettext_noop("Every fact has one owner, and its direction fits the owner"),
                count=lambda: len(ownership.registered()),
                find=ownership.find_faults,
            )
        )
        work_queues.register(
            work_queues.WorkQueue(
                code="tasks",
                title=_("Open tasks"),
                rows=lambda viewer: selectors.open_tasks().filter(selectors.tasks_of(viewer) if viewer else Q()),
                url_name="admin:core_stafftask_changelist",
                query="mine=1&closed_at__isempty=1",
                worked_by="core.change_stafftask",
                since="opened_at",
                due="due_at",
            )
        )
        signs.register_signs()
        task_kinds.register({"VERIFY_": _("Verification")}, worked_by=["core.view_verifyrun"])
