"""What stock is carried at by rule: standard costs, and what is written down at a closing and why."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.core.naming import by_parts
from erp.inventory.models.masters import CostPool


class StandardCost(models.Model):
    """What a piece of a SKU is carried at from a date on, in the cost pools that are kept at standard (標準原価). History: a new one is a new row."""

    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    cost = FiniteDecimalField(_("standard cost (excl. tax)"), max_digits=14, decimal_places=4)
    valid_from = models.DateField(_("valid from"))

    class Meta:
        verbose_name = _("standard cost")
        verbose_name_plural = _("standard costs")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "valid_from"],
                name="one_standard_cost_per_sku_and_date",
                violation_error_message=_("This SKU has a standard cost from this date already."),
            ),
            models.CheckConstraint(
                condition=Q(cost__gte=0),
                name="standard_cost_not_negative",
                violation_error_message=_("A cost is not negative."),
            ),
        ]

    def __str__(self) -> str:
        return by_parts(self, "sku", "valid_from")


class WriteDownRule(models.Model):
    """How much of its cost stock is worth that came in so many months ago. The rule of a category goes before that of all."""

    category = models.ForeignKey(
        "catalog.Category",
        verbose_name=_("category"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
    )
    months = models.PositiveSmallIntegerField(_("months since the last receipt, at least"))
    percent = models.PositiveSmallIntegerField(_("percent of the cost that is left"))

    class Meta:
        verbose_name = _("write-down rule")
        verbose_name_plural = _("write-down rules")
        constraints = [
            models.UniqueConstraint(
                fields=["category", "months"],
                name="one_write_down_rule_per_age",
                violation_error_message=_("There is a rule for this age already."),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(percent__lte=100),
                name="write_down_leaves_a_share",
                violation_error_message=_("A share lies between 0 and 100 percent."),
            ),
        ]

    def __str__(self) -> str:
        category = by_parts(self, "category", otherwise=_("all categories"))
        return str(_("%(category)s, %(months)d months or more") % {"category": category, "months": self.months})


class WriteDownReview(models.Model):
    """A proposal of what stock is worth less at a closing (評価損の検討), edited by people and posted once, by a second person above the limit."""

    class State(models.TextChoices):
        DRAFT = "DRAFT", _("Proposal")
        POSTED = "POSTED", _("Posted")
        DISCARDED = "DISCARDED", _("Discarded")

    cost_pool = models.ForeignKey(CostPool, verbose_name=_("cost pool"), on_delete=models.PROTECT, related_name="+")
    valued_on = models.DateField(_("valued on"))
    reverses = models.BooleanField(_("taken back at the start of the next month (洗替法)"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    made_by = models.CharField(_("proposed by"), max_length=100)
    made_at = models.DateTimeField(_("proposed at"))
    posted_by = models.CharField(_("posted by"), max_length=100, blank=True)
    posted_at = models.DateTimeField(_("posted at"), null=True, blank=True)
    document_id = models.BigIntegerField(_("write-down document"), null=True, blank=True)
    reversal_id = models.BigIntegerField(_("document that took it back"), null=True, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("write-down proposal")
        verbose_name_plural = _("write-down proposals")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="POSTED", document_id__isnull=False)
                | (~Q(state="POSTED") & Q(document_id__isnull=True)),
                name="posted_write_down_has_its_document",
            ),
            models.CheckConstraint(
                condition=Q(reversal_id__isnull=True) | Q(document_id__isnull=False, reverses=True),
                name="only_a_posted_write_down_is_taken_back",
            ),
        ]
        indexes = [
            models.Index(
                fields=["valued_on"], condition=Q(state="POSTED", reverses=True, reversal_id__isnull=True),
                name="write_down_to_take_back",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.pk}"


class WriteDownLine(models.Model):
    """One SKU of a proposal: what it is carried at, and what it will fetch (正味売却価額), both for all of its pieces."""

    review = models.ForeignKey(
        WriteDownReview,
        verbose_name=_("write-down proposal"),
        on_delete=models.CASCADE,
        related_name="lines",
        db_index=False,
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"))
    value = FiniteDecimalField(_("value"), max_digits=16, decimal_places=2)
    proposed_value = FiniteDecimalField(_("proposed value"), max_digits=16, decimal_places=2)
    last_received_on = models.DateField(_("last receipt"), null=True, blank=True)

    class Meta:
        verbose_name = _("line of a write-down proposal")
        verbose_name_plural = _("lines of write-down proposals")
        constraints = [
            models.UniqueConstraint(fields=["review", "sku"], name="one_write_down_line_per_sku"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & Q(proposed_value__gte=0) & Q(proposed_value__lte=F("value")),
                name="write_down_lowers_a_value",
                violation_error_message=_("The proposed value lies between nothing and the value there is."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"
