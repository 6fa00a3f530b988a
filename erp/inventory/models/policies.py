"""By which rules a channel is shown less than there is (販売可能数ルール), and what is set aside for one channel (チャネル別販売枠)."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast, Coalesce, Greatest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erp.core.models import Channel


def moments(first: str, last: str) -> Func:
    """From one moment to before another, open where empty. What ends before it starts is empty: another constraint refuses it in words."""
    begin = Coalesce(first, Cast(Value("-infinity"), models.DateTimeField()))
    end = Greatest(first, Coalesce(last, Cast(Value("infinity"), models.DateTimeField())))
    return Func(begin, end, function="tstzrange", output_field=DateTimeRangeField())


class Dated(models.Model):
    """In force from ``starts_at`` (empty: always) until before ``ends_at`` (empty: for good).

    ``due_at`` is the next of the two of which readers were not told yet; set by a trigger, moved on by ``announce_due_policies``.
    """

    starts_at = models.DateTimeField(_("in force from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("in force until"), null=True, blank=True)
    due_at = models.DateTimeField(_("told at"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class ChannelPolicy(Dated):
    """Rules by which one channel is shown less than is free: of a SKU, a style, a category, or of everything it sells.

    Each rule by itself: of the rows in force, the one with the narrowest scope that says something of it. An empty rule says nothing, 0 is said.
    """

    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sku = models.ForeignKey(
        "catalog.Sku",
        verbose_name=_("SKU"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    product = models.ForeignKey(
        "catalog.Product",
        verbose_name=_("style"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )
    category = models.ForeignKey(
        "catalog.Category", verbose_name=_("category"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # fmt: skip
    buffer = models.PositiveIntegerField(
        _("pieces kept back"), null=True, blank=True, help_text=_("So many pieces are never shown.")
    )
    buffer_percent = models.PositiveSmallIntegerField(
        _("share kept back (%)"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(100)],
        help_text=_("Of the free pieces, rounded up. Comes on top of pieces kept back."),
    )
    last_pieces = models.PositiveIntegerField(
        _("sold out below"), null=True, blank=True, help_text=_("Shows 0 where fewer than this would be shown.")
    )
    cap = models.PositiveIntegerField(
        _("shown at most"), null=True, blank=True, help_text=_("Never shows more than this.")
    )

    class Meta:
        verbose_name = _("availability rule")
        verbose_name_plural = _("availability rules")
        indexes = [
            models.Index(fields=["sku", "channel"], condition=Q(sku__isnull=False), name="policy_by_sku"),
            models.Index(fields=["product", "channel"], condition=Q(product__isnull=False), name="policy_by_product"),
            models.Index(
                fields=["category", "channel"], condition=Q(category__isnull=False), name="policy_by_category"
            ),
            models.Index(
                fields=["channel", "product", "category"],
                condition=Q(sku__isnull=True),
                name="policy_of_more_than_a_sku",
            ),
            models.Index(fields=["channel", "starts_at"], name="policy_by_start"),
            models.Index(fields=["channel", "-id"], name="policy_by_channel"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="policy_that_is_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(sku__isnull=True, product__isnull=True)
                | Q(sku__isnull=True, category__isnull=True)
                | Q(product__isnull=True, category__isnull=True),
                name="policy_has_one_scope",
                violation_error_message=_("Name a SKU, a style or a category, not two of them."),
            ),
            models.CheckConstraint(
                condition=Q(buffer__isnull=False)
                | Q(buffer_percent__isnull=False)
                | Q(last_pieces__isnull=False)
                | Q(cap__isnull=False),
                name="policy_says_something",
                violation_error_message=_("Give at least one rule."),
            ),
            models.CheckConstraint(
                condition=Q(buffer_percent__isnull=True) | Q(buffer_percent__lte=100),
                name="policy_share_is_a_percentage",
                violation_error_message=_("The share lies between 0 and 100 percent."),
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="policy_ends_after_it_starts",
                violation_error_message=_("It ends before it starts."),
            ),
            ExclusionConstraint(
                name="policies_of_a_scope_do_not_overlap",
                expressions=[
                    ("channel", RangeOperators.EQUAL),
                    (Coalesce("sku", 0), RangeOperators.EQUAL),
                    (Coalesce("product", 0), RangeOperators.EQUAL),
                    (Coalesce("category", 0), RangeOperators.EQUAL),
                    (moments("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_(
                    "Another rule of this channel for the same goods is in force in this time. Change that one, or end it first."
                ),
            ),
        ]

    def __str__(self) -> str:
        goods = self.sku or self.product or self.category or gettext("All goods")
        return f"{self.channel}: {goods}"


class ChannelQuota(Dated):
    """Pieces of a SKU set aside for one channel: every other channel is shown less by what is left of it.

    ``used`` is what the channel's orders have of them, taken since it began and not given back: the sum over its reservations, kept by triggers.
    ``version`` rises with it, and is part of the version that other channels are told.
    """

    channel = models.ForeignKey(
        Channel, verbose_name=_("for sales channel"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sku = models.ForeignKey(
        "catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    quantity = models.PositiveIntegerField(_("pieces set aside"), validators=[MinValueValidator(1)])
    is_binding = models.BooleanField(
        _("also against orders of others"),
        default=False,
        help_text=_("Orders of other channels do not get these pieces either, but wait. Otherwise only what is shown and held is less."),
    )  # fmt: skip
    used = models.IntegerField(_("pieces used"), default=0, editable=False)
    version = models.BigIntegerField(_("version"), default=1, editable=False)

    class Meta:
        verbose_name = _("quota of a channel")
        verbose_name_plural = _("quotas of channels")
        indexes = [
            models.Index(fields=["sku", "channel"], name="quota_by_sku"),
            models.Index(fields=["channel", "-id"], name="quota_by_channel"),
            models.Index(fields=["-id"], condition=Q(is_binding=True), name="quota_that_binds"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="quota_that_is_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0),
                name="quota_has_pieces",
                violation_error_message=_("A quota is of one piece at least."),
            ),
            models.CheckConstraint(
                condition=Q(used__gte=0),
                name="quota_use_not_negative",
                violation_error_message=_("No quota was used less than not at all."),
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True) | Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="quota_ends_after_it_starts",
                violation_error_message=_("It ends before it starts."),
            ),
            ExclusionConstraint(
                name="quotas_of_a_sku_do_not_overlap",
                expressions=[
                    ("channel", RangeOperators.EQUAL),
                    ("sku", RangeOperators.EQUAL),
                    (moments("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                violation_error_message=_("This channel has a quota of this SKU in this time already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.sku}"

    @property
    def remaining(self) -> int:
        return max(self.quantity - self.used, 0)

    def clean(self) -> None:
        if self.sku_id is not None and self.sku.is_kit:
            raise ValidationError({"sku": gettext("A kit has no pieces of its own. Set its components aside.")})
