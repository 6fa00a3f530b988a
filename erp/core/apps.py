from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop


class CoreConfig(AppConfig):
    name = "erp.core"
    label = "core"
    verbose_name = _("Shared kernel")

    def ready(self) -> None:
        from erp.core import checks, ownership, selectors, work_queues
        from erp.core.reference import load_reference_data

        # A flush between tests sends this signal too, so the rows are back after each one.
        post_migrate.connect(load_reference_data, sender=self, dispatch_uid="core.reference")
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
                count=selectors.open_task_count,
                url_name="admin:core_stafftask_changelist",
                query="closed_at__isempty=1",
            )
        )
