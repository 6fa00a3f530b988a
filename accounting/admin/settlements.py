"""Money that came or went, matched to open items that staff chose in the list: 精算, 入金, 支払, 返金. Each page ends in one service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounting import services
from accounting.admin.fields import amount_field
from accounting.models import Counterparty, OpenItem, PartyKind, Settlement, Side
from accounting.services import Party, Settling
from erp.core.admin.refusals import for_people
from erp.core.errors import InvalidInput, Problem
from erp.core.models import TaxRate
from erp.core.money import ZERO, written

if TYPE_CHECKING:
    from accounting.admin.ledger import OpenItemAdmin

Kind = Settlement.Kind
# One page holds so many items; a larger payout is recorded in several, each under a reference of its own.
MOST_ITEMS = 400
DAY = forms.DateInput(attrs={"type": "date"})


class SettlingForm(forms.Form):
    """What every movement of money has, and for each item how much of it is settled: all that is left, unless said otherwise."""

    reference = forms.CharField(
        label=_("reference"),
        max_length=100,
        help_text=_("The number of the statement or transfer. The same one is not booked twice."),
    )
    settled_on = forms.DateField(label=_("date"), widget=DAY)

    def __init__(self, *args: Any, items: list[OpenItem], **options: Any) -> None:
        super().__init__(*args, **options)
        self.chosen = items
        for item in items:
            field = self.fields[f"amount_{item.pk}"] = amount_field("", required=False)
            field.widget.attrs["aria-label"] = gettext("Amount to settle of no. %(number)d") % {"number": item.pk}

    def clean_settled_on(self) -> dt.date:
        day: dt.date = self.cleaned_data["settled_on"]
        if day > timezone.localdate():
            raise forms.ValidationError(_("This day has not come yet."))
        return day

    @property
    def general(self) -> list[forms.BoundField]:
        """The fields that concern no single item; those of the items stand in the table of items."""
        return [field for field in self if not field.name.startswith("amount_")]

    def settling(self) -> list[Settling]:
        return [Settling(item.pk, self.cleaned_data[f"amount_{item.pk}"]) for item in self.chosen]

    # Whose items these forms settle; empty for anybody's.
    party_kinds: tuple[PartyKind, ...] = ()
    # Whether money leaves.
    pays = False
    wrong_party = _("%(party)s is not paid here.")

    def party(self, *, opens: bool = False) -> Party:
        """Whose items they are. Raises InvalidInput where no form of this kind settles them; before it ``opens``, also where nothing is left to
        settle: nobody shall fill in what cannot be booked. Filled in again, it is the service that knows what was booked before."""
        parties = {(item.party_kind, item.party_id): item.party_label for item in self.chosen}
        problems = []
        if len(parties) > 1:
            names = ", ".join(sorted(set(parties.values())))
            detail = gettext("The items belong to several parties: %(names)s.") % {"names": names}
            problems.append(Problem("/items", "several_parties", detail))
        for (kind, _id), label in parties.items():
            if self.party_kinds and kind not in self.party_kinds:
                problems.append(Problem("/items", "other_party", str(self.wrong_party) % {"party": label}))
        settled = [str(item.pk) for item in self.chosen if not item.remaining_amount]
        side = Side.CREDIT if self.pays else Side.DEBIT
        # How much of each is settled is said in the form, so no sums are drawn here: part of a larger one may be set off.
        if opens and not settled and all(item.side != side for item in self.chosen):
            problems.append(Problem("/items", "other_side", self._told_other_side({kind for kind, _id in parties})))
        if opens and settled:
            detail = gettext("Nothing is left to settle of no. %(numbers)s.") % {"numbers": "、".join(settled)}
            problems.append(Problem("/items", "settled", detail))
        if problems:
            raise InvalidInput(problems)
        [((kind, party_id), label)] = parties.items()
        return Party(kind, party_id, label)

    def _told_other_side(self, kinds: set[str]) -> str:
        told = (
            gettext("None of these items is owed by us.")
            if self.pays
            else gettext("None of these items is owed to us.")
        )
        pages = [
            f"「{title}」"
            for form, _service, title in PAGES.values()
            if form.pays != self.pays and (not form.party_kinds or kinds <= set(form.party_kinds))
        ]
        if not pages:
            return told
        return f"{told} {gettext('Record them with %(pages)s.') % {'pages': ''.join(pages)}}"

    def asked(self) -> dict[str, Any]:
        """The arguments of the service."""
        raise NotImplementedError


class PayoutForm(SettlingForm):
    bank_amount = amount_field(_("amount that came by the bank"))
    fee = amount_field(_("fee (tax included)"), required=False)
    fee_tax = forms.ChoiceField(
        label=_("tax on its fee"),
        required=False,
        choices=[("", _("as the counterparty's master says")), *Counterparty.FeeTax.choices],
    )
    promotion = amount_field(_("promotion deducted"), required=False)
    party_kinds: tuple[PartyKind, ...] = (PartyKind.COUNTERPARTY,)
    wrong_party = _("%(party)s is no payment provider, carrier, mall or agent.")

    def asked(self) -> dict[str, Any]:
        values, party = self.cleaned_data, self.party()
        return {
            "counterparty_id": party.id,
            "reference": values["reference"],
            "paid_on": values["settled_on"],
            "bank_amount": values["bank_amount"],
            "fee": values["fee"] or ZERO,
            "fee_tax": values["fee_tax"],
            "promotion": values["promotion"] or ZERO,
        }


class ReceiptForm(SettlingForm):
    bank_amount = amount_field(_("amount that came by the bank"))
    fee_kept = amount_field(_("transfer fee kept by the payer (tax included)"), required=False)
    fee_tax_code = forms.ChoiceField(label=_("tax code of the sale"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        codes = TaxRate.objects.order_by("code").values_list("code", "label")
        self.fields["fee_tax_code"].choices = [("", _("standard rate of the day")), *codes]  # type: ignore[attr-defined]

    def asked(self) -> dict[str, Any]:
        values = self.cleaned_data
        return {
            "debtor": self.party(),
            "reference": values["reference"],
            "received_on": values["settled_on"],
            "bank_amount": values["bank_amount"],
            "fee_kept": values["fee_kept"] or ZERO,
            "fee_tax_code": values["fee_tax_code"],
        }


class PaymentForm(SettlingForm):
    """What we pay is what the items say, in full; the bank's fee is ours."""

    fee = amount_field(_("our transfer fee (tax included)"), required=False)
    pays = True
    party_argument = "supplier"
    party_kinds: tuple[PartyKind, ...] = (PartyKind.SUPPLIER,)
    wrong_party = _("%(party)s is no supplier.")

    def asked(self) -> dict[str, Any]:
        values, party = self.cleaned_data, self.party()
        return {
            self.party_argument: party,
            "reference": values["reference"],
            "paid_on": values["settled_on"],
            "fee": values["fee"] or ZERO,
        }


