"""Product master in the back office. Plain forms; what a form changes is announced to the EC sites in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
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
from catalog.services.styles import CODE_PATTERN
from erp.core.admin import MasterAdmin, ReadOnlyAdmin, ReadOnlyInline
from erp.core.errors import InvalidInput
from erp.core.identifiers import classify_gtin, is_corporate_number, normalise_registration_number
from erp.core.models import Channel

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


class MatrixForm(forms.Form):
    colors = forms.ModelMultipleChoiceField(
        label=_("colours"), queryset=Color.objects.order_by("sort_order", "code"), to_field_name="code"
    )
    sizes = forms.ModelMultipleChoiceField(
        label=_("sizes"), queryset=Size.objects.order_by("sort_order", "code"), to_field_name="code"
    )


class LifeCycleForm(ActionForm):
    """The stage to which the selected styles move, and the day that a discontinuation carries."""

    life_cycle = forms.ChoiceField(
        label=_("life cycle"), choices=[("", "–"), *Product.LifeCycle.choices], required=False
    )
    on = forms.DateField(label=_("date"), required=False, widget=forms.DateInput(attrs={"type": "date"}))


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
    action_form = LifeCycleForm
    actions = ["change_life_cycle"]

    def product_id(self, obj: Product) -> int:
        return obj.pk

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
        wrap = self.admin_site.admin_view
        own = [
            path("import/", wrap(self.upload), name="catalog_product_import"),
            path("<int:product_id>/matrix/", wrap(self.create_matrix), name="catalog_product_matrix"),
        ]
        return [*own, *super().get_urls()]

    def create_matrix(self, request: HttpRequest, product_id: int) -> HttpResponse:
        """Choose colours and sizes, look at what would be made and what is there, make it."""
        if not (self.has_act_permission(request) and request.user.has_perm("catalog.add_sku")):
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
        fresh = sum(not is_there for _color, cells in rows for _code, is_there in cells)
        return {"sizes": sizes, "rows": rows, "fresh": fresh}

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

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A new code has its own page, which asks whose code it is already."""
        return False


class NewCodeForm(forms.Form):
    kind = forms.ChoiceField(label=_("kind"), choices=SkuCode.Kind.choices)
    code = forms.CharField(label=_("code"), max_length=SkuCode._meta.get_field("code").max_length)
    channel = forms.ModelChoiceField(
        label=_("sales channel"), queryset=Channel.objects.order_by("code"), required=False
    )
    supplier = forms.ModelChoiceField(
        label=_("supplier"), queryset=Supplier.objects.filter(is_active=True).order_by("code"), required=False
    )
    valid_from = forms.DateField(label=_("valid from"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    valid_to = forms.DateField(label=_("valid to"), required=False, widget=forms.DateInput(attrs={"type": "date"}))


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

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.add_code)
        return [path("<int:sku_id>/code/", page, name="catalog_sku_code"), *super().get_urls()]

    def add_code(self, request: HttpRequest, sku_id: int) -> HttpResponse:
        if not (self.has_act_permission(request) and request.user.has_perm("catalog.add_skucode")):
            raise PermissionDenied
        sku = get_object_or_404(Sku, pk=sku_id)
        form = NewCodeForm(request.POST or None)

        def act() -> HttpResponse:
            values = form.cleaned_data
            filed = self.serve(
                request,
                services.add_code,
                sku_code=sku.code,
                kind=values["kind"],
                code=values["code"],
                channel_id=values["channel"] and values["channel"].pk,
                supplier_id=values["supplier"] and values["supplier"].pk,
                valid_from=values["valid_from"],
                valid_to=values["valid_to"],
            )
            told = gettext("%(code)s is filed as %(kind)s.") % {"code": filed.code, "kind": filed.get_kind_display()}
            return self.done(request, told, "admin:catalog_sku_change", sku.pk)

        title = gettext("Add a code: %(sku)s") % {"sku": sku}
        return self.service_page(request, form=form, title=title, act=act, submit=gettext("Add"))

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
