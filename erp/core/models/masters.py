"""What the company says of itself, how it sells, and what the law says of tax: masters that staff edit."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erp.core.clock import written_day
from erp.core.fields import FiniteDecimalField, days
from erp.core.money import Rounding
from erp.core.tax import code_in_words


class RoundingMethod(models.TextChoices):
    DOWN = Rounding.DOWN.value, _("Round down")
    HALF_UP = Rounding.HALF_UP.value, _("Round half up")
    UP = Rounding.UP.value, _("Round up")


class RevenueBasis(models.TextChoices):
    """When a sale counts as revenue. Source: ASBJ 適用指針30号98項; consistent per channel or account."""

    SHIPMENT = "SHIPMENT", _("On shipment")
    DELIVERY = "DELIVERY", _("On delivery")
    ACCEPTANCE = "ACCEPTANCE", _("On acceptance")
    SALES_REPORT = "SALES_REPORT", _("On sales report")


class TaxClass(models.TextChoices):
    STANDARD = "STANDARD", _("Standard rate")
    REDUCED = "REDUCED", _("Reduced rate")
    ZERO_RATED = "ZERO_RATED", _("Zero-rated (export)")
    EXEMPT = "EXEMPT", _("Exempt")
    OUT_OF_SCOPE = "OUT_OF_SCOPE", _("Out of scope")


class Department(models.Model):
    """A department of the company, for the dimension that every posting carries."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Channel(models.Model):
    """One way to sell: an EC site, a mall, a shop, wholesale. Its settings are the company's rules for that way."""

    listed_by = "name"

    class Kind(models.TextChoices):
        EC_SITE = "EC_SITE", _("EC site")
        MALL = "MALL", _("Mall")
        SHOP = "SHOP", _("Shop")
        WHOLESALE = "WHOLESALE", _("Wholesale")

    class Issuer(models.TextChoices):
        MAMORI = "MAMORI", _("Mamori")
        EC = "EC", _("EC site or mall")

    code = models.CharField(_("code"), max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    department = models.ForeignKey(
        Department, verbose_name=_("department"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    tax_rounding = models.CharField(
        _("tax rounding"), max_length=10, choices=RoundingMethod.choices, default=RoundingMethod.DOWN
    )
    revenue_basis = models.CharField(
        _("revenue basis"), max_length=20, choices=RevenueBasis.choices, default=RevenueBasis.SHIPMENT
    )
    invoice_issuer = models.CharField(_("invoice issuer"), max_length=10, choices=Issuer.choices, default=Issuer.MAMORI)
    default_priority = models.PositiveSmallIntegerField(
        _("allocation priority"),
        default=50,
        help_text=_("Smaller numbers keep their stock longer when pieces run out."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("sales channel")
        verbose_name_plural = _("sales channels")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class TaxRate(models.Model):
    """A dated consumption tax rate. Old 8% (6.3+1.7) and reduced 8% (6.24+1.76) are different codes."""

    tax_class = models.CharField(_("tax class"), max_length=20, choices=TaxClass.choices)
    code = models.CharField(_("tax code"), max_length=20, unique=True)
    percent = FiniteDecimalField(_("rate (%)"), max_digits=5, decimal_places=2)
    national_percent = FiniteDecimalField(_("national part (%)"), max_digits=5, decimal_places=2)
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid to"), null=True, blank=True)
    label = models.CharField(_("label on documents"), max_length=50)
    is_reduced = models.BooleanField(_("marked as reduced rate"), default=False)

    class Meta:
        verbose_name = _("tax rate")
        verbose_name_plural = _("tax rates")
        constraints = [
            models.UniqueConstraint(
                fields=["tax_class", "valid_from"],
                name="one_tax_rate_per_class_and_start",
                violation_error_message=_("This tax class has a rate from this date already."),
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="tax_rate_ends_after_it_starts",
                violation_error_message=_("It ends before it starts."),
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=100),
                name="tax_rate_is_a_percentage",
                violation_error_message=_("The rate lies between 0 and 100 percent."),
            ),
            models.CheckConstraint(
                condition=Q(national_percent__gte=0, national_percent__lte=F("percent")),
                name="national_part_is_part_of_the_rate",
                violation_error_message=_("The national part lies between 0 and the rate."),
            ),
            # Two rates of one class on one day would leave it to chance which a sale is taxed with.
            ExclusionConstraint(
                name="tax_rates_of_a_class_do_not_overlap",
                expressions=[
                    ("tax_class", RangeOperators.EQUAL),
                    (days("valid_from", "valid_to"), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_(
                    "Another rate of this tax class is in force in this period. Give that one its last day first."
                ),
            ),
        ]

    def __str__(self) -> str:
        return code_in_words(self.code)


class DeductibleShare(models.Model):
    """Share of purchase tax that may be deducted when the supplier has no registration number (経過措置), by date."""

    valid_from = models.DateField(_("valid from"), unique=True)
    percent = FiniteDecimalField(_("deductible share (%)"), max_digits=5, decimal_places=2)

    class Meta:
        verbose_name = _("deductible share of purchase tax")
        verbose_name_plural = _("deductible shares of purchase tax")
        constraints = [
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=100),
                name="deductible_share_is_a_percentage",
                violation_error_message=_("The deductible share lies between 0 and 100 percent."),
            )
        ]

    def __str__(self) -> str:
        return f"{written_day(self.valid_from)} {self.percent}%"


class CompanyProfile(models.Model):
    """The one row that says who we are: what every invoice prints as issuer, and the business year."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(_("company name"), max_length=100)
    registration_number = models.CharField(_("registration number (T + 13 digits)"), max_length=14, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=8, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    fiscal_year_start_month = models.PositiveSmallIntegerField(_("first month of the business year"), default=4)

    class Meta:
        verbose_name = _("company profile")
        verbose_name_plural = _("company profile")
        permissions = [
            ("see_costs", "Can see costs, margins and the value of stock"),
            ("see_amounts", "Can see what sales amount to"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(id=1),
                name="one_company_profile",
                violation_error_message=_("There is one company profile only."),
            ),
            models.CheckConstraint(
                condition=Q(fiscal_year_start_month__gte=1, fiscal_year_start_month__lte=12),
                name="business_year_starts_in_a_month",
                violation_error_message=_("The business year starts in a month from 1 to 12."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
