"""What all admin pages share, and the pages of the kernel's own tables.

Ledgers and documents are looked at, never edited; what can be done to them are actions that call services. Master data is edited in plain
forms, and the audit trigger sees who did it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db import Error, IntegrityError, connection
from django.db.models import DecimalField, Model, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import resolve, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from psycopg import Error as DriverError

from erp.core import documents, staff_tasks, work_queues
from erp.core.actors import Actor
from erp.core.errors import DomainError
from erp.core.middleware import actor_of
from erp.core.models import (
    AuditRow,
    Channel,
    CompanyProfile,
    DeductibleShare,
    Department,
    FeedEpoch,
    JobRun,
    MessageLog,
    StaffTask,
    TaxRate,
    VerifyRun,
)
from erp.core.retries import is_conflict, retried

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

R = TypeVar("R")


class FastPaginator(Paginator[Any]):
    """Pages of a table of any size without counting it.

    An unfiltered large table is as long as PostgreSQL believes; anything else is counted only some pages beyond the one that is shown, so the
    last page number means "and maybe more".
    """

    page_number = 1
    PAGES_AHEAD = 10
    PAGE_DIGITS = 8
    BELIEVE_FROM = 10_000

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        reach = self.page_number * self.per_page
        estimate = 0 if rows.query.where else self._estimate(rows)
        if estimate >= self.BELIEVE_FROM and reach + self.per_page < estimate:
            return estimate
        counted = rows.order_by()[: reach + self.PAGES_AHEAD * self.per_page + 1].count()
        return max(counted, estimate) if counted > reach and estimate >= self.BELIEVE_FROM else counted

    @staticmethod
    def _estimate(rows: QuerySet[Any]) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [rows.model._meta.db_table]
            )
            return int(cursor.fetchone()[0])


def document_link(document_type: str, document_id: int, label: str = "") -> str:
    """The document's name, linked to its page where its owner registered one."""
    label = label or f"{documents.label_of(document_type)} {document_id}"
    url = documents.url_of(document_type, document_id)
    return format_html('<a href="{}">{}</a>', url, label) if url else label


def waiting_work(request: HttpRequest) -> dict[str, Any]:
    """A context processor: the work queues, counted only by the page that shows them."""
    return {"waiting_work": partial(_waiting_work, request)}


def _waiting_work(request: HttpRequest) -> list[dict[str, Any]]:
    """What waits on the lists that this user may open."""
    found = []
    for queue in work_queues.registered():
        url = reverse(queue.url_name)
        if resolve(url).func.model_admin.has_view_permission(request):  # type: ignore[attr-defined]
            count = queue.count()
            text = f"{work_queues.CAP:,}+" if count > work_queues.CAP else f"{count:,}"
            found.append({"title": queue.title, "count": count, "text": text, "url": f"{url}?{queue.query}"})
    return found


def _written(value: Decimal) -> str:
    """As people write amounts: thousands parted, and no decimals that say nothing."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@cache
def _figure(model: type[Model], name: str) -> Callable[[Any], str] | None:
    """The column of a decimal field with its value written for people; None for every other field."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, DecimalField):
        return None

    def figure(row: Any) -> str:
        value = getattr(row, name)
        return "-" if value is None else format_html('<span class="figure">{}</span>', _written(value))

    figure.__name__ = name
    return admin.display(figure, description=field.verbose_name, ordering=name)


def _with_figures(model: type[Model], names: Iterable[Any]) -> list[Any]:
    """``names`` as an admin lists them: single ones, and tuples of those that share a line."""
    return [
        _with_figures(model, name)
        if isinstance(name, list | tuple)
        else (_figure(model, name) if isinstance(name, str) else None) or name
        for name in names
    ]


class FiguresInFields:
    """Decimals that are only shown are shown as people write them. For pages and inlines without a form."""

    model: type[Model]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        sets = super().get_fieldsets(request, obj)  # type: ignore[misc]
        return [(title, {**options, "fields": _with_figures(self.model, options["fields"])}) for title, options in sets]


