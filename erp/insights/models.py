"""What the company knows about its customers from their orders: RFM and segments. Derived data: every row can be computed again."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erp.core.clock import written_day
from erp.core.fields import FiniteDecimalField

SCORE = [MinValueValidator(1), MaxValueValidator(5)]


class RfmDefinition(models.Model):
    """How scores are made, from a date on. Two variants are in use in the field; a company picks one and names it."""

    class Method(models.TextChoices):
        VALUE_QUANTILES = "VALUE_QUANTILES", _("By value (quintiles)")
        EQUAL_GROUPS = "EQUAL_GROUPS", _("Five groups of equal size")

    valid_from = models.DateField(_("valid from"), unique=True)
    method = models.CharField(_("method"), max_length=20, choices=Method.choices, default=Method.VALUE_QUANTILES)
    window_months = models.PositiveSmallIntegerField(
        _("months looked at"), null=True, blank=True, help_text=_("Empty: all orders there are.")
    )

    class Meta:
        verbose_name = _("RFM definition")
        verbose_name_plural = _("RFM definitions")
        constraints = [
            models.CheckConstraint(
                condition=Q(window_months__isnull=True) | Q(window_months__gt=0),
                name="rfm_window_has_months",
                violation_error_message=_("The months looked at are at least one."),
            )
        ]

    def __str__(self) -> str:
        return f"{written_day(self.valid_from)} {self.get_method_display()}"


class Segment(models.Model):
    """Customers whose three scores lie in these ranges. The first that fits, by ``rank``, is the customer's segment."""

    code = models.CharField(_("code"), max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=60)
    rank = models.PositiveSmallIntegerField(_("order of matching"))
    r_from = models.PositiveSmallIntegerField(_("R from"), default=1, validators=SCORE)
    r_to = models.PositiveSmallIntegerField(_("R to"), default=5, validators=SCORE)
    f_from = models.PositiveSmallIntegerField(_("F from"), default=1, validators=SCORE)
    f_to = models.PositiveSmallIntegerField(_("F to"), default=5, validators=SCORE)
    m_from = models.PositiveSmallIntegerField(_("M from"), default=1, validators=SCORE)
    m_to = models.PositiveSmallIntegerField(_("M to"), default=5, validators=SCORE)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        constraints = [
            models.CheckConstraint(
                condition=Q(r_from__lte=F("r_to"), f_from__lte=F("f_to"), m_from__lte=F("m_to")),
                name="segment_ranges_are_ranges",
                violation_error_message=_("Each range of R, F and M begins at or below its end."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class ToldMembership(models.Model):
    """What a channel was told last of one of its customers: behind which golden customer, in which segment. Numbers only, of what may be gone."""

    identity = models.OneToOneField(
        "customers.ChannelIdentity",
        verbose_name=_("channel identity"),
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    golden_id = models.BigIntegerField(_("golden customer"))
    segment_id = models.BigIntegerField(_("segment"), null=True)

    class Meta:
        verbose_name = _("membership as told")
        verbose_name_plural = _("memberships as told")

    def __str__(self) -> str:
        return f"{self.pk} {self.segment_id}"


class CustomerRfm(models.Model):
    """Scores of one golden customer as of a date, with what they were made from. ``amount`` is in the company's currency, tax included."""

    golden = models.OneToOneField(
        "customers.GoldenCustomer",
        verbose_name=_("golden customer"),
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    as_of = models.DateField(_("as of"))
    last_order_date = models.DateField(_("last order"))
    order_count = models.PositiveIntegerField(_("orders"))
    amount = FiniteDecimalField(_("amount (net of returns)"), max_digits=16, decimal_places=0)
    r = models.PositiveSmallIntegerField("R")
    f = models.PositiveSmallIntegerField("F")
    m = models.PositiveSmallIntegerField("M")
    segment = models.ForeignKey(
        Segment, verbose_name=_("segment"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("RFM of a customer")
        verbose_name_plural = _("RFM of customers")
        permissions = [("analyse_sales", "Can analyse sales")]
        indexes = [models.Index(fields=["segment", "golden"], name="rfm_by_segment")]

    def __str__(self) -> str:
        return f"{self.pk} {self.r}{self.f}{self.m}"
