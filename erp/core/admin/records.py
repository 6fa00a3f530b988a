"""What the kernel keeps: tasks, messages, the audit trail, and what its jobs did."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, ExpressionWrapper, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from erp.core import backup_runs, selectors, staff_tasks, task_kinds, who
from erp.core.actors import Actor
from erp.core.admin import health
from erp.core.admin.bases import ActionForm, PageLink, ReadOnlyAdmin
from erp.core.admin.figures import document_link
from erp.core.models import AuditRow, BackupRun, FeedEpoch, JobRun, MessageLog, StaffTask, VerifyRun
from erp.core.permissions import SEE_COSTS
from erp.core.retries import retried


@admin.register(MessageLog)
class MessageLogAdmin(ReadOnlyAdmin):
    list_display = ["id", "recorded_at", "direction", "channel", "kind", "external_id", "revision", "outcome", "actor"]
    list_select_related = ["channel"]
    list_filter = ["direction", "outcome", "channel"]
    search_fields = ["external_id__exact"]
    ordering = ["-id"]


class CloseTaskForm(ActionForm):
    """What was done about the tasks is written beside the action."""

    resolution = forms.CharField(label=_("resolution"), required=False)


class KindFilter(admin.SimpleListFilter):
    """By what people call the kind; of verification, every promise is a kind of its own."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        hidden = task_kinds.hidden_from(request.user)
        shown = ((kind, str(label)) for kind, label in task_kinds.registered().items() if kind not in hidden)
        return sorted(shown, key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[StaffTask]) -> QuerySet[StaffTask]:
        kind = self.value()
        if not kind:
            return queryset
        return queryset.filter(kind__startswith=kind) if kind.endswith("_") else queryset.filter(kind=kind)


class MineFilter(admin.SimpleListFilter):
    """What the desks of whoever looks work on; the count of home opens it."""

    title = _("whose work")
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("My desk's"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StaffTask]) -> QuerySet[StaffTask]:
        return queryset.filter(selectors.tasks_of(request.user)) if self.value() == "1" else queryset


@admin.register(StaffTask)
class StaffTaskAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind_name", "subject", "detail", "due_at", "opened_at", "closed_at", "closed_by"]
    list_filter = [MineFilter, ("closed_at", admin.EmptyFieldListFilter), KindFilter]
    fields = [
        "kind_name", "subject", "detail", "due_at", "opened_at", "opened_by", "closed_at", "closed_by", "resolution",
    ]  # fmt: skip
    readonly_fields = ["kind_name", "subject"]
    search_fields = ["kind__exact", "subject_label"]
    ordering = ["-id"]
    action_form = CloseTaskForm
    actions = ["close"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StaffTask]:
        found: QuerySet[StaffTask] = super().get_queryset(request)
        hidden = task_kinds.hidden_from(request.user)
        others = task_kinds.others_than_of(request.user)
        own = ExpressionWrapper(~task_kinds.any_of(others), BooleanField()) if others else Value(True)
        return (found.exclude(task_kinds.any_of(hidden)) if hidden else found).annotate(is_own=own)

    def action_checkbox(self, task: Any) -> SafeString:
        """A task of another desk is looked at only."""
        return super().action_checkbox(task) if task.is_own else SafeString("")

    @admin.display(description=_("kind"), ordering="kind")
    def kind_name(self, task: StaffTask) -> str:
        return task_kinds.label_of(task.kind)

    @admin.display(description=_("subject"), ordering="subject_label")
    def subject(self, task: StaffTask) -> str:
        return document_link(task.subject_type, task.subject_id, task.subject_label)

    @admin.action(description=_("Close the selected tasks"), permissions=["act"])
    def close(self, request: HttpRequest, queryset: QuerySet[StaffTask]) -> None:
        told = request.POST.get("resolution", "").strip()
        resolution, done = told or gettext("closed in the list"), 0
        for task_id, kind, label in queryset.order_by("pk").values_list("pk", "kind", "subject_label"):
            if why := self._not_decided(request, kind, told):
                self.message_user(request, f"{label}: {why}", messages.ERROR)
                continue
            with self.refusals_as_messages(request, task_id):
                done += self.serve(request, staff_tasks.close_task, task_id=task_id, resolution=resolution)
        level = messages.SUCCESS if done else messages.WARNING
        self.message_user(request, ngettext("%d task closed.", "%d tasks closed.", done) % done, level)

    def _not_decided(self, request: HttpRequest, kind: str, resolution: str) -> str:
        """Why a task stays open: it is another desk's, or its closing lets something happen."""
        if not task_kinds.is_work_of(request.user, kind):
            return gettext("“%(kind)s” is closed by the desk whose work it is.") % {"kind": task_kinds.label_of(kind)}
        needed = task_kinds.decided_with(kind)
        if needed and not request.user.has_perm(needed):
            return gettext("“%(kind)s” is closed by whoever decides about it.") % {"kind": task_kinds.label_of(kind)}
        if needed and not resolution:
            return gettext("Write down what was decided about “%(kind)s”.") % {"kind": task_kinds.label_of(kind)}
        return ""


