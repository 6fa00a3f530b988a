"""Places, cost pools, reasons, and what a channel sells from."""

from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, Model, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.models import Account
from customers.selectors import accounts_by_id
from erp.core.admin import MasterAdmin, PageLink
from erp.imports.lists import Exchange
from erp.inventory import selectors, services
from erp.inventory.admin.forms import ShelvesForm
from erp.inventory.models import ChannelLocation, CostPool, Location, Reason, Shelf, ShopStaff

# Who an account is, is personal.
VIEW_ACCOUNTS = "customers.view_account"


@admin.register(CostPool)
class CostPoolAdmin(MasterAdmin):
    list_display = ["code", "name", "account_role", "costing_method", "write_down_limit", "write_downs_reverse"]
    search_fields = ["code", "name"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # The value that lies on the old account would stay there.
        return [] if obj is None else ["code", "account_role"]


@admin.register(Location)
class LocationAdmin(Exchange, MasterAdmin):
    list_display = ["code", "name", "kind", "cost_pool", "holder_channel", "is_active"]
    list_select_related = ["cost_pool", "holder_channel"]
    list_filter = ["kind", "is_active"]
    search_fields = ["code", "name"]
    autocomplete_fields = ["cost_pool", "holder_channel"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        # Pieces that lie here carry their value in this pool; another pool means another place and a transfer.
        return ["holder_account"] if obj is None else ["cost_pool", "holder_account"]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """Who may change a place chooses the account; who looks reads it."""
        may_change = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        hidden = "holder_account" if may_change else "holder_account_id"
        return [name for name in super().get_fields(request, obj) if name != hidden]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        names_accounts = Value(request.user.has_perm(VIEW_ACCOUNTS), BooleanField())
        places: QuerySet[Any] = super().get_queryset(request).annotate(names_accounts=names_accounts)
        return places

    @admin.display(description=_("consigned to account"))
    def holder_account(self, place: Any) -> str:
        terms = accounts_by_id([place.holder_account_id]) if place.holder_account_id else {}
        return next(
            (_account(each.account_code, each.account_name, place.names_accounts) for each in terms.values()), "-"
        )

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field is None or db_field.name != "holder_account_id":
            return field
        return forms.TypedChoiceField(
            label=field.label, required=False, coerce=int, empty_value=None,
            choices=partial(_accounts, names=request.user.has_perm(VIEW_ACCOUNTS)),
        )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Whoever sells from here must know at once that its pieces count no more, or again."""
        super().save_model(request, obj, form, change)
        if {"is_active", "kind", "holder_channel"} & set(form.changed_data):
            self.serve(request, services.announce_place, location_id=obj.pk)


def _account(code: str, name: str, names: bool) -> str:
    return f"{code} {name}" if names else code


def _accounts(*, names: bool) -> list[tuple[Any, str]]:
    """With the names of the accounts for those only who may look at accounts; who sets up places chooses by their codes."""
    found = Account.objects.order_by("code").values_list("pk", "code", "name")
    return [("", "---------"), *((key, _account(code, name, names)) for key, code, name in found)]


@admin.register(Shelf)
class ShelfAdmin(Exchange, MasterAdmin):
    """棚番: typed one by one, or pasted for a whole location."""

    list_display = ["code", "location", "sku"]
    list_select_related = ["location", "sku"]
    list_filter = ["location"]
    search_fields = ["code", "sku__code__exact"]
    autocomplete_fields = ["location"]
    raw_id_fields = ["sku"]
    ordering = ["location_id", "code", "id"]
    list_links = [PageLink("admin:inventory_shelves", _("Enter shelves"), "act")]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [] if obj is None else ["location", "sku"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("inventory.delete_shelf")

    def get_urls(self) -> list[Any]:
        own = path("enter/", self.admin_site.admin_view(self.enter), name="inventory_shelves")
        return [own, *super().get_urls()]

    def enter(self, request: HttpRequest) -> HttpResponse:
        if not self.has_act_permission(request):
            raise PermissionDenied
        form = ShelvesForm(request.POST or None)

        def act() -> HttpResponse:
            place, shelves = form.cleaned_data["location"], form.cleaned_data["lines"]
            changed = self.serve(request, services.set_shelves, location_id=place.pk, shelves=shelves)
            told = ngettext("%(count)d shelf changed.", "%(count)d shelves changed.", changed) % {"count": changed}
            return self.done(request, told, "admin:inventory_shelf_changelist")

        return self.service_page(request, form=form, title=gettext("Enter shelves"), act=act, submit=gettext("Save"))


class ShopStaffForm(forms.ModelForm):  # type: ignore[type-arg] # unsubscriptable at run time
    """A row that is there keeps the place it names, whatever that has become."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "location" in self.fields:
            field: Any = self.fields["location"]
            field.queryset = selectors.shops(besides=self.instance.location_id).order_by("code")


@admin.register(ShopStaff)
class ShopStaffAdmin(MasterAdmin):
    """Whoever works in a shop only: without a row here such a user sees no stock at all."""

    form = ShopStaffForm

    list_display = ["user", "location"]
    list_select_related = ["user", "location"]
    list_filter = ["location"]
    search_fields = ["user__username", "location__code"]
    # Shops are few enough for a plain list.
    autocomplete_fields = ["user"]
    ordering = ["user__username", "location__code"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("inventory.delete_shopstaff")


class SettingAdmin(MasterAdmin):
    """What a channel may sell. No document names these rows, so they may go again; whoever reads stock is told of each change."""

    identity: list[str] = []

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [] if obj is None else self.identity

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self._announce(request, obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        self._announce(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        gone = list(queryset)
        super().delete_queryset(request, queryset)
        for row in gone:
            self._announce(request, row)

    def _announce(self, request: HttpRequest, row: Any) -> None:
        self.serve(request, services.announce_rules, channel_id=row.channel_id, **self.reach(row))

    def reach(self, row: Any) -> dict[str, list[int]]:
        """Of which SKUs it says something."""
        raise NotImplementedError

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}")


@admin.register(ChannelLocation)
class ChannelLocationAdmin(Exchange, SettingAdmin):
    list_display = ["channel", "location", "rank"]
    list_display_links = ["channel", "location"]
    list_select_related = ["channel", "location"]
    list_filter = ["channel"]
    search_fields = ["channel__code", "location__code"]
    autocomplete_fields = ["channel", "location"]
    ordering = ["channel_id", "rank"]
    identity = ["channel", "location"]

    def reach(self, row: ChannelLocation) -> dict[str, list[int]]:
        return {"location_ids": [row.location_id]}


@admin.register(Reason)
class ReasonAdmin(MasterAdmin):
    list_display = ["code", "name", "direction", "account_role", "is_active"]
    list_filter = ["direction", "is_active"]
    search_fields = ["code", "name"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [] if obj is None else ["code"]
