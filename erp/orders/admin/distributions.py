"""入荷配分(受注): SKUs in rows, accounts in columns, a proposal by rule, who gets what and who stays short before it is confirmed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.models import Sku
from customers.models import Account
from erp.core.admin import PageLink
from erp.inventory.admin.baskets import pieces_typed, plain
from erp.inventory.admin.distributions import (
    DISTRIBUTES,
    Cells,
    DistributionPages,
    GoodsForm,
    codes_in,
    matrix_row,
    same_goods,
)
from erp.inventory.selectors.distributions import distributable
from erp.orders import selectors, services
from erp.orders.models import OrderDistribution

State = OrderDistribution.State
TO_ORDERS = "orders.distribute_to_orders"


class OrderDistributionForm(GoodsForm):
    accounts = forms.CharField(
        label=_("accounts"),
        required=False,
        help_text=_("Codes parted by spaces. Empty: all whose orders lack any of the goods."),
    )
    kept = forms.IntegerField(
        label=_("kept back for shops, per SKU"),
        required=False,
        min_value=0,
        max_value=999_999,
        help_text=_("So many pieces stay free at the place; each SKU can be changed in the matrix."),
    )
    field_order = ["external_id", "source", "purchase", "styles", "accounts", "kept", "note"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["purchase"].help_text = _("Its number: what came under it and is free is shared out.")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        codes = codes_in(cleaned.get("accounts", ""))
        known = dict(Account.objects.filter(code__in=codes).values_list("code", "pk"))
        if unknown := [code for code in codes if code not in known]:
            told = _("Unknown accounts: %(codes)s")
            self.add_error("accounts", forms.ValidationError(told, params={"codes": " ".join(unknown)}))
        cleaned["account_ids"] = [known[code] for code in codes if code in known]
        return cleaned


@admin.register(OrderDistribution)
class OrderDistributionAdmin(DistributionPages):
    list_display = [
        "external_id",
        "source",
        "purchase",
        "state",
        "created_at",
        "created_by",
        "confirmed_at",
        "confirmed_by",
    ]
    list_links = (
        PageLink("admin:orders_distribute", _("Distribute goods to orders"), TO_ORDERS),
        PageLink("admin:inventory_distribute", _("Distribute goods"), DISTRIBUTES),
    )
    permission, begin_form, prefix = TO_ORDERS, OrderDistributionForm, "HJ"
    begin_title = _("Distribute goods to orders")
    asked_columns, matrix = "accounts", "admin/orders/orderdistribution/matrix.html"

    def get_urls(self) -> list[Any]:
        begin = path("begin/", self.admin_site.admin_view(self.begin), name="orders_distribute")
        return [begin, *super().get_urls()]

    def draft(self, request: HttpRequest, values: dict[str, Any]) -> Any:
        return self.serve(
            request,
            services.draft_order_distribution,
            external_id=values["external_id"],
            source_id=values["source"].pk,
            purchase=values["purchase"],
            sku_ids=values["skus"],
            account_ids=values["account_ids"],
            kept_back=dict.fromkeys(values["skus"], values["kept"] or 0),
            note=values["note"],
        )

    def act_on(self, request: HttpRequest, row: OrderDistribution, typed: Cells) -> bool:
        act, told = request.POST.get("act", ""), ""
        text = request.POST.get("version", "")
        version = int(text) if text.isdecimal() and len(text) < 10 else 0
        kept = _kept_typed(request, row)
        with self.refusals_as_messages(request):
            if act == "propose" and row.state == State.DRAFT:
                kept = self._kept_proposed(request, row, kept)
                cells = self._proposal(request, row, kept)
                self._set(request, row, version, cells, kept)
                told = gettext("Proposed: %(pieces)d pieces.") % {"pieces": sum(cells.values())}
            elif act == "save":
                self._set(request, row, version, typed, kept)
                told = gettext("Kept.")
            elif act == "confirm":
                told = self._confirmed(request, row, version, typed, kept)
            elif act == "go_on":
                outcome = self.serve(request, services.go_on_with_order_distribution, distribution_id=row.pk)
                told = _told(outcome)
            elif act == "finish":
                self.serve(request, services.finish_order_distribution, distribution_id=row.pk)
                told = gettext("Ended with what it has reserved.")
            elif act == "undo":
                told = self._undone(request, row)
            elif act == "preview":
                return False
        if told:
            self.message_user(request, told, messages.SUCCESS)
        return bool(told)

    def _set(
        self, request: HttpRequest, row: OrderDistribution, version: int, cells: Any, kept: dict[int, int]
    ) -> None:
        asked = {"distribution_id": row.pk, "version": version, "cells": cells, "kept_back": kept}
        self.serve(request, services.set_order_distribution, **asked)

    def _confirmed(
        self, request: HttpRequest, row: OrderDistribution, version: int, cells: Cells, kept: dict[int, int]
    ) -> str:
        outcome = self.serve(
            request,
            services.confirm_order_distribution,
            distribution_id=row.pk,
            version=version,
            cells=cells,
            kept_back=kept,
        )
        return gettext("Booked before, nothing changed.") if outcome.is_replay else _told(outcome)

    def _undone(self, request: HttpRequest, row: OrderDistribution) -> str:
        outcome = self.serve(request, services.undo_order_distribution, distribution_id=row.pk)
        if outcome.left:
            told = gettext(
                "The warehouse picks these orders, they keep theirs: %(orders)s. Call their release back first."
            )
            self.message_user(request, told % {"orders": "、".join(outcome.left)}, messages.WARNING)
        told = gettext("Given back: %(pieces)d pieces of %(orders)d orders.")
        return told % {"pieces": outcome.pieces, "orders": outcome.orders}

    def _proposal(self, request: HttpRequest, row: OrderDistribution, kept: dict[int, int]) -> Any:
        free = {sku_id: count - kept.get(sku_id, 0) for sku_id, count in _free(row).items()}
        wants = selectors.open_wants(
            source_id=row.source_id, sku_ids=row.asked["skus"], account_ids=row.asked["accounts"]
        )
        rule = request.POST.get("rule", OrderDistribution.Rule.PRIORITY)
        return services.propose(rule=rule, free=free, wants=wants, account_ids=row.asked["accounts"])

    def _kept_proposed(self, request: HttpRequest, row: OrderDistribution, kept: dict[int, int]) -> dict[int, int]:
        """What is kept back of each SKU by the one figure beside the rule: pieces, or a share of what is free, rounded up. Empty: as it stands."""
        figure = pieces_typed(plain(request.POST.get("keep", "")))
        if figure is None:
            return kept
        if request.POST.get("keep_as") != "percent":
            return {sku_id: min(figure, max(count, 0)) for sku_id, count in _free(row).items()}
        share = min(figure, 100)
        return {sku_id: -(-max(count, 0) * share // 100) for sku_id, count in _free(row).items()}

    def matrix_context(self, request: HttpRequest, row: OrderDistribution, typed: Cells | None) -> dict[str, Any]:
        skus, accounts = list(row.asked["skus"]), list(row.asked["accounts"])
        names = Account.objects.in_bulk(accounts)
        is_open = row.state == State.DRAFT and request.user.has_perm(TO_ORDERS)
        shares = row.shares.values_list("sku_id", "account_id", "quantity")
        given: Cells = {(sku_id, account_id): count for sku_id, account_id, count in shares}
        kept = {int(key): count for key, count in row.kept_back.items()}
        if typed is not None and row.state == State.DRAFT:
            given, kept = typed, _kept_typed(request, row)
        wants = selectors.open_wants(source_id=row.source_id, sku_ids=skus, account_ids=accounts)
        lacking: Cells = {}
        has: Cells = {}
        for want in wants:
            cell = (want.sku_id, want.account_id)
            lacking[cell] = lacking.get(cell, 0) + want.lacking
            has[cell] = has.get(cell, 0) + want.reserved
        free = _free(row)
        results = [] if row.state == State.DRAFT else selectors.distributed(row.pk)
        found = Sku.objects.select_related("product", "color", "size").in_bulk(skus)
        table: list[dict[str, Any]] = []
        for sku_id in skus:
            above = table[-1]["sku"] if table else None
            line = matrix_row(found[sku_id], accounts, given=given, first=lacking, second=has, above=above)
            # What it took and did not give back could be distributed when it began.
            taken = sum((each.reserved or 0) - each.released for each in results if each.sku_code == line["sku"].code)
            table.append(line | {"available": free[sku_id] + taken, "kept": kept.get(sku_id, 0)})
        foreseen = []
        if row.state == State.DRAFT and request.POST.get("act") in ("preview", "confirm"):
            foreseen = [
                (each, names[each.account_id], [(found[sku_id].code, got, after) for sku_id, got, after in each.lines])
                for each in services.foresee(source_id=row.source_id, sku_ids=skus, account_ids=accounts, cells=given)
            ]
        over = [
            f"{names[account_id].name} {found[sku_id].code}"
            for (sku_id, account_id), count in given.items()
            if count > lacking.get((sku_id, account_id), 0)
        ]
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{gettext('distribution to orders')} {row.external_id}",
            "row": row,
            "columns": [names[key] for key in accounts],
            "below": gettext("lacking / reserved before"),
            "keeps_back": True,
            "is_open": is_open,
            "table": table,
            "rules": OrderDistribution.Rule.choices,
            "may_act": request.user.has_perm(TO_ORDERS),
            "to_places": request.user.has_perm(DISTRIBUTES)
            and f"{reverse('admin:inventory_distribute')}?{same_goods(row, found.values())}",
            "foreseen": foreseen,
            "over": over if foreseen else [],
            "results": results,
        }


def _free(row: OrderDistribution) -> dict[int, int]:
    """SKU → free pieces at the place; of a delivery what came of it and is free still."""
    return distributable(source_id=row.source_id, sku_ids=row.asked["skus"], purchase=row.purchase, with_expected=False)


def _kept_typed(request: HttpRequest, row: OrderDistribution) -> dict[int, int]:
    return {sku_id: pieces_typed(plain(request.POST.get(f"kept_{sku_id}", ""))) or 0 for sku_id in row.asked["skus"]}


def _told(outcome: services.DistributionOutcome) -> str:
    told = gettext("Confirmed: %(pieces)d of %(asked)d pieces are reserved for %(orders)d orders.")
    return told % {"pieces": outcome.pieces, "asked": outcome.asked, "orders": outcome.orders}
