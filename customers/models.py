"""The company-wide customer master: source records under golden records, trade accounts, and the exposure ledger per credit group.

A merge re-points source records, it never copies or deletes; documents keep naming the record they were made with.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.clock import written_moment
from erp.core.fields import CurrentXid, FiniteDecimalField, Xid8Field
from erp.core.folding import Digits, Folded, Pairs
from erp.core.models import Channel, Department, RevenueBasis, RoundingMethod


class GoldenCustomer(models.Model):
    """The one customer behind all source records (統合顧客)."""

    created_at = models.DateTimeField(_("created at"))
    display_name = models.CharField(_("display name"), max_length=150, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("golden customer")
        verbose_name_plural = _("golden customers")
        indexes = [GinIndex(Pairs("display_name"), name="golden_customer_by_name")]

    def __str__(self) -> str:
        return f"{self.pk} {self.display_name}"


class CustomerRecord(models.Model):
    """What one source says of a customer. Raw values stay as given; matching works on derived keys."""

    class Kind(models.TextChoices):
        PERSON = "PERSON", _("Person")
        COMPANY = "COMPANY", _("Company")

    golden = models.ForeignKey(
        GoldenCustomer, verbose_name=_("golden customer"), on_delete=models.PROTECT, related_name="records"
    )
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.PERSON)
    company = models.CharField(_("company"), max_length=100, blank=True)
    department = models.CharField(_("department"), max_length=100, blank=True)
    family_name = models.CharField(_("family name"), max_length=100, blank=True)
    given_name = models.CharField(_("given name"), max_length=100, blank=True)
    family_kana = models.CharField(_("family name (kana)"), max_length=100, blank=True)
    given_kana = models.CharField(_("given name (kana)"), max_length=100, blank=True)
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    email_is_relay = models.BooleanField(_("e-mail is a relay address"), default=False)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    country = models.CharField(_("country"), max_length=2, default="JP")
    postal_code = models.CharField(_("postal code"), max_length=10, blank=True)
    prefecture = models.CharField(_("prefecture"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    street = models.CharField(_("street"), max_length=200, blank=True)
    building = models.CharField(_("building"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))
    source_updated_at = models.DateTimeField(
        _("as of"), help_text=_("The time the source spoke; older news never overwrites newer.")
    )
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("customer record")
        verbose_name_plural = _("customer records")
        indexes = [
            models.Index(fields=["phone"], name="customer_by_phone"),
            models.Index(fields=["email"], name="customer_by_email"),
            models.Index(fields=["family_kana", "given_kana"], name="customer_by_kana"),
            models.Index(fields=["id"], condition=Q(kind="COMPANY"), name="customer_that_is_a_company"),
            models.Index(Digits("phone"), condition=Q(phone__gt=""), name="customer_by_digits"),
            models.Index(Folded("email"), condition=Q(email__gt=""), name="customer_by_folded_email"),
            GinIndex(
                Pairs("family_name", "given_name"),
                Pairs("family_kana", "given_kana"),
                Pairs("company"),
                name="customer_by_name",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.company} {self.family_name} {self.given_name}".strip()


class ChannelIdentity(models.Model):
    """A channel's own number for a customer."""

    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    external_id = models.CharField(_("external id"), max_length=100)
    record = models.ForeignKey(
        CustomerRecord, verbose_name=_("customer record"), on_delete=models.PROTECT, related_name="identities"
    )

    class Meta:
        verbose_name = _("channel identity")
        verbose_name_plural = _("channel identities")
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="one_identity_per_channel_and_external_id")
        ]
        indexes = [models.Index(Folded("external_id"), name="identity_by_external_id")]

    def __str__(self) -> str:
        return f"{self.pk} {self.external_id}"