def for_people(refusal: DomainError) -> str:
    """Every problem without the codes and pointers that are for machines; of a pointer only the line or the name it ends in."""
    told = [str(refusal.detail)]
    for problem in refusal.problems:
        parts = problem.pointer.split("/")
        number = next((int(part) + 1 for part in parts if part.isdecimal() and "lines" in parts), None)
        if number is not None:
            told.append(gettext("Line %(number)d: %(problem)s") % {"number": number, "problem": problem.detail})
        elif parts[-1].isdecimal() or parts[-1].replace("_", "").islower() or not parts[-1]:
            told.append(problem.detail)
        else:
            told.append(f"{parts[-1]}: {problem.detail}")
    return "; ".join(text for text in told if text) or str(refusal)


def told_by_guard(refusal: IntegrityError) -> str:
    """What a guard of the database keeps that the form could not ask: in its own words, or, of a trigger, the first line of what it says."""
    name = getattr(getattr(refusal.__cause__, "diag", None), "constraint_name", None)
    for model in apps.get_models() if name else ():
        for constraint in model._meta.constraints:
            if (
                constraint.name == name
                and constraint.violation_error_message != constraint.default_violation_error_message
            ):
                return str(constraint.get_violation_error_message())
    return str(refusal).partition("\n")[0]


