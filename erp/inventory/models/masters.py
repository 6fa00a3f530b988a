"""Where stock lies, who sells from there, what is kept back, and why it is adjusted."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Pairs
from erp.core.models import Channel
from erp.core.naming import by_parts


class CostPool(models.Model):
    """Where one moving average is kept: usually the company, or one per warehouse. Its value sits on one inventory account."""

    class CostingMethod(models.TextChoices):
        MOVING_AVERAGE = "MOVING_AVERAGE", _("Moving average")
        STANDARD = "STANDARD", _("Standard cost")

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    account_role = models.CharField(_("account role"), max_length=40, default="inventory.goods")
    costing_method = models.CharField(
        _("costing method"), max_length=15, choices=CostingMethod.choices, default=CostingMethod.MOVING_AVERAGE
    )
    write_down_limit = FiniteDecimalField(
        _("write-down that one person may post"), max_digits=14, decimal_places=0, null=True, blank=True
    )
    write_downs_reverse = models.BooleanField(_("write-downs are taken back next month (洗替法)"), default=False)

    class Meta:
        verbose_name = _("cost pool")
        verbose_name_plural = _("cost pools")
        permissions = [("revalue_stock", "Can revalue stock at standard cost")]

    def __str__(self) -> str:
        return self.name


class Location(models.Model):
    """A place that holds stock."""

    listed_by = "name"

    class Kind(models.TextChoices):
        WAREHOUSE = "WAREHOUSE", _("Warehouse")
        SHOP = "SHOP", _("Shop")
        IN_TRANSIT = "IN_TRANSIT", _("In transit")
        MALL_HELD = "MALL_HELD", _("Held by a mall")
        CONSIGNED = "CONSIGNED", _("Consigned to an account")
        INSPECTION = "INSPECTION", _("Inspection")
        DEFECT = "DEFECT", _("Defective")

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    cost_pool = models.ForeignKey(CostPool, verbose_name=_("cost pool"), on_delete=models.PROTECT, related_name="+")
    holder_account_id = models.BigIntegerField(_("consigned to account"), null=True, blank=True)
    holder_channel = models.ForeignKey(
        Channel, verbose_name=_("held by channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_active = models.BooleanField(_("active"), default=True)
    # Above either, counted without regard to sign, a stocktake is approved by somebody else. Without both nobody is asked.
    count_value_limit = FiniteDecimalField(
        _("differences of a stocktake without approval (yen)"),
        max_digits=14,
        decimal_places=0,
        default=10_000,
        db_default=10_000,
        null=True,
        blank=True,
    )
    count_pieces_limit = models.PositiveIntegerField(
        _("differences of a stocktake without approval (pieces)"), null=True, blank=True
    )

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        indexes = [GinIndex(Pairs("code"), Pairs("name"), name="location_by_name")]
        permissions = [("all_locations", "Works with the stock of every location")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="CONSIGNED") | Q(holder_account_id__isnull=False),
                name="consigned_stock_has_a_holder",
                violation_error_message=_("A consigned location names the account that holds it."),
            ),
            models.CheckConstraint(
                condition=Q(count_value_limit__isnull=True) | Q(count_value_limit__gte=0),
                name="count_limit_not_negative",
                violation_error_message=_("A limit is not negative."),
            ),
            models.CheckConstraint(
                condition=~Q(kind="MALL_HELD") | Q(holder_channel__isnull=False),
                name="mall_held_stock_has_a_mall",
                violation_error_message=_("A location held by a mall names its channel."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


# Whatever a channel's list of places says, pieces of these kinds are nobody's to promise.
NOT_FOR_SALE = [
    Location.Kind.IN_TRANSIT.value,
    Location.Kind.CONSIGNED.value,
    Location.Kind.INSPECTION.value,
    Location.Kind.DEFECT.value,
]


class ChannelLocation(models.Model):
    """A location a channel sells from. Smaller ``rank`` is used first."""

    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")
    rank = models.PositiveSmallIntegerField(_("rank"), default=100)

    class Meta:
        verbose_name = _("channel's location")
        verbose_name_plural = _("channels' locations")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "location"],
                name="one_row_per_channel_and_location",
                violation_error_message=_("This channel sells from this location already."),
            )
        ]

    def __str__(self) -> str:
        return by_parts(self, "channel", "location")


class Shelf(models.Model):
    """Where in a location a SKU lies (棚番). Picking lists go along the shelves; what has none comes last."""

    location = models.ForeignKey(
        Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sku = models.ForeignKey("catalog.Sku", verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="+")
    code = models.CharField(_("shelf"), max_length=30)

    class Meta:
        verbose_name = _("shelf")
        verbose_name_plural = _("shelves")
        indexes = [
            GinIndex(Pairs("code"), name="shelf_by_code"),
            models.Index(fields=["location", "code", "id"], name="shelf_in_its_order"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["location", "sku"],
                name="one_shelf_per_location_and_sku",
                violation_error_message=_("This SKU has a shelf at this location already."),
            )
        ]

    def __str__(self) -> str:
        return self.code


class ShopStaff(models.Model):
    """Who works in which shop (店舗担当). Whoever may not work with every location works with these only."""

    user = models.ForeignKey("auth.User", verbose_name=_("user"), on_delete=models.CASCADE, related_name="+")
    location = models.ForeignKey(Location, verbose_name=_("location"), on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("shop staff")
        verbose_name_plural = _("shop staff")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "location"],
                name="one_row_per_user_and_location",
                violation_error_message=_("This user works at this location already."),
            )
        ]

    def __str__(self) -> str:
        return by_parts(self, "user", "location")


class ChannelRules(models.Model):
    """How often the rules have changed by which one channel may sell: its places, their state, its
    availability rules, the quotas of others. Counted by triggers only.

    Part of every version that the channel is told: it must rise when a place goes, though fewer pieces lie behind the figure then.
    """

    channel = models.OneToOneField(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    version = models.BigIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("rules of a channel")
        verbose_name_plural = _("rules of channels")

    def __str__(self) -> str:
        return f"{self.pk}"


class Reason(models.Model):
    """Why stock was adjusted, and which account bears it."""

    class Direction(models.TextChoices):
        UP = "UP", _("More")
        DOWN = "DOWN", _("Less")
        BOTH = "BOTH", _("Either")

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    direction = models.CharField(_("direction"), max_length=5, choices=Direction.choices, default=Direction.BOTH)
    account_role = models.CharField(_("account role"), max_length=40)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("adjustment reason")
        verbose_name_plural = _("adjustment reasons")

    def __str__(self) -> str:
        return self.name
