"""The pages of imports: the list of runs, a new one, its columns, what the check found, execution with its progress, and undoing it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import PageLink, ReadOnlyAdmin, for_people
from erp.core.errors import InvalidInput
from erp.core.keys import key_in
from erp.imports import exporting, files, selectors, services
from erp.imports.downloads import EXCEL_TYPE, as_download
from erp.imports.lists import answer_with
from erp.imports.masters import REASON_HEADINGS, Master, importable, named, registered, visible
from erp.imports.models import ImportRow, ImportRun
from erp.imports.values import as_typed, shortened

State = ImportRun.State
ROWS_PER_PAGE, SAMPLES = 50, 3
FORMS = (("xlsx", "Excel"), ("utf-8-sig", "CSV（UTF-8）"), ("cp932", "CSV（Shift_JIS）"))
ENCODINGS = {"utf-8-sig": "UTF-8（BOM）", "utf-8": "UTF-8", "cp932": "cp932（Shift_JIS）"}
OUTCOMES = (
    (ImportRow.Outcome.NEW, "new_count"),
    (ImportRow.Outcome.CHANGED, "changed_count"),
    (ImportRow.Outcome.UNCHANGED, "unchanged_count"),
    (ImportRow.Outcome.REFUSED, "refused_count"),
)


class UploadForm(forms.Form):
    kind = forms.ChoiceField(label=_("master"))
    file = forms.FileField(
        label=_("file"),
        help_text=_(
            "CSV (UTF-8 or Shift_JIS) or Excel (.xlsx), with headings in the first row. Up to 20 MB and 100,000 rows."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )

    def __init__(self, *args: Any, offered: list[Master], **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        choices = [(master.code, master.title) for master in offered]
        # Two masters may have the same columns, so none is taken for granted.
        field.choices = choices if len(choices) == 1 else [("", gettext("– choose –")), *choices]


class KindFilter(admin.SimpleListFilter):
    title = _("master")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(master.code, master.title) for master in visible(request.user)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = [
        "id", "kind_title", "file_name", "state", "row_count", "new_count", "changed_count", "unchanged_count", "refused_count",
        "applied_count", "kept_count", "uploaded_at", "user",
    ]  # fmt: skip
    list_display_links = ["id", "file_name"]
    list_select_related = ["user"]
    list_filter = [KindFilter, "state"]
    search_fields = ["file_name", "actor"]
    ordering = ["-id"]
    list_links = (PageLink("admin:imports_masters", _("Templates and exports")),)

    @admin.display(description=_("master"), ordering="kind")
    def kind_title(self, run: ImportRun) -> str:
        return selectors.title_of_kind(run.kind)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRun]:
        return selectors.runs_of(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("imports.add_importrun") and bool(importable(request.user))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("masters/", wrap(self.masters), name="imports_masters"),
            path("template/", wrap(self.template), name="imports_template"),
            path("export/", wrap(self.export), name="imports_export"),
            path("<int:run_id>/columns/", wrap(self.columns), name="imports_importrun_columns"),
            path("<int:run_id>/act/", wrap(self.act), name="imports_importrun_act"),
            path("<int:run_id>/progress/", wrap(self.progress), name="imports_importrun_progress"),
            path("<int:run_id>/refused/", wrap(self.refused), name="imports_importrun_refused"),
            path("<int:run_id>/file/", wrap(self.file), name="imports_importrun_file"),
        ]
        return [*own, *super().get_urls()]

    # --- Files of masters ---------------------------------------------------------------------------------------------

    def masters(self, request: HttpRequest) -> HttpResponse:
        """Every master that the user may see: an empty file to fill in, its rows as a file, and the way to import it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shown = [
            {
                "master": master,
                "key": exporting.key_of(master),
                "may_import": self.has_add_permission(request) and master.may_import(request.user),
                "forms": FORMS,
            }
            for master in registered()
            if master.may(request.user, "view") or master.may_import(request.user)
        ]
        context = {**self.admin_site.each_context(request), "opts": self.opts, "shown": shown}
        return TemplateResponse(
            request, "admin/imports/masters.html", {**context, "title": gettext("Templates and exports")}
        )

    def _master(self, request: HttpRequest, *, imports: bool) -> Master:
        if not self.has_view_permission(request):
            raise PermissionDenied
        master = named(request.GET.get("kind", ""))
        if master is None:
            raise Http404
        if not (master.may(request.user, "view") or (imports and master.may_import(request.user))):
            raise PermissionDenied
        return master

    def template(self, request: HttpRequest) -> Any:
        master = self._master(request, imports=True)
        return FileResponse(
            exporting.template(master), as_attachment=True, filename=f"{master.title}.xlsx", content_type=EXCEL_TYPE
        )

    def export(self, request: HttpRequest) -> Any:
        """All rows of a master, also of those that have no list of their own."""
        master = self._master(request, imports=False)
        found = master.model._default_manager.all()
        if (reach := master.reach_of(request.user)) is not None:
            found = found.filter(reach.q)
        try:
            return answer_with(master, found, request.GET.get("_as", ""))
        except InvalidInput as refusal:
            self.message_user(request, for_people(refusal), messages.ERROR)
            return HttpResponseRedirect(reverse("admin:imports_masters"))

    # --- A new run ----------------------------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        offered = importable(request.user)
        form = UploadForm(
            request.POST or None, request.FILES or None, offered=offered, initial={"kind": request.GET.get("kind", "")}
        )

        def act() -> HttpResponse:
            sent = form.cleaned_data["file"]
            if sent.size > files.MAX_BYTES:
                size = {"size": sent.size // 2**20 + 1, "limit": files.MAX_BYTES // 2**20}
                raise files.refuse(
                    "too_large", gettext("The file has %(size)d MB; %(limit)d MB at most are read.") % size
                )
            run = self.serve(
                request,
                services.upload,
                kind=form.cleaned_data["kind"],
                file_name=sent.name,
                content=sent.read(),
                user=request.user,
            )
            return HttpResponseRedirect(reverse("admin:imports_importrun_columns", args=[run.pk]))

        return self.service_page(
            request,
            form=form,
            title=gettext("Import from a file"),
            act=act,
            submit=gettext("Read the file"),
            template="admin/imports/upload.html",
        )

    def columns(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Which column of the file is which field; then the file is checked."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        run, master = self._run(request, run_id)
        if not master.may_import(request.user):
            raise PermissionDenied
        if not _may_map(run):
            told = gettext("Not possible now: the import is “%(state)s”.") % {"state": run.get_state_display()}
            self.message_user(request, told, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:imports_importrun_change", args=[run.pk]))
        mapping, clears = run.mapping, run.blanks == ImportRun.Blanks.CLEAR
        if request.method == "POST":
            mapping = [request.POST.get(f"column-{place}", "") for place in range(len(run.headings))]
            clears = request.POST.get("blanks") == ImportRun.Blanks.CLEAR
            with self.refusals_as_messages(request):
                self.serve(
                    request,
                    services.name_columns,
                    run_id=run.pk,
                    mapping=mapping,
                    clears_blanks=clears,
                    user=request.user,
                )
                return HttpResponseRedirect(reverse("admin:imports_importrun_change", args=[run.pk]))
        sheet = files.read(bytes(ImportRun.objects.values_list("content", flat=True).get(pk=run.pk)))
        context = {
            "run": run,
            "master": master,
            "encoding": ENCODINGS.get(run.encoding, ""),
            "columns": [
                {
                    "place": place,
                    "heading": heading,
                    "name": name,
                    "samples": [
                        shortened(line.cells[place]) for line in sheet.lines[:SAMPLES] if line.cells[place].strip()
                    ],
                }
                for place, (heading, name) in enumerate(zip(run.headings, mapping, strict=True))
            ],
            "fields": [(column.field, master.title_of(column.field)) for column in master.columns],
            "needed": [master.title_of(name) for name in master.needed_columns],
            "missing": [master.title_of(name) for name in master.needed_columns if name not in mapping],
            "absent": [
                master.title_of(column.field)
                for column in master.columns
                if column.field not in mapping and column.field not in master.needed_columns
            ],
            "unknown": selectors.unknown_headings(run.headings, mapping),
            "clears": clears,
        }
        title = gettext("Columns of the file: %(file)s") % {"file": run.file_name}
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, "admin/imports/columns.html", {**shared, **context})

    # --- One run ------------------------------------------------------------------------------------------------------

    def _run(self, request: HttpRequest, run_id: Any) -> tuple[ImportRun, Master]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        run: ImportRun = get_object_or_404(self.get_queryset(request), pk=run_id)
        master = named(run.kind)
        if master is None:
            raise Http404
        return run, master

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What became of a file: counts, rows, and what can be done next."""
        run, master = self._run(request, key_in(object_id))
        rows, shown = _page_of(request, run)
        titles = {each.name: str(each.verbose_name) for each in master.model._meta.concrete_fields}
        may_act = self.has_act_permission(request) and master.may_import(request.user)
        context = {
            "run": run,
            "original": run,
            "master": master,
            "encoding": ENCODINGS.get(run.encoding, ""),
            "progress": selectors.progress_of(run),
            "unknown": selectors.unknown_headings(run.headings, run.mapping),
            "tiles": [
                {
                    "code": code.value,
                    "title": code.label,
                    "count": getattr(run, name),
                    "is_here": shown["outcome"] == code.value,
                }
                for code, name in OUTCOMES
            ],
            "rows": [_told(row, titles) for row in rows],
            "acts": _acts(run, may_act),
            "may_map": may_act and _may_map(run),
            "may_add": self.has_add_permission(request),
            "has_no_effect": run.state == State.CHECKED and not (run.new_count or run.changed_count),
            **shown,
        }
        title = gettext("%(master)s: import %(number)d") % {"master": master.title, "number": run.pk}
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, "admin/imports/run.html", {**shared, **context})

    def act(self, request: HttpRequest, run_id: int) -> HttpResponse:
        if not self.has_act_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        run, _master = self._run(request, run_id)
        service = {"execute": services.execute, "stop": services.stop, "undo": services.undo}.get(
            request.POST.get("act", "")
        )
        if service is None:
            raise Http404
        with self.refusals_as_messages(request):
            self.serve(request, service, run_id=run.pk, user=request.user)
        return HttpResponseRedirect(reverse("admin:imports_importrun_change", args=[run.pk]))

    def progress(self, request: HttpRequest, run_id: int) -> JsonResponse:
        """Asked by the page every second while a worker is at it."""
        run, _master = self._run(request, run_id)
        now = selectors.progress_of(run)
        return JsonResponse(
            {
                "state": now.state,
                "title": now.title,
                "done": now.done,
                "todo": now.todo,
                "percent": now.percent,
                "is_under_way": now.is_under_way,
                "is_interrupted": now.is_interrupted,
            }
        )

    def refused(self, request: HttpRequest, run_id: int) -> Any:
        """The rows that were refused, as they came, with the reasons: to be corrected and uploaded again."""
        run, master = self._run(request, run_id)
        heading = [*run.headings, REASON_HEADINGS[0]]
        refused = run.rows.filter(outcome=ImportRow.Outcome.REFUSED).order_by("number")
        again = [place for place, name in enumerate(run.headings) if name in REASON_HEADINGS]
        heading = [name for place, name in enumerate(heading) if place not in again]
        rows = (
            [*(as_typed(cell) for place, cell in enumerate(cells) if place not in again), _reasons(problems)]
            for cells, problems in refused.values_list("cells", "problems").iterator(exporting.PIECE)
        )
        name = f"{master.title}-{gettext('refused')}-{run.pk}"
        if run.format == ImportRun.Format.XLSX:
            book = exporting.workbook(master.title, heading, rows)
            return FileResponse(book, as_attachment=True, filename=f"{name}.xlsx", content_type=EXCEL_TYPE)
        pieces = exporting.csv_pieces(heading, rows, encoding=run.encoding)
        return as_download(StreamingHttpResponse(pieces, content_type="text/csv"), f"{name}.csv")

    def file(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """The file as it came."""
        run, _master = self._run(request, run_id)
        content = bytes(ImportRun.objects.values_list("content", flat=True).get(pk=run.pk))
        kind = EXCEL_TYPE if run.format == ImportRun.Format.XLSX else "text/csv"
        answer: HttpResponse = as_download(HttpResponse(content, content_type=kind), run.file_name)
        return answer


def _page_of(request: HttpRequest, run: ImportRun) -> tuple[list[ImportRow], dict[str, Any]]:
    """One page of the rows, of one outcome or all; the counts are known, so nothing is counted."""
    counts = {code.value: getattr(run, name) for code, name in OUTCOMES}
    outcome = request.GET.get("outcome", "")
    rows = run.rows.defer("cells", "before", "after")
    if outcome == "KEPT":
        rows, count = rows.filter(undo=ImportRow.Undo.KEPT), run.kept_count
    elif outcome in counts:
        rows, count = rows.filter(outcome=outcome), counts[outcome]
    else:
        outcome, count = "", sum(counts.values())
    pages = max(1, -(-count // ROWS_PER_PAGE))
    asked = request.GET.get("p", "1")
    page = min(int(asked), pages) if asked.isdecimal() and 0 < len(asked) < 8 and int(asked) else 1
    first = (page - 1) * ROWS_PER_PAGE
    is_there = run.state not in (State.MAPPING, State.CHECKING)
    found = list(rows.order_by("number")[first : first + ROWS_PER_PAGE]) if is_there else []
    near = [each for each in range(page - 3, page + 4) if 1 <= each <= pages]
    return found, {"outcome": outcome, "page": page, "pages": pages, "near": near, "count": count, "is_there": is_there}


def _may_map(run: ImportRun) -> bool:
    return run.state in (State.MAPPING, State.CHECKED) or run.broken_off_in == State.CHECKING


def _told(row: ImportRow, titles: dict[str, str]) -> dict[str, Any]:
    changes = [{"title": titles.get(name, name), "old": old, "new": new} for name, (old, new) in row.changes.items()]
    return {"row": row, "changes": changes, "problems": row.problems, "undo": row.get_undo_display()}


def _reasons(problems: list[list[str]]) -> str:
    return " / ".join(f"{title}: {why}" if title else why for title, why in problems)


def _acts(run: ImportRun, may_act: bool) -> list[dict[str, Any]]:
    """What can be done with the run now, the first one being what one came for."""
    if not may_act:
        return []
    written = run.applied_count or (run.broken_off_in in (State.APPLYING, State.UNDOING))
    open_rows = run.new_count + run.changed_count
    acts: list[tuple[str, str, bool, str]] = []
    if run.state == State.CHECKED and open_rows:
        acts.append(("execute", gettext("Execute: write %(count)s rows") % {"count": f"{open_rows:,}"}, True, ""))
    if run.broken_off_in == State.APPLYING:
        acts.append(("execute", gettext("Go on with the rest"), True, ""))
    if run.state == State.APPLYING:
        acts.append(("stop", gettext("Stop"), False, ""))
    if (run.state in (State.APPLIED, State.STOPPED) and written) or (run.state == State.FAILED and written):
        asked = gettext("Undo this import? Its rows get back what was there before, and new ones are removed.")
        acts.append(("undo", gettext("Undo this import"), False, asked))
    if run.state == State.UNDONE and run.kept_count:
        acts.append(("undo", gettext("Try again to undo what was left alone"), False, ""))
    return [{"code": code, "title": title, "is_first": is_first, "ask": ask} for code, title, is_first, ask in acts]