class CreditGroup(models.Model):
    """Who shares one credit limit. ``exposure`` is the sum of the exposure ledger, kept under this row's lock."""

    class Policy(models.TextChoices):
        NONE = "NONE", _("No check")
        WARN = "WARN", _("Warn")
        HOLD = "HOLD", _("Hold the order")

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    policy = models.CharField(_("policy"), max_length=10, choices=Policy.choices, default=Policy.HOLD)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    credit_limit = FiniteDecimalField(_("credit limit"), max_digits=14, decimal_places=0, default=0)
    temporary_limit = FiniteDecimalField(_("temporary addition"), max_digits=14, decimal_places=0, default=0)
    temporary_limit_until = models.DateField(_("temporary addition until"), null=True, blank=True)
    limit_valid_until = models.DateField(_("limit valid until"), null=True, blank=True)
    warning_percent = models.PositiveSmallIntegerField(_("warning line (%)"), default=90)
    is_frozen = models.BooleanField(_("frozen"), default=False)
    exposure = FiniteDecimalField(_("exposure"), max_digits=14, decimal_places=0, default=0, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    class Meta:
        verbose_name = _("credit group")
        verbose_name_plural = _("credit groups")
        constraints = [
            models.CheckConstraint(
                condition=Q(temporary_limit=0) | Q(temporary_limit_until__isnull=False),
                name="temporary_limit_has_an_end",
                violation_error_message=_("A temporary addition to the credit limit needs its last day."),
            ),
            models.CheckConstraint(
                condition=Q(credit_limit__gte=0, temporary_limit__gte=0),
                name="credit_limits_not_negative",
                violation_error_message=_("A credit limit is not negative."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class ExposureEntry(models.Model):
    """One change of a credit group's exposure, append-only. Positive raises it."""

    class Kind(models.TextChoices):
        OPEN_ORDER = "OPEN_ORDER", _("Open orders")
        UNBILLED = "UNBILLED", _("Shipped, not billed")
        RECEIVABLE = "RECEIVABLE", _("Receivables")
        DEPOSIT = "DEPOSIT", _("Deposits")

    credit_group = models.ForeignKey(
        CreditGroup, verbose_name=_("credit group"), on_delete=models.PROTECT, related_name="entries"
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    amount = FiniteDecimalField(_("amount"), max_digits=14, decimal_places=0)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    document_type = models.CharField(_("document type"), max_length=20)
    document_id = models.BigIntegerField(_("document id"))
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("exposure entry")
        verbose_name_plural = _("exposure ledger")
        indexes = [
            models.Index(fields=["credit_group", "id"], name="exposure_by_group"),
            models.Index(fields=["kind", "-id"], name="exposure_by_kind"),
            models.Index(fields=["document_type", "document_id"], name="exposure_by_document"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class BillTo(models.Model):
    """Who receives the bill (請求先): closing terms, tax unit, credit. The debtor of sales on account."""

    class TaxUnit(models.TextChoices):
        INVOICE = "INVOICE", _("Once per closing invoice")
        DELIVERY_NOTE = "DELIVERY_NOTE", _("Per delivery note")

    class HolidayRule(models.TextChoices):
        PREVIOUS = "PREVIOUS", _("Previous business day")
        NEXT = "NEXT", _("Next business day")
        SAME = "SAME", _("Same day")

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kana = models.CharField(_("kana"), max_length=100, blank=True)
    credit_group = models.ForeignKey(
        CreditGroup, verbose_name=_("credit group"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    postal_code = models.CharField(_("postal code"), max_length=10, blank=True)
    address = models.CharField(_("address"), max_length=300, blank=True)
    corporate_number = models.CharField(_("corporate number"), max_length=13, blank=True)
    closing_day = models.PositiveSmallIntegerField(_("closing day (31 = end of month)"), default=31)
    payment_month_offset = models.PositiveSmallIntegerField(_("payment month offset"), default=1)
    payment_day = models.PositiveSmallIntegerField(_("payment day (31 = end of month)"), default=31)
    holiday_rule = models.CharField(
        _("when the bank is closed"), max_length=10, choices=HolidayRule.choices, default=HolidayRule.NEXT
    )
    tax_unit = models.CharField(_("tax unit"), max_length=15, choices=TaxUnit.choices, default=TaxUnit.INVOICE)
    tax_rounding = models.CharField(
        _("tax rounding"), max_length=10, choices=RoundingMethod.choices, default=RoundingMethod.DOWN
    )

    class Meta:
        verbose_name = _("bill-to")
        verbose_name_plural = _("bill-tos")
        indexes = [
            models.Index(fields=["corporate_number"], name="bill_to_by_corporate_number"),
            GinIndex(Pairs("code"), Pairs("name"), Pairs("kana"), name="bill_to_by_name"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(closing_day__gte=1, closing_day__lte=31, payment_day__gte=1, payment_day__lte=31),
                name="bill_to_days_are_days",
                violation_error_message=_("Closing and payment days lie between 1 and 31."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Account(models.Model):
    """A trade account (得意先): who orders on account. A merge of customers never moves it; staff do."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kana = models.CharField(_("kana"), max_length=100, blank=True)
    record = models.ForeignKey(
        CustomerRecord,
        verbose_name=_("customer record"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="accounts",
    )
    bill_to = models.ForeignKey(BillTo, verbose_name=_("bill-to"), on_delete=models.PROTECT, related_name="accounts")
    department = models.ForeignKey(
        Department, verbose_name=_("our department"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    price_list = models.ForeignKey(
        "catalog.PriceList",
        verbose_name=_("price list"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    wholesale_percent = FiniteDecimalField(
        _("wholesale rate (掛率, %)"), max_digits=5, decimal_places=2, null=True, blank=True
    )
    revenue_basis = models.CharField(
        _("revenue basis"),
        max_length=20,
        choices=RevenueBasis.choices,
        blank=True,
        help_text=_("Empty: as the sales channel says."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        indexes = [GinIndex(Pairs("code"), Pairs("name"), Pairs("kana"), name="account_by_name")]
        constraints = [
            models.CheckConstraint(
                condition=Q(wholesale_percent__isnull=True) | Q(wholesale_percent__gte=0, wholesale_percent__lte=100),
                name="wholesale_rate_is_a_percentage",
                violation_error_message=_("The wholesale rate lies between 0 and 100 percent."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class ShipTo(models.Model):
    """A place an account has goods sent to (納品先)."""

    account = models.ForeignKey(Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="ship_tos")
    code = models.CharField(_("code"), max_length=20)
    name = models.CharField(_("name"), max_length=100)
    contact = models.CharField(_("contact"), max_length=100, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=10, blank=True)
    prefecture = models.CharField(_("prefecture"), max_length=20, blank=True)
    city = models.CharField(_("city"), max_length=100, blank=True)
    street = models.CharField(_("street"), max_length=200, blank=True)
    building = models.CharField(_("building"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("ship-to")
        verbose_name_plural = _("ship-tos")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "code"],
                name="one_ship_to_per_account_and_code",
                violation_error_message=_("The account has a ship-to of this code already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Contact(models.Model):
    """A person at an account."""

    account = models.ForeignKey(Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="contacts")
    department = models.CharField(_("department"), max_length=100, blank=True)
    name = models.CharField(_("name"), max_length=100)
    email = models.CharField(_("e-mail"), max_length=254, blank=True)
    phone = models.CharField(_("phone"), max_length=30, blank=True)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes = [
            models.Index(Digits("phone"), condition=Q(phone__gt=""), name="contact_by_phone"),
            models.Index(Folded("email"), condition=Q(email__gt=""), name="contact_by_email"),
            GinIndex(Pairs("name"), name="contact_by_name"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name"],
                name="one_contact_per_account_and_name",
                violation_error_message=_("This account has a contact of this name already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.name}"


class MergeEvent(models.Model):
    """One re-pointing of a source record from one golden record to another, append-only; undoing writes the way back."""

    record = models.ForeignKey(
        CustomerRecord, verbose_name=_("customer record"), on_delete=models.PROTECT, related_name="merges"
    )
    from_golden = models.ForeignKey(
        GoldenCustomer, verbose_name=pgettext_lazy("merge", "from"), on_delete=models.PROTECT, related_name="+"
    )
    to_golden = models.ForeignKey(
        GoldenCustomer, verbose_name=pgettext_lazy("merge", "to"), on_delete=models.PROTECT, related_name="+"
    )
    undoes = models.OneToOneField(
        "self", verbose_name=_("undoes"), null=True, blank=True, on_delete=models.PROTECT, related_name="undone_by"
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)
    created_xid = Xid8Field(db_default=CurrentXid(), editable=False)

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        constraints = [models.CheckConstraint(condition=~Q(from_golden=F("to_golden")), name="merge_moves_the_record")]

    def __str__(self) -> str:
        return f"{self.pk} {written_moment(self.recorded_at)}"
