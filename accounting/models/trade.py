"""What trade leaves behind for billing, and the money that settles it."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounting.models.chart import PartyKind
from erp.core.fields import FiniteDecimalField
from erp.core.folding import Folded, Pairs
from erp.core.models import Channel


class BillableItem(models.Model):
    """One line that an invoice may print (請求対象明細), left behind by shipments, fees and returns; carries all that the invoice needs.

    Amounts are what is charged; a return is negative. ``net + tax = gross``; the tax is the document's, shared out to its lines.
    """

    class Kind(models.TextChoices):
        GOODS = "GOODS", _("Goods")
        FEE = "FEE", _("Fee")
        DISCOUNT = "DISCOUNT", _("Discount")
        RETURN = "RETURN", _("Return")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    bill_to_id = models.BigIntegerField(_("bill-to"), null=True, blank=True)
    account_id = models.BigIntegerField(_("account"), null=True, blank=True)
    addressee = models.CharField(_("addressee"), max_length=150, blank=True)
    document_type = models.CharField(_("document type"), max_length=20)
    document_id = models.BigIntegerField(_("document id"))
    document_line = models.BigIntegerField(_("document line"))
    document_number = models.CharField(_("document number"), max_length=40)
    order_number = models.CharField(_("order number"), max_length=40, blank=True)
    customer_po_number = models.CharField(_("customer's order number"), max_length=60, blank=True)
    original_date = models.DateField(_("date of the original sale"), null=True, blank=True)
    transaction_date = models.DateField(_("date of transaction"))
    ship_to_name = models.CharField(_("ship-to"), max_length=150, blank=True)
    item_code = models.CharField(_("item code"), max_length=60, blank=True)
    description = models.CharField(_("description"), max_length=300)
    quantity = models.IntegerField(_("quantity"))
    unit_price = FiniteDecimalField(_("unit price"), max_digits=14, decimal_places=4)
    tax_included = models.BooleanField(_("price includes tax"))
    tax_code = models.CharField(_("tax code"), max_length=20)
    tax_percent = FiniteDecimalField(_("tax rate (%)"), max_digits=5, decimal_places=2)
    is_reduced = models.BooleanField(_("reduced rate"), default=False)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    net_amount = FiniteDecimalField(_("net amount"), max_digits=16, decimal_places=2)
    tax_amount = FiniteDecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross_amount = FiniteDecimalField(_("gross amount"), max_digits=16, decimal_places=2)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("billable item")
        verbose_name_plural = _("billable items")
        constraints = [
            models.CheckConstraint(
                condition=Q(gross_amount=F("net_amount") + F("tax_amount")), name="billable_net_and_tax_make_gross"
            )
        ]
        indexes = [
            models.Index(fields=["document_type", "document_id"], name="billable_by_document"),
            models.Index(fields=["bill_to_id", "transaction_date"], name="billable_by_bill_to"),
            models.Index(fields=["document_number"], name="billable_by_number"),
            models.Index(fields=["order_number"], condition=Q(order_number__gt=""), name="billable_by_order"),
            GinIndex(Pairs("addressee"), name="billable_by_addressee"),
            models.Index(fields=["kind", "id"], condition=~Q(kind="GOODS"), name="billable_beside_goods"),
            # Rows lie in the order of their dates, nearly: a few pages of index say where.
            BrinIndex(fields=["transaction_date"], name="billable_by_date"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class Settlement(models.Model):
    """Money that moved through a bank account: a payout, a receipt, a payment (入金・精算・支払). Final; undone by reversing its entry.

    The other side's own reference makes it repeatable: one row per (kind, party, reference).
    """

    class Kind(models.TextChoices):
        PAYOUT = "PAYOUT", _("Payout of a provider, carrier or mall")
        RECEIPT = "RECEIPT", _("Receipt from a customer")
        SUPPLIER_PAYMENT = "SUPPLIER_PAYMENT", _("Payment to a supplier")
        REFUND = "REFUND", _("Refund to a customer")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    party_kind = models.CharField(_("party kind"), max_length=15, choices=PartyKind.choices)
    party_id = models.BigIntegerField(_("party id"))
    party_label = models.CharField(_("party"), max_length=150)
    external_id = models.CharField(_("reference"), max_length=100)
    settled_on = models.DateField(_("date"))
    bank_amount = FiniteDecimalField(_("amount through the bank"), max_digits=16, decimal_places=2)
    fee_amount = FiniteDecimalField(_("fee (tax included)"), max_digits=16, decimal_places=2, default=0)
    promotion_amount = FiniteDecimalField(_("promotion deducted"), max_digits=16, decimal_places=2, default=0)
    settled_amount = FiniteDecimalField(_("settled"), max_digits=16, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    fingerprint = models.CharField(_("fingerprint"), max_length=64)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "party_kind", "party_id", "external_id"], name="one_settlement_per_reference"
            ),
            models.CheckConstraint(
                condition=Q(bank_amount__gte=0, fee_amount__gte=0, promotion_amount__gte=0),
                name="settlement_amounts_not_negative",
            ),
        ]
        indexes = [
            models.Index(Folded("external_id"), name="settlement_by_reference"),
            GinIndex(Pairs("party_label"), name="settlement_by_party_label"),
            models.Index(fields=["settled_on", "id"], name="settlement_by_date"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.external_id}"
