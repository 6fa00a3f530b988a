"""The bases of every page of the back office."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import structlog
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.contrib.admin.views.main import ERROR_FLAG, SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db import Error, connection, transaction
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.forms import BaseForm, SplitDateTimeField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext
from psycopg import Error as DriverError

from erp.core import doors, finding, guards
from erp.core.actors import Actor
from erp.core.admin import kept, saved_filters, sorting
from erp.core.admin.figures import FiguresInFields, columns_of, hidden_from, read_along, shown_to, with_figures
from erp.core.admin.paging import FastPaginator, KeysFirst
from erp.core.admin.refusals import for_people
from erp.core.errors import DomainError
from erp.core.keys import key_in
from erp.core.middleware import actor_of
from erp.core.permissions import SEE_AUDIT
from erp.core.retries import is_conflict, retried

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    ThemedAdmin = admin.ModelAdmin[Any]
    ThemedInline = admin.TabularInline[Any, Any]
    ThemedActionForm = helpers.ActionForm
    ThemedField = helpers.AdminReadonlyField
    theme_forms: Any = None
else:
    # The theme brings no types.
    from unfold import forms as theme_forms
    from unfold.admin import ModelAdmin as ThemedAdmin
    from unfold.admin import TabularInline as ThemedInline
    from unfold.fields import UnfoldAdminReadonlyField as ThemedField
    from unfold.forms import ActionForm as ThemedActionForm

R = TypeVar("R")
# The same names are shown and not editable, which the types of Django's inlines do not allow.
UntypedInline: Any = ThemedInline

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PageLink:
    """A page of our own, offered on a list or on a document. ``permission`` is one that the admin answers ("view"), or a full name."""

    url_name: str
    title: StrOrPromise
    permission: str = "view"

    def is_open(self, page: Any, request: HttpRequest) -> bool:
        if "." in self.permission:
            return request.user.has_perm(self.permission)
        return bool(getattr(page, f"has_{self.permission}_permission")(request))


class ShownField(ThemedField):
    """A field that is only shown. The row that it names is a link for those who may open it, and a name for everybody else."""

    def get_admin_url(self, remote_field: Any, remote_obj: Any) -> Any:
        named = remote_field.model._meta
        if not doors.is_open(f"{named.app_label}_{named.model_name}_change"):
            return str(remote_obj)
        return super().get_admin_url(remote_field, remote_obj)


# The theme makes such fields by this name, for forms and inlines alike.
if theme_forms is not None:
    theme_forms.UnfoldAdminReadonlyField = ShownField


class ActionForm(ThemedActionForm):
    """What is filled in beside an action."""


class TabularInline(ThemedInline):
    """Rows of a master under their master, to edit."""

    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """The head of the table names a column for eyes only; each of its fields says its name by itself."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field is not None:
            field.widget.attrs.setdefault("aria-label", capfirst(str(db_field.verbose_name)))
        return field


