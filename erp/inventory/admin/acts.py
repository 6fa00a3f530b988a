"""The pages that book stock. Each is a form that ends in one service, and asks a permission of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.admin import PageLink
from erp.inventory import selectors, services
from erp.inventory.admin.forms import (
    AdjustmentForm,
    ArrivalForm,
    CountForm,
    LateCostForm,
    ReceiptForm,
    RedirectForm,
    TransferForm,
    WriteDownForm,
)
from erp.inventory.admin.handling import handle_page, sort_page
from erp.inventory.admin.offers import StocktakeOffer, offers_stocktake
from erp.inventory.admin.places import OfPlaces, limit_places
from erp.inventory.admin.purchase_forms import SupplierInvoiceForm, SupplierReturnForm
from erp.inventory.selectors.staff import places_of
from erp.inventory.selectors.transfers import on_the_road
from erp.inventory.services import Booked


class StockActs(OfPlaces):
    list_links = (
        PageLink("admin:inventory_availability", _("Available to promise")),
        PageLink("admin:inventory_receive", _("Receive stock"), "inventory.receive_stock"),
        PageLink("admin:inventory_handle", _("Adjust by scanner"), "inventory.adjust_stock"),
        PageLink("admin:inventory_sort", _("Inspect goods"), "inventory.adjust_stock"),
        PageLink("admin:inventory_adjust", _("Adjust stock"), "inventory.adjust_stock"),
        PageLink("admin:inventory_transfer", _("Transfer stock"), "inventory.transfer_stock"),
        PageLink("admin:inventory_arrive", _("Record the arrival of a transfer"), "inventory.transfer_stock"),
        PageLink("admin:inventory_redirect", _("Change where a transfer goes"), "inventory.transfer_stock"),
        PageLink("admin:inventory_count", _("Record a stock count"), "inventory.count_stock"),
        PageLink("admin:inventory_write_down", _("Write stock down"), "inventory.write_down_stock"),
        PageLink("admin:inventory_late_cost", _("Add a late cost"), "inventory.add_late_cost"),
        PageLink("admin:inventory_supplier_invoice", _("Book a supplier's invoice"), "inventory.invoice_stock"),
        PageLink("admin:inventory_supplier_return", _("Return goods to a supplier"), "inventory.return_stock"),
        PageLink("admin:inventory_stock_then", _("Stock of a past moment")),
    )

    def get_urls(self) -> list[Any]:
        pages: list[tuple[str, Callable[..., HttpResponse]]] = [
            ("receive", self.receive),
            ("adjust", self.adjust),
            ("transfer", self.transfer),
            ("arrive", self.arrive),
            ("count", self.count),
            ("write_down", self.write_down),
            ("late_cost", self.late_cost),
            ("supplier_invoice", self.supplier_invoice),
            ("supplier_return", self.supplier_return),
        ]
        own = [path(f"{name}/", self.admin_site.admin_view(view), name=f"inventory_{name}") for name, view in pages]
        view = self.admin_site.admin_view
        scanned = [
            path("handle/", view(self.handle), name="inventory_handle"),
            path("sort/", view(self.sort), name="inventory_sort"),
            path("redirect/", view(self.redirect), name="inventory_redirect"),
        ]
        return [*scanned, *own, *super().get_urls()]

    def handle(self, request: HttpRequest) -> HttpResponse:
        return handle_page(self, request)

    def sort(self, request: HttpRequest) -> HttpResponse:
        return sort_page(self, request)

    def receive(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, "receive", ReceiptForm, lambda form: partial(
            services.receive,
            location_id=form.cleaned_data["location"].pk,
            supplier_id=form.cleaned_data["supplier"] and form.cleaned_data["supplier"].pk,
            lines=form.receipt_lines(),
            books=form.books(),
        ))  # fmt: skip

    def adjust(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, "adjust", AdjustmentForm, lambda form: partial(
            services.adjust,
            location_id=form.cleaned_data["location"].pk,
            reason_code=form.cleaned_data["reason"].code,
            lines=form.adjustment_lines(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def transfer(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, "transfer", TransferForm, lambda form: partial(
            services.transfer,
            from_location_id=form.cleaned_data["from_location"].pk,
            to_location_id=form.cleaned_data["to_location"].pk,
            destination_id=form.cleaned_data["destination"] and form.cleaned_data["destination"].pk,
            lines=form.transfer_lines(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def arrive(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, "arrive", ArrivalForm, lambda form: partial(
            services.arrive,
            transfer_id=form.cleaned_data["transfer"].pk,
            to_location_id=form.cleaned_data["to_location"].pk,
            lines=form.transfer_lines(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def redirect(self, request: HttpRequest) -> HttpResponse:
        """Goods on the road go elsewhere, with a reason: an act of whoever may send from where they left."""
        if not request.user.has_perm("inventory.transfer_stock"):
            raise PermissionDenied
        form = RedirectForm(request.POST or None, initial={"transfer": request.GET.get("transfer")})
        limit_places(form, request)
        form.name_only(on_the_road(of=places_of(request.user)))

        def act() -> HttpResponse:
            values = form.cleaned_data
            done = self.serve(
                request, services.redirect_transfer, transfer_id=values["transfer"].pk, destination_id=values["destination"].pk,
                reason=values["reason"],
            )  # fmt: skip
            told = gettext("It goes to %(place)s from now on.") % {"place": values["destination"].name}
            return self.done(request, told, "admin:inventory_stockdocument_change", done)

        title = gettext("Change where a transfer goes")
        return self.service_page(request, form=form, title=title, act=act, submit=gettext("Change the destination"))

    def count(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, "count", CountForm, lambda form: partial(
            services.record_count,
            location_id=form.cleaned_data["location"].pk,
            counts=form.counts(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def write_down(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, "write_down", WriteDownForm, lambda form: partial(
            services.write_down,
            location_id=form.cleaned_data["location"].pk,
            lines=form.cleaned_data["lines"],
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def late_cost(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, "late_cost", LateCostForm, lambda form: partial(
            services.add_late_cost,
            receipt_id=form.cleaned_data["receipt"].pk,
            amounts=form.cleaned_data["lines"],
            contra_role=form.cleaned_data["contra_role"],
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def supplier_invoice(self, request: HttpRequest) -> HttpResponse:
        """With the receipts that wait for one, the oldest first; each fills its number in."""
        return self._book(request, "supplier_invoice", SupplierInvoiceForm, lambda form: partial(
            services.book_supplier_invoice,
            receipt_id=form.cleaned_data["receipt"].pk,
            amounts=form.amounts(),
            tax_rounding=form.cleaned_data["tax_rounding"],
        ), template="inventory/supplier_invoice.html", waiting=partial(selectors.uninvoiced_receipts, limit=50))  # fmt: skip

    def supplier_return(self, request: HttpRequest) -> HttpResponse:
        return self._book(request, "supplier_return", SupplierReturnForm, lambda form: partial(
            services.return_to_supplier,
            location_id=form.cleaned_data["location"].pk,
            supplier_id=form.cleaned_data["supplier"].pk,
            receipt_id=form.cleaned_data["receipt"] and form.cleaned_data["receipt"].pk,
            tax_rounding=form.cleaned_data["tax_rounding"],
            lines=form.return_lines(),
            note=form.cleaned_data["note"],
        ))  # fmt: skip

    def _book(
        self,
        request: HttpRequest,
        name: str,
        form_class: type[Any],
        service: Callable[[Any], Callable[..., Booked]],
        **context: Any,
    ) -> HttpResponse:
        """A page whose form books one stock document. ``service`` is what it calls, with all that is its own.

        A receipt that the address names is filled in.
        """
        [link] = [link for link in self.list_links if link.url_name == f"admin:inventory_{name}"]
        if not link.is_open(self, request):
            raise PermissionDenied
        now = timezone.localtime().replace(second=0, microsecond=0)
        form = form_class(request.POST or None, initial={"occurred_at": now, "receipt": request.GET.get("receipt")})
        limit_places(form, request)
        if isinstance(form, ArrivalForm):
            form.name_only(on_the_road(to=places_of(request.user)))
        offers: list[StocktakeOffer] = []

        def act() -> HttpResponse:
            values = form.cleaned_data
            with offers_stocktake(self, request, offers):
                booked = self.serve(
                    request, service(form), external_id=values["external_id"], occurred_at=values["occurred_at"]
                )
            told = gettext("Booked before, nothing changed.") if booked.is_replay else gettext("Booked.")
            return self.done(request, told, "admin:inventory_stockdocument_change", booked.document_id)

        return self.service_page(request, form=form, title=str(link.title), act=act, offers=offers, **context)
