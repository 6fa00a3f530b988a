"""What lists of masters offer: their rows as a file, under the filters that are set, and the way to import one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from erp.core.admin import PageLink, ServiceAdmin, for_people
from erp.core.errors import InvalidInput
from erp.imports import exporting
from erp.imports.downloads import table_as_file
from erp.imports.masters import Master, of_model

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

FORMS = (
    ("xlsx", _("Export to Excel")),
    ("utf-8-sig", _("Export to CSV (UTF-8)")),
    ("cp932", _("Export to CSV (Shift_JIS)")),
)

# A sheet of Excel has little more; no master comes near it.
MOST_ROWS = 1_000_000


class Exchange(ServiceAdmin):
    """For the list of a master that its room declared. Stands before the base of the page."""

    @property
    def master(self) -> Master:
        master = of_model(self.model)
        assert master is not None, self.model
        return master

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.master.may(request.user, "view")

    def has_take_in_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("imports.add_importrun") and self.master.may_import(request.user)

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export), name=name), *super().get_urls()]

    def _links(self, request: HttpRequest, offered: Sequence[PageLink], *args: Any) -> list[tuple[str, StrOrPromise]]:
        links = super()._links(request, offered, *args)
        if args:
            return links
        if self.has_take_in_permission(request):
            new = reverse("admin:imports_importrun_add")
            links.append((f"{new}?{urlencode({'kind': self.master.code})}", _("Import from a file")))
        if self.has_export_permission(request):
            url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_export")
            links += [(f"{url}?{self._filters(request, form)}", title) for form, title in FORMS]
        return links

    @staticmethod
    def _filters(request: HttpRequest, form: str) -> str:
        shown = request.GET.copy()
        for name in ("p", "o", "all", "_facets"):
            shown.pop(name, None)
        shown["_as"] = form
        return shown.urlencode()

    def export(self, request: HttpRequest) -> Any:
        """The rows of the list under its filters and search, as a file."""
        if not self.has_view_permission(request) or not self.has_export_permission(request):
            raise PermissionDenied
        filters = request.GET.copy()
        form = str((filters.pop("_as", None) or ["utf-8-sig"])[-1])
        shown = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        back = f"{shown}?{filters.urlencode()}"
        request.GET = filters  # type: ignore[assignment] # the list reads its filters here
        try:
            found = self.rows_to_take_out(request, MOST_ROWS)
        except IncorrectLookupParameters:
            # The list knows what to say of a filter that it cannot read.
            return HttpResponseRedirect(back)
        if (reach := self.master.reach_of(request.user)) is not None:
            found = found.filter(reach.q)
        try:
            return answer_with(self.master, found, form)
        except InvalidInput as refusal:
            self.message_user(request, for_people(refusal), "ERROR")
            return HttpResponseRedirect(back)


def answer_with(master: Master, found: Any, form: str) -> Any:
    """A file of rows as an answer. Raises InvalidInput for signs that the encoding does not have."""
    heading = exporting.titles(master)
    name = slugify(master.title, allow_unicode=True) or master.code
    encoding = form if form == "xlsx" or form in exporting.ENCODINGS else "utf-8-sig"
    return table_as_file(
        name, title=master.title, heading=heading, rows=lambda: exporting.rows_of(master, found), form=encoding
    )
