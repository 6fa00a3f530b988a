"""Styles: their form, their colour × size matrix, their stages of life, and the product file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalog import selectors, services
from catalog.admin.announcing import AnnouncingAdmin, PriceInline
from catalog.models import Color, Product, Size, Sku
from catalog.services.styles import CODE_PATTERN
from erp.core.admin import ActionForm, PageLink
from erp.core.errors import InvalidInput
from erp.imports.lists import Exchange


class UploadForm(forms.Form):
    file = forms.FileField(label=_("file"), help_text=_("CSV, UTF-8 or cp932; one row per SKU."))
    dry_run = forms.BooleanField(label=_("only check"), required=False, initial=True)


SEVERAL = _("Hold Ctrl (on a Mac ⌘) to choose several.")


class MatrixForm(forms.Form):
    colors = forms.ModelMultipleChoiceField(
        label=_("colours"),
        queryset=Color.objects.order_by("sort_order", "code"),
        to_field_name="code",
        help_text=SEVERAL,
    )
    sizes = forms.ModelMultipleChoiceField(
        label=_("sizes"), queryset=Size.objects.order_by("sort_order", "code"), to_field_name="code", help_text=SEVERAL
    )


class LifeCycleForm(ActionForm):
    """The stage to which the selected styles move, and the day that a discontinuation carries."""

    life_cycle = forms.ChoiceField(
        label=_("life cycle"), choices=[("", "–"), *Product.LifeCycle.choices], required=False
    )
    on = forms.DateField(label=_("date"), required=False, widget=forms.DateInput(attrs={"type": "date"}))


@admin.register(Product)
class ProductAdmin(Exchange, AnnouncingAdmin):
    list_display = ["code", "name", "brand", "season", "category", "tax_class", "life_cycle", "release_date"]
    list_select_related = ["brand", "season", "category"]
    list_filter = ["life_cycle", "tax_class", "season", "brand"]
    search_fields = ["code", "name", "kana"]
    autocomplete_fields = ["brand", "season", "category", "supplier"]
    readonly_fields = ["version", "matrix"]
    ordering = ["code"]
    inlines = [PriceInline]
    list_links = (PageLink("admin:catalog_product_import", _("Import a file of styles with their SKUs"), "import"),)
    object_links = (
        PageLink("admin:inventory_product_stock", _("Stock of the style"), "inventory.view_stockbalance"),
        PageLink("admin:catalog_product_matrix", _("Make colour × size"), "matrix"),
    )
    action_form = LifeCycleForm
    actions = ["change_life_cycle"]

    def product_ids(self, form: Any) -> list[int]:
        return [form.instance.pk]

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_matrix_permission(self, request: HttpRequest) -> bool:
        return self.has_act_permission(request) and request.user.has_perm("catalog.add_sku")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """A style is born at any stage; from then on it moves by the action, which knows the way."""
        return [*self.readonly_fields, *([] if obj is None else ["life_cycle", "discontinued_date"])]

    @admin.action(description=_("Move the selected styles to another stage of life"), permissions=["act"])
    def change_life_cycle(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        target = request.POST.get("life_cycle", "")
        on = forms.DateField(required=False).clean(request.POST.get("on")) or timezone.localdate()
        if not target:
            self.message_user(request, gettext("Choose the stage beside the action first."), messages.ERROR)
            return
        done = 0
        for product in queryset.order_by("pk"):
            with self.refusals_as_messages(request, product):
                self.serve(request, services.change_life_cycle, product_id=product.pk, life_cycle=target, on=on)
                done += 1
        told = ngettext("%(count)d style moved.", "%(count)d styles moved.", done) % {"count": done}
        self.message_user(request, told, messages.SUCCESS if done else messages.WARNING)

    @admin.display(description=_("colour × size"))
    def matrix(self, product: Product) -> SafeString:
        """The SKUs in the order of sizes, each a link."""
        if product._state.adding:
            return SafeString("–")
        matrix = selectors.matrix_of(product.pk)
        head = format_html_join("", "<th>{}</th>", [(name,) for name in selectors.names_apart(matrix.sizes)])
        body = format_html_join(
            "",
            "<tr><th>{}</th>{}</tr>",
            [
                (name, self._cells(matrix.row(color)))
                for color, name in zip(matrix.colors, selectors.names_apart(matrix.colors), strict=True)
            ],
        )
        return format_html("<table><tr><th></th>{}</tr>{}</table>", head, body)

    @staticmethod
    def _cells(skus: list[Sku | None]) -> SafeString:
        links = [(reverse("admin:catalog_sku_change", args=[sku.pk]), sku.code) if sku else ("", "") for sku in skus]
        return format_html_join("", '<td><a href="{}">{}</a></td>', links)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("import/", wrap(self.upload), name="catalog_product_import"),
            path("<int:product_id>/matrix/", wrap(self.create_matrix), name="catalog_product_matrix"),
        ]
        return [*own, *super().get_urls()]

    def create_matrix(self, request: HttpRequest, product_id: int) -> HttpResponse:
        """Choose colours and sizes, look at what would be made and what is there, make it."""
        if not self.has_matrix_permission(request):
            raise PermissionDenied
        product = get_object_or_404(Product, pk=product_id)
        matrix = selectors.matrix_of(product.pk)
        there = {
            "colors": [color.code for color in matrix.colors if color],
            "sizes": [size.code for size in matrix.sizes if size],
        }
        form = MatrixForm(request.POST or request.GET or None, initial=there)
        plan = self._plan(product, form, matrix) if form.is_valid() else None

        def act() -> HttpResponse:
            wanted = self.serve(
                request,
                services.create_matrix,
                product_code=product.code,
                color_codes=[color.code for color in form.cleaned_data["colors"]],
                size_codes=[size.code for size in form.cleaned_data["sizes"]],
            )
            told = gettext("The style has these %(count)d SKUs now.") % {"count": len(wanted)}
            return self.done(request, told, "admin:catalog_product_change", product.pk)

        return self.service_page(
            request,
            form=form,
            title=gettext("Make colour × size: %(style)s") % {"style": product},
            act=act,
            template="admin/catalog/product/matrix.html",
            plan=plan,
        )

    @staticmethod
    def _plan(product: Product, form: MatrixForm, matrix: selectors.Matrix) -> dict[str, Any]:
        """Per colour and size the SKU code and whether it is there. ``fresh`` counts what would be made."""
        sizes, rows = list(form.cleaned_data["sizes"]), []
        for color in form.cleaned_data["colors"]:
            there = [matrix.cells.get((color.pk, size.pk)) for size in sizes]
            codes = [CODE_PATTERN.format(style=product.code, color=color.code, size=size.code) for size in sizes]
            cells = [(sku.code if sku else code, sku is not None) for sku, code in zip(there, codes, strict=True)]
            rows.append((color, cells))
        fresh = [code for _color, cells in rows for code, is_there in cells if not is_there]
        bad = services.find_bad_codes(fresh)
        return {
            "sizes": sizes,
            "names": selectors.names_apart(sizes),
            "rows": rows,
            "fresh": len(fresh),
            "bad": {code for code, _problem in bad},
            "problems": [problem.detail for _code, problem in bad],
        }

    def upload(self, request: HttpRequest) -> HttpResponse:
        """Take a product file. Every problem of every row is listed; with one of them nothing is imported."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        context: dict[str, Any] = {**self.admin_site.each_context(request), "opts": self.opts, "form": form}
        context["title"] = gettext("Import a product file")
        if request.method == "POST" and form.is_valid():
            try:
                context["report"] = self.serve(
                    request,
                    services.import_products,
                    content=form.cleaned_data["file"].read(),
                    dry_run=form.cleaned_data["dry_run"],
                    on=timezone.localdate(),
                )
            except InvalidInput as refusal:
                context["problems"] = refusal.problems
            else:
                if not form.cleaned_data["dry_run"]:
                    text = gettext("%(rows)d rows imported.") % {"rows": context["report"].rows}
                    self.message_user(request, text, messages.SUCCESS)
                    return HttpResponseRedirect(reverse("admin:catalog_product_changelist"))
        return render(request, "admin/catalog/product/import.html", context)
