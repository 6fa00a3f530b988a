"""The chart of accounts, who plays which role in it, and whose money each payment method brings."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from erp.core import words
from erp.core.models import Channel


class Side(models.TextChoices):
    DEBIT = "DEBIT", _("Debit")
    CREDIT = "CREDIT", _("Credit")


class PartyKind(models.TextChoices):
    """Who stands behind an open item. Shoppers appear only where we hold or owe their money."""

    BILL_TO = "BILL_TO", _("Bill-to")
    COUNTERPARTY = "COUNTERPARTY", _("Payment provider, carrier, mall or agent")
    SUPPLIER = "SUPPLIER", _("Supplier")
    CUSTOMER = "CUSTOMER", _("Customer")


class LedgerAccount(models.Model):
    """An account of the chart (勘定科目)."""

    class Type(models.TextChoices):
        ASSET = "ASSET", _("Asset")
        LIABILITY = "LIABILITY", _("Liability")
        EQUITY = "EQUITY", _("Equity")
        REVENUE = "REVENUE", _("Revenue")
        EXPENSE = "EXPENSE", _("Expense")

    class Control(models.TextChoices):
        NONE = "NONE", _("Free")
        OPEN_ITEM = "OPEN_ITEM", _("Controlled by open items")
        STOCK = "STOCK", _("Controlled by stock")

    code = models.CharField(_("code"), max_length=10, unique=True)
    name = models.CharField(_("name"), max_length=50)
    type = models.CharField(_("type"), max_length=10, choices=Type.choices)
    normal_side = models.CharField(_("normal side"), max_length=6, choices=Side.choices)
    control = models.CharField(_("control"), max_length=10, choices=Control.choices, default=Control.NONE)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("ledger account")
        verbose_name_plural = _("chart of accounts")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class AccountRole(models.Model):
    """Which ledger account plays a role (勘定科目割当), e.g. ``sales.ec``. Configuration instead of code."""

    role = models.CharField(_("role"), max_length=40, unique=True)
    account = models.ForeignKey(
        LedgerAccount, verbose_name=_("ledger account"), on_delete=models.PROTECT, related_name="roles"
    )

    class Meta:
        verbose_name = _("account assignment")
        verbose_name_plural = _("account assignments")

    def __str__(self) -> str:
        return words.told("role", self.role)


class Counterparty(models.Model):
    """A payment provider, carrier, mall, deferred-payment company or collection agent: the debtor of money that shoppers paid to it."""

    class Kind(models.TextChoices):
        PAYMENT_PROVIDER = "PAYMENT_PROVIDER", _("Payment provider")
        CARRIER = "CARRIER", _("Carrier (cash on delivery)")
        MALL = "MALL", _("Mall")
        DEFERRED_PAYMENT = "DEFERRED_PAYMENT", _("Deferred-payment company")
        COLLECTION_AGENT = "COLLECTION_AGENT", _("Collection agent (convenience stores)")
        FUNDER = "FUNDER", _("Funder of coupons and points")

    class FeeTax(models.TextChoices):
        TAXED = "TAXED", _("Fee is taxable")
        EXEMPT = "EXEMPT", _("Fee is exempt")

    code = models.CharField(_("code"), max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    fee_tax = models.CharField(_("tax on its fee"), max_length=10, choices=FeeTax.choices, default=FeeTax.TAXED)
    registration_number = models.CharField(_("registration number (T + 13 digits)"), max_length=14, blank=True)

    class Meta:
        verbose_name = _("counterparty")
        verbose_name_plural = _("counterparties")

    def __str__(self) -> str:
        return self.name


class PaymentRoute(models.Model):
    """Where the money of a payment method comes from: the account it is owed on and who owes it. The most specific row wins."""

    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    method = models.CharField(_("payment method"), max_length=20)
    provider = models.CharField(_("provider"), max_length=50, blank=True)
    role = models.CharField(_("role"), max_length=40)
    counterparty = models.ForeignKey(
        Counterparty, verbose_name=_("counterparty"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    must_be_paid_first = models.BooleanField(_("paid before shipment"), default=False)

    class Meta:
        verbose_name = _("payment route")
        verbose_name_plural = _("payment routes")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "method", "provider"],
                name="one_payment_route",
                violation_error_message=_("This payment method has a route already."),
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{words.told('method', self.method)} {words.told('provider', self.provider)}".strip()
