"""Product master in the back office. Plain forms; what a form changes is announced to the EC sites in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog import selectors, services
from catalog.models import (
    Brand,
    Category,
    Color,
    KitComponent,
    Price,
    PriceList,
    Product,
    Season,
    Size,
    Sku,
    SkuCode,
    SkuCost,
    Supplier,
)
from catalog.services.codes import GTIN_KINDS
from erp.core.admin import MasterAdmin, ReadOnlyAdmin, ReadOnlyInline
from erp.core.errors import InvalidInput
from erp.core.identifiers import classify_gtin, is_corporate_number, normalise_registration_number

if TYPE_CHECKING:
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
else:
    TabularInline = admin.TabularInline
    ModelForm = forms.ModelForm


@admin.register(Brand, Category)
class NamedAdmin(MasterAdmin):
    list_display = ["code", "name"]
    search_fields = ["code", "name"]
    ordering = ["code"]


@admin.register(Season)
class SeasonAdmin(NamedAdmin):
    list_display = ["code", "name", "starts_on", "ends_on"]


@admin.register(Color, Size)
class OrderedAdmin(NamedAdmin):
    """The order of sizes is data: it is edited in the list."""

    list_display = ["code", "name", "sort_order"]
    list_editable = ["sort_order"]
    ordering = ["sort_order", "code"]


class SupplierForm(ModelForm):
    def clean_registration_number(self) -> str:
        text = self.cleaned_data["registration_number"]
        number = normalise_registration_number(text) if text else ""
        if number is None:
            raise forms.ValidationError(_("A registration number is T and 13 digits."), code="bad_registration_number")
        return number


@admin.register(Supplier)
class SupplierAdmin(MasterAdmin):
    form = SupplierForm
    list_display = ["code", "name", "registration_number", "is_subcontract_act", "lead_time_days", "is_active"]
    list_filter = ["is_subcontract_act", "is_active"]
    search_fields = ["code", "name", "kana", "registration_number"]
    ordering = ["code"]

    def save_model(self, request: HttpRequest, obj: Supplier, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.registration_number and not is_corporate_number(obj.registration_number[1:]):
            # No check digit is published for the numbers of sole traders, so this is no error.
            text = gettext("%(number)s is no corporate number. Right for a sole trader only.")
            self.message_user(request, text % {"number": obj.registration_number}, messages.WARNING)


class AnnouncingAdmin(MasterAdmin):
    """Announces the style whose form was saved, in the transaction of the form."""

    def product_id(self, obj: Any) -> int:
        raise NotImplementedError

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            ids = [self.product_id(form.instance)]
            self.serve(request, services.announce_products, product_ids=ids)
            if any(formset.model is Price and formset.has_changed() for formset in formsets):
                self.serve(request, services.announce_prices, product_ids=ids)


class PriceInline(TabularInline):
    model = Price
    extra = 0
    can_delete = False
    fields = ["price_list", "price", "valid_from", "valid_to"]


class UploadForm(forms.Form):
    file = forms.FileField(label=_("file"), help_text=_("CSV, UTF-8 or cp932; one row per SKU."))
    dry_run = forms.BooleanField(label=_("only check"), required=False, initial=True)


@admin.register(Product)
class ProductAdmin(AnnouncingAdmin):
    list_display = ["code", "name", "brand", "season", "category", "tax_class", "life_cycle", "release_date"]
    list_select_related = ["brand", "season", "category"]
    list_filter = ["life_cycle", "tax_class", "season", "brand"]
    search_fields = ["code", "name", "kana"]
    autocomplete_fields = ["brand", "season", "category", "supplier"]
    readonly_fields = ["version", "matrix"]
    ordering = ["code"]
    inlines = [PriceInline]
    change_list_template = "admin/catalog/product/change_list.html"

    def product_id(self, obj: Product) -> int:
        return obj.pk

    @admin.display(description=_("colour × size"))
    def matrix(self, product: Product) -> SafeString:
        """The SKUs in the order of sizes, each a link."""
        if product._state.adding:
            return SafeString("–")
        matrix = selectors.matrix_of(product.pk)
        head = format_html_join("", "<th>{}</th>", [(size.name if size else "",) for size in matrix.sizes])
        body = format_html_join(
            "",
            "<tr><th>{}</th>{}</tr>",
            [(color.name if color else "", self._cells(matrix.row(color))) for color in matrix.colors],
        )
        return format_html("<table><tr><th></th>{}</tr>{}</table>", head, body)

    @staticmethod
    def _cells(skus: list[Sku | None]) -> SafeString:
        links = [(reverse("admin:catalog_sku_change", args=[sku.pk]), sku.code) if sku else ("", "") for sku in skus]
        return format_html_join("", '<td><a href="{}">{}</a></td>', links)

    def get_urls(self) -> list[URLPattern]:
        own = path("import/", self.admin_site.admin_view(self.upload), name="catalog_product_import")
        return [own, *super().get_urls()]

    def upload(self, request: HttpRequest) -> HttpResponse:
        """Take a product file. Every problem of every row is listed; with one of them nothing is imported."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            return HttpResponse(status=403)
        form = UploadForm(request.POST or None, request.FILES or None)
        context: dict[str, Any] = {**self.admin_site.each_context(request), "opts": self.opts, "form": form}
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