class ServiceAdmin(ThemedAdmin):
    """An admin page that acts through services: it knows who asks, and a refusal becomes a message."""

    paginator = FastPaginator
    show_full_result_count = False
    # A number beside every choice of every filter would count a large table as often.
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    # Columns and fields that only those see who may know what goods cost.
    costs: ClassVar[Sequence[str]] = ()
    # Those that only those see who may know what sales amount to.
    amounts: ClassVar[Sequence[str]] = ()
    # Offered in the head of the list, and in the head of one document with its id.
    list_links: ClassVar[Sequence[PageLink]] = ()
    object_links: ClassVar[Sequence[PageLink]] = ()

    def get_paginator(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        paginator = super().get_paginator(request, *args, **options)
        page = request.GET.get("p", "1")
        # A page that no table reaches is counted like the first one, so that it turns out not to exist.
        is_page = page.isdecimal() and len(page) <= FastPaginator.PAGE_DIGITS
        paginator.page_number = int(page) if is_page else 1  # type: ignore[attr-defined]
        paginator.found = getattr(request, "found", None)  # type: ignore[attr-defined]
        return paginator

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[KeysFirst]:
        return KeysFirst

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        shown = shown_to(request, self, super().get_list_display(request))
        return [
            name if name in self.list_editable else column
            for name, column in zip(shown, columns_of(self.model, shown), strict=True)
        ]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        """The columns that lead to a row, however the list tells them."""
        wanted = super().get_list_display_links(request, list_display)
        return wanted and [
            column for column in list_display if column in wanted or getattr(column, "__name__", None) in wanted
        ]

    def get_list_select_related(self, request: HttpRequest) -> Any:
        return read_along(self.model, super().get_list_display(request), super().get_list_select_related(request))

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        """A long table is sorted by those columns only of which an index knows the order; a short one by any."""
        columns = super().get_sortable_by(request)
        if FastPaginator.estimate(self.model) < FastPaginator.BELIEVE_FROM:
            return list(columns)
        return [column for column in columns if sorting.has_order(self.opts.model, sorting.field_of(self, column))]

    def _sorted_as_possible(self, request: HttpRequest, places: str) -> str:
        """Of the columns that an address sorts by, those that may be: Django would sort by any."""
        shown, sortable = (
            saved_filters.columns(self, request),
            set(map(str, map(saved_filters.name_of, self.get_sortable_by(request)))),
        )
        return ".".join(
            place for place in places.split(".") if saved_filters.column_at(shown, place).lstrip("-") in sortable
        )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What a user is not shown is no filter for them either: which rows a list finds would tell it, digit by digit. Django filters by any
        field of the table that an address names."""
        name = lookup.partition(LOOKUP_SEP)[0]
        return name not in hidden_from(request, self) and super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        reach = getattr(request, "search_reaches", None)
        keys = finding.keys_of(queryset, self.get_search_fields(request), search_term, reach)
        if keys is None:
            return queryset, False
        request.found = len(keys)  # type: ignore[attr-defined]
        return finding.of_keys(queryset, keys), False

    def rows_to_take_out(self, request: HttpRequest, most: int) -> QuerySet[Any]:
        """The rows of the list under the filters and the search of the address, for a file: ``most`` of what is sought, and not what a page shows.

        Raises IncorrectLookupParameters for a filter that cannot be read.
        """
        request.search_reaches = most  # type: ignore[attr-defined]
        found: QuerySet[Any] = self.get_changelist_instance(request).get_queryset(request)
        return found

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        chips = saved_filters.chips(self, request)
        if default := saved_filters.opens_with(self, request, chips):
            return HttpResponseRedirect(default)
        asked = request.GET.copy()
        chosen = asked.pop(saved_filters.CHOSEN, [""])[-1]
        asked.pop(saved_filters.NONE, None)
        # Left behind by a filter that could not be read. The next one is told like that one, not as a fault of the database.
        asked.pop(ERROR_FLAG, None)
        if places := asked.get(saved_filters.ORDER, ""):
            asked[saved_filters.ORDER] = self._sorted_as_possible(request, places)
        request.GET = asked  # type: ignore[assignment]
        context = {
            "page_links": self._links(request, self.list_links),
            "saved_filters": chips,
            # Asked only where something can be saved.
            "share_with_roles": partial(saved_filters.roles_of, request),
            "can_save_filter": any(key not in saved_filters.PASSING for key in asked),
        }
        saved = next((chip for chip in chips if str(chip.id) == chosen), None)
        if request.method == "GET" and self.search_fields and finding.Sought.of(asked.get(SEARCH_VAR, "")).is_cut:
            told = gettext("Searched by the first %(most)d words.") % {"most": finding.MOST_WORDS}
            self.message_user(request, told, messages.INFO)
        try:
            answer = super().changelist_view(request, {**context, **(extra_context or {})})
        except DisallowedModelAdminLookup:
            if saved is None:
                raise
        else:
            is_unread = getattr(answer, "url", "") == f"{request.path}?{ERROR_FLAG}=1"
            if is_unread and (saved is None or request.method != "GET"):
                told = gettext(
                    "The list is shown without the filter of the address: it asks for something that cannot be."
                )
                self.message_user(request, told, messages.WARNING)
            if is_unread and request.method != "GET":
                self.message_user(request, gettext("Nothing was done with its rows."), messages.WARNING)
            if saved is None or not isinstance(answer, HttpResponseRedirect) or request.method != "GET":
                kept.give_back(request, (getattr(answer, "context_data", None) or {}).get("action_form"))
                return answer
        told = gettext(
            "The filter “%(name)s” asks for something that this list does not have any more. Delete it and save it anew."
        )
        self.message_user(request, told % {"name": saved.name}, messages.WARNING)
        return HttpResponseRedirect(f"{request.path}?{saved_filters.NONE}=1")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        if document := context.get("original"):
            context["page_links"] = self._links(request, self.object_links, document.pk)
        context["show_history"] = request.user.has_perm(SEE_AUDIT)
        return super().render_change_form(request, context, *args, **options)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What happened to a row is in the audit trail, also what no form did."""
        if not request.user.has_perm(SEE_AUDIT):
            raise PermissionDenied
        sought = urlencode({"q": f"{self.opts.db_table} {unquote(object_id)}"})
        return HttpResponseRedirect(f"{reverse('admin:core_auditrow_changelist')}?{sought}")

    def _links(self, request: HttpRequest, offered: Sequence[PageLink], *args: Any) -> list[tuple[str, StrOrPromise]]:
        return [(reverse(link.url_name, args=args), link.title) for link in offered if link.is_open(self, request)]

    def actor(self, request: HttpRequest) -> Actor:
        return actor_of(request)

    def named(self, request: HttpRequest, key: object, *related: str) -> Any:
        """The row of this list that an address names, with rows it points to. Raises Http404 for one that is not there, or not this user's."""
        return get_object_or_404(self.get_queryset(request).select_related(*related), pk=key_in(key))

    def has_act_permission(self, request: HttpRequest) -> bool:
        """For actions that change documents through services: who may change the document may act, though no form opens."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def serve(self, request: HttpRequest, service: Callable[..., R], **asked: Any) -> R:
        """The one call of a service that an action or a form makes: now, by whoever asks, and again if it lost a deadlock."""
        return retried(service, **asked, at=timezone.now(), by=self.actor(request))

    def asked_first(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        *,
        action: str,
        title: str,
        warning: str,
        label: Callable[[Any], str] = str,
    ) -> HttpResponse | None:
        """The page that asks before an action that cannot be taken back: which rows, and what it means. None once somebody has said yes."""
        if request.POST.get("confirmed"):
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "warning": warning,
            "rows": [(row.pk, label(row)) for row in queryset],
            "action": action,
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    def try_out(
        self,
        request: HttpRequest,
        service: Callable[..., object],
        look: Callable[[], R],
        *,
        stays: Callable[[R], bool] | None = None,
    ) -> R:
        """What ``look`` sees behind the one call of a service; both again if they lost a deadlock. Nothing of it stays, unless ``stays`` says
        of what was seen that it shall."""

        def tried() -> R:
            with transaction.atomic():
                service(at=timezone.now(), by=self.actor(request))
                seen = look()
                if stays is None or not stays(seen):
                    transaction.set_rollback(True)
            return seen

        return retried(tried)

    @contextmanager
    def refusals_as_messages(self, request: HttpRequest, label: object = "") -> Iterator[None]:
        """Show what the house refuses, naming every problem, instead of a page of error."""
        try:
            yield
        except DomainError as refusal:
            told = for_people(refusal)
        except (Error, DriverError) as fault:
            refusal_of_database = guards.refusal_behind(fault)
            if refusal_of_database is not None and not connection.needs_rollback:
                log.warning("refused by the database", page=request.path, exc_info=True)
                told = guards.told(refusal_of_database)
            elif connection.in_atomic_block or not is_conflict(fault):
                raise
            else:
                told = gettext("Somebody else was changing the same rows. Nothing was changed; please try again.")
        else:
            return
        # What is refused of one document names it once.
        told = f"{label}: {told.replace(f'{label}: ', '')}" if label else told
        self.message_user(request, told, messages.ERROR)

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
        answer = None if unread else super().response_action(request, queryset, *args, **options)
        if unread or isinstance(answer, HttpResponseRedirect):
            kept.keep(request, beside.fields)
        return HttpResponseRedirect(request.get_full_path()) if unread else answer

    def message_user(
        self, request: HttpRequest, message: Any, level: int | str = messages.INFO, *args: Any, **options: Any
    ) -> None:
        kept.note(request, level if isinstance(level, int) else messages.INFO)
        super().message_user(request, message, level, *args, **options)

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
        name_parts(form)
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "form": form}
        return TemplateResponse(request, template, {**shared, "submit": submit or gettext("Book"), **context})

    def done(self, request: HttpRequest, told: str, url_name: str, *args: Any) -> HttpResponse:
        self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse(url_name, args=args))

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        try:
            return retried(super().changeform_view, request, *args, **options)
        except DomainError as refusal:
            self.message_user(request, for_people(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


def name_parts(form: BaseForm) -> None:
    """A moment is typed in two boxes under one label: each says by itself which part it is."""
    for field in form.fields.values():
        if isinstance(field, SplitDateTimeField):
            for part, box in zip((gettext("date"), gettext("time of day")), field.widget.widgets, strict=True):
                box.attrs["aria-label"] = f"{field.label} {part}"


class ReadOnlyAdmin(FiguresInFields, ServiceAdmin):
    """Look and search. No form adds, changes or deletes a row."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(FiguresInFields, UntypedInline):  # type: ignore[misc]
    """Rows of a document under their document, to look at."""

    extra = 0
    can_delete = False
    show_change_link = False
    # Above each line would stand what its columns say, or its key; an inline whose lines lead to their pages says otherwise.
    hide_title = True

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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what a row is called by (``naming``), also where a single one is opened."""
        rows: QuerySet[Any] = super().get_queryset(request)
        along = self.list_select_related
        return rows.select_related(*along) if isinstance(along, (list, tuple)) and along else rows

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Who only looks reads figures as people write them; in a form they are typed plainly."""
        sets = list(super().get_fieldsets(request, obj))
        if obj is None or self.has_change_permission(request, obj):
            return sets
        return [(title, {**options, "fields": with_figures(self.model, options["fields"])}) for title, options in sets]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
