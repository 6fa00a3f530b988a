"""Forms of styles and SKUs. What a form changes is announced to the EC sites in the same transaction."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from catalog import services
from catalog.models import Price
from erp.core.admin import MasterAdmin, TabularInline


class AnnouncingAdmin(MasterAdmin):
    """Announces the style whose form was saved, in the transaction of the form."""

    def product_ids(self, form: Any) -> list[int]:
        raise NotImplementedError

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            ids = self.product_ids(form)
            self.serve(request, services.announce_products, product_ids=ids)
            is_priced_anew = any(formset.model is Price and formset.has_changed() for formset in formsets)
            if is_priced_anew or "product" in form.changed_data:
                self.serve(request, services.announce_prices, product_ids=ids)


class NamingAdmin(MasterAdmin):
    """What styles are shown with by its name: those styles are announced when it is called or sorted otherwise."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and {"code", "name", "sort_order"} & set(form.changed_data):
            self.serve(request, services.announce_name, kind=obj._meta.model_name, master_id=obj.pk)


class PriceInline(TabularInline):
    model = Price
    extra = 0
    can_delete = False
    fields = ["price_list", "price", "valid_from", "valid_to"]