class SkuCodeForm(ModelForm):
    """Check digits hold in the form too, and a GTIN is filed under what it is."""

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and cleaned.get("kind") in GTIN_KINDS and cleaned.get("code"):
            classified = classify_gtin(cleaned["code"])
            if classified is None:
                self.add_error("code", _("No GTIN: length or check digit is wrong."))
            else:
                cleaned["kind"], cleaned["code"] = classified[0].value, classified[1]
        return cleaned


class SkuCodeInline(TabularInline):
    model = SkuCode
    form = SkuCodeForm
    extra = 0
    autocomplete_fields = ["supplier"]


class SkuCostInline(TabularInline):
    model = SkuCost
    extra = 0
    can_delete = False
    autocomplete_fields = ["supplier"]


class KitComponentInline(ReadOnlyInline):
    model = KitComponent
    fk_name = "kit"


class SkuForm(ModelForm):
    kit_definition = forms.CharField(
        label=_("components of the kit"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One component per line: SKU and pieces. Makes this SKU a kit."),
    )

    def clean_kit_definition(self) -> dict[str, int]:
        components: dict[str, int] = {}
        for line in self.cleaned_data["kit_definition"].splitlines():
            code, _space, pieces = line.strip().rpartition(" ")
            if line.strip() and not (code and pieces.isdecimal()):
                raise forms.ValidationError(_("Not a SKU and a number: %(line)s"), params={"line": line})
            if line.strip():
                components[code.strip()] = int(pieces)
        return components


@admin.register(Sku)
class SkuAdmin(AnnouncingAdmin):
    form = SkuForm
    list_display = ["code", "product", "color", "size", "is_kit", "is_active"]
    list_select_related = ["product", "color", "size"]
    list_filter = ["is_kit", "is_active"]
    search_fields = ["code", "product__code", "product__name", "codes__code__exact"]
    autocomplete_fields = ["product", "color", "size"]
    readonly_fields = ["is_kit", "version"]
    ordering = ["code"]
    inlines = [KitComponentInline, SkuCodeInline, SkuCostInline, PriceInline]

    def product_id(self, obj: Sku) -> int:
        return obj.product_id

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if components := form.cleaned_data.get("kit_definition"):
            self.serve(request, services.define_kit, sku_code=form.instance.code, components=components)


@admin.register(PriceList)
class PriceListAdmin(MasterAdmin):
    list_display = ["code", "name", "tax_mode", "currency", "channel", "is_standard", "rank"]
    list_select_related = ["channel"]
    search_fields = ["code", "name"]
    ordering = ["rank", "code"]


@admin.register(Price)
class PriceAdmin(MasterAdmin):
    list_display = ["price_list", "product", "sku", "price", "valid_from", "valid_to"]
    list_select_related = ["price_list", "product", "sku"]
    list_filter = ["price_list"]
    search_fields = ["sku__code", "product__code"]
    autocomplete_fields = ["price_list", "product", "sku"]

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.serve(
            request,
            services.announce_prices,
            sku_ids=[obj.sku_id] if obj.sku_id else [],
            product_ids=[obj.product_id] if obj.product_id else [],
        )


@admin.register(SkuCode)
class SkuCodeAdmin(ReadOnlyAdmin):
    """Whose code is this? Codes are edited under their SKU."""

    list_display = ["code", "kind", "sku", "channel", "supplier", "valid_from", "valid_to"]
    list_select_related = ["sku", "channel", "supplier"]
    list_filter = ["kind"]
    search_fields = ["code__exact", "sku__code"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SkuCode]:
        return super().get_queryset(request).select_related("sku")
