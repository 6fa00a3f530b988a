"""The page on which a hold becomes an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import Account
from customers.services import CustomerData
from erp.core.clock import business_date
from erp.core.models import Channel
from erp.inventory.selectors import held_for, shop_channels_of
from erp.inventory.selectors.goods import goods_named
from erp.orders import services
from erp.orders.models import OrderType, PaymentMethod

if TYPE_CHECKING:
    from erp.orders.admin.orders import OrderAdmin

METHODS = (
    PaymentMethod.CASH,
    PaymentMethod.COD,
    PaymentMethod.BANK_TRANSFER,
    PaymentMethod.CONVENIENCE_STORE,
    PaymentMethod.CARD,
)


class HoldOrderForm(forms.Form):
    external_id = forms.CharField(label=_("channel's order number"), max_length=100)
    account = forms.ModelChoiceField(
        label=_("account"),
        queryset=Account.objects.filter(is_active=True).order_by("code"),
        required=False,
        help_text=_("On account, at the account's prices. Empty: a shopper pays."),
    )
    method = forms.ChoiceField(label=_("payment method"), choices=[(each.value, each.label) for each in METHODS])
    name = forms.CharField(label=_("orderer"), max_length=60)
    phone = forms.CharField(label=_("phone"), max_length=30, required=False)
    postal_code = forms.CharField(label=_("postal code"), max_length=10, required=False)
    prefecture = forms.CharField(label=_("prefecture"), max_length=20, required=False)
    city = forms.CharField(label=_("city"), max_length=100, required=False)
    street = forms.CharField(label=_("street"), max_length=200, required=False)
    wish_date = forms.DateField(label=_("wished date"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def said(self, *, at_shop: bool) -> services.HoldOrder:
        """Fetched at the shop where the shop keeps it and nobody says an address."""
        typed = self.cleaned_data
        account = typed["account"]
        is_fetched = at_shop and not typed["street"]
        where = {name: typed[name] for name in ("postal_code", "prefecture", "city", "street")}
        family, _space, given = typed["name"].replace("\u3000", " ").partition(" ")
        return services.HoldOrder(
            external_id=typed["external_id"],
            account_code=account.code if account else "",
            orderer=None
            if account
            else CustomerData(family_name=family, given_name=given, phone=typed["phone"], **where),
            delivery=services.DeliveryInput(
                recipient_name=typed["name"], recipient_phone=typed["phone"], wish_date=typed["wish_date"], **where
            ),
            method=typed["method"],
            order_type=OrderType.STORE_PICKUP if is_fetched else OrderType.NORMAL,
        )


def convert(page: OrderAdmin, request: HttpRequest, hold_id: int) -> HttpResponse:
    """What is kept for somebody becomes an order, and the order takes the pieces over."""
    held = held_for(hold_id)
    shops = shop_channels_of(request.user)
    if not request.user.has_perm("orders.change_order") or not request.user.has_perm("inventory.view_hold"):
        raise PermissionDenied
    if held is None or (shops is not None and held.channel_id not in shops):
        raise Http404
    channel = Channel.objects.get(pk=held.channel_id)
    initial = {"external_id": held.ref, "name": held.owner_label, "phone": held.owner_phone}
    form = HoldOrderForm(request.POST or None, initial=initial)
    prices = services.prices_of_hold(held, account_code="", on=business_date(timezone.now()))
    names = goods_named(sku_id for sku_id, _pieces in held.asked)
    goods = [(*names[sku_id], pieces, prices.get(sku_id)) for sku_id, pieces in held.asked]

    def act() -> HttpResponse:
        outcome = page.serve(
            request,
            services.order_from_hold,
            channel=channel.code,
            held=held,
            said=form.said(at_shop=channel.kind == Channel.Kind.SHOP),
        )
        told = gettext("The hold is order %(number)s now.") % {"number": outcome.number}
        return page.done(request, told, "admin:orders_order_change", outcome.order_id)

    return page.service_page(
        request,
        form=form,
        title=gettext("Make the hold an order"),
        act=act,
        submit=gettext("Place the order"),
        template="admin/orders/order/from_hold.html",
        goods=goods,
    )