def tables_of_costs() -> list[str]:
    """Tables of which some page hides a column as a cost."""
    parts: list[Any] = [part for page in admin.site._registry.values() for part in (page, *page.inlines)]
    return sorted(
        {
            part.model._meta.db_table
            for part in parts
            if {field.name for field in part.model._meta.concrete_fields} & {*getattr(part, "costs", ())}
        }
    )


@admin.register(AuditRow)
class AuditRowAdmin(ReadOnlyAdmin):
    """Who changed what, when and from where. Search by table, or by table and row: ``core_channel 7``."""

    list_display = ["id", "recorded_at", "table_name", "row_id", "action", "actor", "source"]
    list_filter = ["action"]
    search_fields = ["table_name__exact", "actor__exact"]
    ordering = ["-id"]
    # There are few tables and few actors: half of the trail would be sorted for a page.
    sortable_by = ["id", "recorded_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditRow]:
        """Rows of tables that hold what goods cost are for those who may know it."""
        found: QuerySet[AuditRow] = super().get_queryset(request)
        return found if request.user.has_perm(SEE_COSTS) else found.exclude(table_name__in=tables_of_costs())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRow], search_term: str
    ) -> tuple[QuerySet[AuditRow], bool]:
        table, _space, row = search_term.strip().partition(" ")
        if row:
            return queryset.filter(table_name=table, row_id=row.strip()), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ["title", "job", "slot", "started_at", "finished_at", "detail", "error"]
    list_filter = [("error", admin.EmptyFieldListFilter)]
    search_fields = ["job__exact"]
    ordering = ["-id"]
    list_links = (PageLink("admin:core_health", _("How the house fares")),)

    @admin.display(description=_("job"))
    def title(self, run: JobRun) -> str:
        return who.title_of(run.job)

    def get_urls(self) -> list[Any]:
        fares = path("health/", self.admin_site.admin_view(self.health), name="core_health")
        return [fares, *super().get_urls()]

    def health(self, request: HttpRequest) -> HttpResponse:
        """For whoever may look at the runs of jobs: system and management."""
        [link] = self.list_links
        if not link.is_open(self, request):
            raise PermissionDenied
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": link.title}
        return TemplateResponse(request, "admin/core/health.html", {**shared, **health.context(request)})


@admin.register(VerifyRun)
class VerifyRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "started_at", "finished_at", "fault_count"]
    ordering = ["-id"]

    @admin.display(description=_("faults"))
    def fault_count(self, run: VerifyRun) -> int:
        return len(run.faults)


@admin.register(BackupRun)
class BackupRunAdmin(ReadOnlyAdmin):
    """What became of backups, restores and drills. They are made by commands, not here: docs/backup.md.

    Whoever opens the list sees none running whose process is gone.
    """

    list_display = [
        "id",
        "kind",
        "state",
        "file",
        "started_at",
        "finished_at",
        "file_bytes",
        "row_count",
        "fault_count",
        "detail",
        "leaves",
    ]
    list_filter = ["kind", "state"]
    ordering = ["-id"]
    list_links = (PageLink("admin:core_health", _("How the house fares")),)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        retried(backup_runs.judge_killed, at=timezone.now(), by=Actor.job("cut-off-backups"))
        return super().changelist_view(request, extra_context)

    @admin.display(description=_("faults"))
    def fault_count(self, run: BackupRun) -> int:
        return len(run.faults)


@admin.register(FeedEpoch)
class FeedEpochAdmin(ReadOnlyAdmin):
    list_display = ["id", "started_at", "reason"]
    ordering = ["-id"]