class RefundForm(PaymentForm):
    party_argument = "customer"
    party_kinds: tuple[PartyKind, ...] = (PartyKind.CUSTOMER, PartyKind.BILL_TO)
    wrong_party = _("%(party)s is no customer.")


PAGES: dict[str, tuple[type[SettlingForm], Any, Any]] = {
    Kind.PAYOUT: (PayoutForm, services.record_payout, _("Record a payout")),
    Kind.RECEIPT: (ReceiptForm, services.record_receipt, _("Record a receipt of money")),
    Kind.SUPPLIER_PAYMENT: (PaymentForm, services.pay_supplier, _("Record a payment to a supplier")),
    Kind.REFUND: (RefundForm, services.pay_refund, _("Record a refund that was paid")),
}


def settle(page: OpenItemAdmin, request: HttpRequest, kind: str, item_ids: list[int]) -> HttpResponse:
    """The form of one kind over the chosen items. It comes from the list's action first, and from itself when it is filled in."""
    form_class, service, title = PAGES[kind]
    items = list(OpenItem.objects.filter(pk__in=item_ids).select_related("account").order_by("item_date", "pk"))
    is_filled_in = "settled_on" in request.POST
    form = form_class(request.POST if is_filled_in else None, items=items, initial={"settled_on": timezone.localdate()})

    if not is_filled_in:
        try:
            form.party(opens=True)
        except InvalidInput as refusal:
            page.message_user(request, for_people(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def act() -> HttpResponse:
        row = page.serve(request, service, items=form.settling(), **form.asked())
        told = gettext("%(reference)s is booked: %(amount)s settled.") % {
            "reference": row.external_id,
            "amount": written(row.settled_amount),
        }
        surplus = row.bank_amount + row.fee_amount - row.settled_amount
        if row.kind == Kind.RECEIPT and surplus:
            told += " " + gettext("%(amount)s more came in and stays in suspense.") % {"amount": written(surplus)}
        return page.done(request, told, "admin:accounting_settlement_change", row.pk)

    return page.service_page(
        request,
        form=form,
        title=str(title),
        act=act,
        template="admin/accounting/openitem/settle.html",
        target=reverse("admin:accounting_settle", args=[kind]),
        items=list(_rows(form)),
        debit=sum((item.remaining_amount for item in items if item.side == Side.DEBIT), Decimal(0)),
        credit=sum((item.remaining_amount for item in items if item.side == Side.CREDIT), Decimal(0)),
    )


def _rows(form: SettlingForm) -> Iterator[tuple[OpenItem, forms.BoundField]]:
    for item in form.chosen:
        yield item, form[f"amount_{item.pk}"]