class ServiceAdmin(ModelAdmin):
    """An admin page that acts through services: it knows who asks, and a refusal becomes a message."""

    paginator = FastPaginator
    show_full_result_count = False
    list_per_page = 50

    def get_paginator(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        paginator = super().get_paginator(request, *args, **options)
        page = request.GET.get("p", "1")
        # A page that no table reaches is counted like the first one, so that it turns out not to exist.
        is_page = page.isdecimal() and len(page) <= FastPaginator.PAGE_DIGITS
        paginator.page_number = int(page) if is_page else 1  # type: ignore[attr-defined]
        return paginator

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return _with_figures(self.model, super().get_list_display(request))

    def actor(self, request: HttpRequest) -> Actor:
        return actor_of(request)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """For actions that change documents through services: who may change the document may act, though no form opens."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def serve(self, request: HttpRequest, service: Callable[..., R], **asked: Any) -> R:
        """The one call of a service that an action or a form makes: now, by whoever asks, and again if it lost a deadlock."""
        return retried(service, **asked, at=timezone.now(), by=self.actor(request))

    @contextmanager
    def refusals_as_messages(self, request: HttpRequest, label: object = "") -> Iterator[None]:
        """Show what the house refuses, naming every problem, instead of a page of error."""
        try:
            yield
        except DomainError as refusal:
            told = for_people(refusal)
        except (Error, DriverError) as fault:
            if connection.in_atomic_block or not is_conflict(fault):
                raise
            told = gettext("Somebody else was changing the same rows. Nothing was changed; please try again.")
        else:
            return
        self.message_user(request, f"{label}: {told}" if label else told, messages.ERROR)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any, Any], *args: Any, **options: Any
    ) -> HttpResponse | None:
        """What stands beside an action and cannot be read is said; Django would claim that no action was chosen."""
        beside = self.action_form(request.POST, auto_id=None)
        beside.fields["action"].choices = self.get_action_choices(request)
        unread = [(name, faults) for name, faults in beside.errors.items() if name != "action"]
        for name, faults in unread:
            label = beside.fields[name].label or name
            self.message_user(request, f"{label}: {' '.join(map(str, faults))}", messages.ERROR)
        return None if unread else super().response_action(request, queryset, *args, **options)

    def service_page(
        self,
        request: HttpRequest,
        *,
        form: BaseForm,
        title: str,
        act: Callable[[], HttpResponse],
        submit: str = "",
        template: str = "admin/service_form.html",
        **context: Any,
    ) -> HttpResponse:
        """A plain form that ends in one call of a service. ``act`` makes it and says where to go; what is refused is told above the form."""
        if request.method == "POST" and form.is_valid():
            with self.refusals_as_messages(request):
                return act()
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "form": form}
        return TemplateResponse(request, template, {**shared, "submit": submit or gettext("Book"), **context})

    def done(self, request: HttpRequest, told: str, url_name: str, *args: Any) -> HttpResponse:
        self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse(url_name, args=args))

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        try:
            return retried(super().changeform_view, request, *args, **options)
        except DomainError as refusal:
            return self._back(request, for_people(refusal))
        except IntegrityError as refusal:
            return self._back(request, told_by_guard(refusal))

    def _back(self, request: HttpRequest, reason: str) -> HttpResponse:
        self.message_user(request, reason, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


class ReadOnlyAdmin(FiguresInFields, ServiceAdmin):
    """Look and search. No form adds, changes or deletes a row."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(FiguresInFields, admin.TabularInline[Any, Any] if TYPE_CHECKING else admin.TabularInline):  # type: ignore[misc]
    """Rows of a document under their document, to look at."""

    extra = 0
    can_delete = False
    show_change_link = False

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        if "fields" not in options:
            shown = flatten_fieldsets(self.get_fieldsets(request, obj))
            options["fields"] = [name for name in shown if isinstance(name, str)]
        return super().get_formset(request, obj, **options)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MasterAdmin(ServiceAdmin):
    """Master data: edited in plain forms, kept for ever, since documents point to it. What is out of use is made inactive."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Department)
class DepartmentAdmin(MasterAdmin):
    list_display = ["code", "name"]
    search_fields = ["code", "name"]


@admin.register(Channel)
class ChannelAdmin(MasterAdmin):
    list_display = ["code", "name", "kind", "department", "revenue_basis", "tax_rounding", "is_active"]
    list_select_related = ["department"]
    list_filter = ["kind", "is_active"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["department"]


@admin.register(TaxRate)
class TaxRateAdmin(MasterAdmin):
    """A new rate is a new row; the old one gets its last day."""

    list_display = ["code", "tax_class", "percent", "national_percent", "valid_from", "valid_to", "label"]
    list_filter = ["tax_class"]
    ordering = ["tax_class", "valid_from"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [] if obj is None else ["tax_class", "code", "percent", "national_percent", "valid_from"]


@admin.register(DeductibleShare)
class DeductibleShareAdmin(MasterAdmin):
    list_display = ["valid_from", "percent"]
    ordering = ["valid_from"]


@admin.register(CompanyProfile)
class CompanyProfileAdmin(MasterAdmin):
    list_display = ["name", "registration_number", "fiscal_year_start_month"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not CompanyProfile.objects.exists()


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


@admin.register(StaffTask)
class StaffTaskAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "subject_label", "detail", "due_at", "opened_at", "closed_at", "closed_by"]
    list_filter = [("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["kind__exact", "subject_label"]
    ordering = ["-id"]
    action_form = CloseTaskForm
    actions = ["close"]

    @admin.action(description=_("Close the selected tasks"), permissions=["act"])
    def close(self, request: HttpRequest, queryset: QuerySet[StaffTask]) -> None:
        resolution = request.POST.get("resolution", "").strip() or gettext("closed in the list")
        done = 0
        for task_id in queryset.order_by("pk").values_list("pk", flat=True):
            with self.refusals_as_messages(request, task_id):
                done += self.serve(request, staff_tasks.close_task, task_id=task_id, resolution=resolution)
        self.message_user(request, ngettext("%d task closed.", "%d tasks closed.", done) % done, messages.SUCCESS)


@admin.register(AuditRow)
class AuditRowAdmin(ReadOnlyAdmin):
    """Who changed what, when and from where. Search by table, or by table and row: ``core_channel 7``."""

    list_display = ["id", "recorded_at", "table_name", "row_id", "action", "actor", "source"]
    list_filter = ["action"]
    search_fields = ["table_name__exact", "row_id__exact", "actor__exact"]
    ordering = ["-id"]


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ["job", "slot", "started_at", "finished_at", "detail"]
    search_fields = ["job__exact"]
    ordering = ["-id"]


@admin.register(VerifyRun)
class VerifyRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "started_at", "finished_at", "fault_count"]
    ordering = ["-id"]

    @admin.display(description=_("faults"))
    def fault_count(self, run: VerifyRun) -> int:
        return len(run.faults)


@admin.register(FeedEpoch)
class FeedEpochAdmin(ReadOnlyAdmin):
    list_display = ["id", "started_at", "reason"]
    ordering = ["-id"]
