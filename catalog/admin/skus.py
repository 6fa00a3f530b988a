"""SKUs with their codes, costs and components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog import services
from catalog.admin.announcing import AnnouncingAdmin, PriceInline
from catalog.models import KitComponent, Sku, SkuCode, SkuCost, Supplier
from catalog.services.codes import GTIN_KINDS
from erp.core.admin import PageLink, ReadOnlyAdmin, ReadOnlyInline, TabularInline
from erp.core.identifiers import classify_gtin
from erp.core.models import Channel
from erp.imports.lists import Exchange

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm


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
    # All of its rows are: whoever may not know costs may not look at them, nor at what the audit trail has of them.
    costs = ("cost",)
    extra = 0
    can_delete = False
    autocomplete_fields = ["supplier"]


class KitComponentInline(ReadOnlyInline):
    model = KitComponent
    fk_name = "kit"


# Pieces of one component in a kit: far more than any has, and what is not would be too long for its column.
MOST_PIECES = 9999


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
            # By its digits first: what is typed may be too long a number to be read at all.
            if len(pieces) > len(str(MOST_PIECES)):
                told = {"most": MOST_PIECES, "line": line}
                raise forms.ValidationError(_("At most %(most)d pieces of one component: %(line)s"), params=told)
            if line.strip():
                components[code.strip()] = int(pieces)
        return components


@admin.register(Sku)
class SkuAdmin(Exchange, AnnouncingAdmin):
    form = SkuForm
    list_display = ["code", "product", "color", "size", "is_kit", "is_active"]
    list_select_related = ["product", "color", "size"]
    list_filter = ["is_kit", "is_active"]
    search_fields = ["code", "product__code", "product__name", "codes__code__exact"]
    autocomplete_fields = ["product", "color", "size"]
    readonly_fields = ["is_kit", "version"]
    ordering = ["code"]
    inlines = [KitComponentInline, SkuCodeInline, SkuCostInline, PriceInline]
    object_links = (PageLink("admin:catalog_sku_code", _("Add a code"), "code"),)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who looks only sees the components in their table."""
        fields = super().get_fields(request, obj)
        return fields if self.has_act_permission(request) else [name for name in fields if name != "kit_definition"]

    def has_code_permission(self, request: HttpRequest) -> bool:
        return self.has_act_permission(request) and request.user.has_perm("catalog.add_skucode")

    def product_ids(self, form: Any) -> list[int]:
        """A SKU that changes its style leaves the one and joins the other."""
        return list({form.instance.product_id, form.initial.get("product") or form.instance.product_id})

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.add_code)
        return [path("<int:sku_id>/code/", page, name="catalog_sku_code"), *super().get_urls()]

    def add_code(self, request: HttpRequest, sku_id: int) -> HttpResponse:
        if not self.has_code_permission(request):
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


@admin.register(SkuCode)
class SkuCodeAdmin(Exchange, ReadOnlyAdmin):
    """Whose code is this? Codes are edited under their SKU."""

    list_display = ["code", "kind", "sku", "channel", "supplier", "valid_from", "valid_to"]
    list_select_related = ["sku", "channel", "supplier"]
    list_filter = ["kind"]
    search_fields = ["code__exact", "sku__code"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SkuCode]:
        return super().get_queryset(request).select_related("sku")
