"""Product master: 品番 → SKUs as a colour × size matrix, kits, codes, suppliers, costs and prices.

Mamori owns all of it; the EC site owns how it is shown.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from erp.core.fields import FiniteDecimalField
from erp.core.folding import Pairs
from erp.core.models import Channel, TaxClass
from erp.core.naming import by_parts


class Brand(models.Model):
    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        verbose_name = _("brand")
        verbose_name_plural = _("brands")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Season(models.Model):
    """A selling season such as 2026 AW."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    starts_on = models.DateField(_("starts on"), null=True, blank=True)
    ends_on = models.DateField(_("ends on"), null=True, blank=True)

    class Meta:
        verbose_name = _("season")
        verbose_name_plural = _("seasons")
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_on__isnull=True) | Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")),
                name="season_ends_after_it_starts",
                violation_error_message=_("It ends before it starts."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Category(models.Model):
    """Product group (商品グループ), also the scope of the retail method and of stock policies."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Color(models.Model):
    """A colour, coded once for the whole house."""

    code = models.CharField(_("code"), max_length=10, unique=True)
    name = models.CharField(_("name"), max_length=50)
    sort_order = models.PositiveIntegerField(pgettext_lazy("place in a list", "order"), default=0)

    class Meta:
        verbose_name = _("colour")
        verbose_name_plural = _("colours")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Size(models.Model):
    """A size. Its order is data: XS<S<M<L, 7号<9号<11号, W28L32; F is the free size."""

    code = models.CharField(_("code"), max_length=10, unique=True)
    name = models.CharField(_("name"), max_length=50)
    sort_order = models.PositiveIntegerField(pgettext_lazy("place in a list", "order"), default=0)

    class Meta:
        verbose_name = _("size")
        verbose_name_plural = _("sizes")

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Supplier(models.Model):
    """Whom we buy from. The registration number decides how much purchase tax may be deducted."""

    listed_by = "name"

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    kana = models.CharField(_("kana"), max_length=100, blank=True)
    registration_number = models.CharField(_("registration number (T + 13 digits)"), max_length=14, blank=True)
    registration_verified_at = models.DateTimeField(_("registration verified at"), null=True, blank=True)
    registered_from = models.DateField(_("registered from"), null=True, blank=True)
    registered_to = models.DateField(_("registered to"), null=True, blank=True)
    is_subcontract_act = models.BooleanField(_("covered by the subcontracting act (取適法)"), default=False)
    lead_time_days = models.PositiveSmallIntegerField(_("lead time (days)"), default=0)
    closing_day = models.PositiveSmallIntegerField(_("closing day (31 = end of month)"), default=31)
    payment_month_offset = models.PositiveSmallIntegerField(_("payment month offset"), default=1)
    payment_day = models.PositiveSmallIntegerField(_("payment day (31 = end of month)"), default=31)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("supplier")
        verbose_name_plural = _("suppliers")
        indexes = [
            models.Index(fields=["registration_number"], name="supplier_by_registration"),
            GinIndex(Pairs("code"), Pairs("name"), Pairs("kana"), name="supplier_by_name"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(registration_number="") | Q(registration_number__regex=r"^T[1-9][0-9]{12}$"),
                name="supplier_registration_number_form",
                violation_error_message=_("A registration number is T and 13 digits."),
            ),
            models.CheckConstraint(
                condition=Q(registered_from__isnull=True)
                | Q(registered_to__isnull=True)
                | Q(registered_to__gte=F("registered_from")),
                name="registration_ends_after_it_starts",
                violation_error_message=_("It ends before it starts."),
            ),
            models.CheckConstraint(
                condition=Q(closing_day__gte=1, closing_day__lte=31, payment_day__gte=1, payment_day__lte=31),
                name="supplier_days_are_days",
                violation_error_message=_("Closing and payment days lie between 1 and 31."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Product(models.Model):
    """A style (品番). What is sold and counted are its SKUs."""

    class LifeCycle(models.TextChoices):
        PLANNED = "PLANNED", _("Planned")
        ACTIVE = "ACTIVE", _("On sale")
        CLEARANCE = "CLEARANCE", _("Clearance")
        DISCONTINUED = "DISCONTINUED", _("Discontinued")

    code = models.CharField(_("style number"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=200)
    kana = models.CharField(_("kana"), max_length=200, blank=True)
    brand = models.ForeignKey(
        Brand, verbose_name=_("brand"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    season = models.ForeignKey(
        Season, verbose_name=_("season"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    category = models.ForeignKey(
        Category, verbose_name=_("category"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    supplier = models.ForeignKey(
        Supplier, verbose_name=_("main supplier"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    tax_class = models.CharField(_("tax class"), max_length=20, choices=TaxClass.choices, default=TaxClass.STANDARD)
    life_cycle = models.CharField(_("life cycle"), max_length=20, choices=LifeCycle.choices, default=LifeCycle.ACTIVE)
    release_date = models.DateField(_("release date"), null=True, blank=True)
    discontinued_date = models.DateField(_("discontinued date"), null=True, blank=True)
    material = models.CharField(_("material composition"), max_length=200, blank=True)
    country_of_origin = models.CharField(_("country of origin"), max_length=50, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("style")
        verbose_name_plural = _("styles")
        indexes = [
            GinIndex(Pairs("code"), Pairs("name"), Pairs("kana"), name="style_by_name"),
            models.Index(
                fields=["life_cycle", "code"], condition=~Q(life_cycle="ACTIVE"), name="style_beside_those_on_sale"
            ),
            models.Index(
                fields=["tax_class", "code"], condition=~Q(tax_class="STANDARD"), name="style_of_other_tax_class"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Sku(models.Model):
    """One colour and size of a style: what has stock, a cost and a price. A kit has no stock of its own, only components."""

    code = models.CharField(_("SKU"), max_length=40, unique=True)
    product = models.ForeignKey(Product, verbose_name=_("style"), on_delete=models.PROTECT, related_name="skus")
    color = models.ForeignKey(
        Color, verbose_name=_("colour"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    size = models.ForeignKey(
        Size, verbose_name=_("size"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_kit = models.BooleanField(_("kit"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    weight_g = models.PositiveIntegerField(_("weight (g)"), null=True, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)

    class Meta:
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")
        indexes = [
            GinIndex(Pairs("code"), name="sku_by_part_of_code"),
            models.Index(fields=["code"], condition=Q(is_kit=True), name="sku_that_is_a_kit"),
            models.Index(fields=["id"], include=["version"], condition=Q(is_kit=True), name="kit_by_id"),
            models.Index(fields=["code"], condition=Q(is_active=False), name="sku_out_of_use"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "color", "size"],
                name="one_sku_per_colour_and_size",
                violation_error_message=_("The style has this colour and size already."),
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.code


class KitComponent(models.Model):
    """A kit's bill of pieces: ``quantity`` of ``component`` goes into one ``kit``. Kits do not nest."""

    kit = models.ForeignKey(Sku, verbose_name=_("kit"), on_delete=models.PROTECT, related_name="components")
    component = models.ForeignKey(Sku, verbose_name=_("component"), on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"))

    class Meta:
        verbose_name = _("kit component")
        verbose_name_plural = _("kit components")
        constraints = [
            models.UniqueConstraint(fields=["kit", "component"], name="one_row_per_kit_component"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="kit_component_has_pieces"),
            models.CheckConstraint(condition=~Q(kit=F("component")), name="kit_is_not_its_own_component"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class SkuCode(models.Model):
    """Another code under which a SKU is known. Text, never a number: leading zeros count."""

    class Kind(models.TextChoices):
        GTIN13 = "GTIN13", _("JAN / GTIN-13")
        GTIN8 = "GTIN8", _("JAN / GTIN-8")
        GTIN14 = "GTIN14", _("GTIN-14 (UPC and others)")
        IN_STORE = "IN_STORE", _("In-store code")
        SUPPLIER = "SUPPLIER", _("Supplier's code")
        CHANNEL = "CHANNEL", _("Channel's item code")

    sku = models.ForeignKey(Sku, verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="codes")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    code = models.CharField(_("code"), max_length=60)
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    supplier = models.ForeignKey(
        Supplier, verbose_name=_("supplier"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)

    class Meta:
        verbose_name = _("SKU code")
        verbose_name_plural = _("SKU codes")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "code", "channel", "supplier"],
                name="one_sku_per_code",
                violation_error_message=_("This code is filed already."),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=~Q(kind="CHANNEL") | Q(channel__isnull=False),
                name="channel_code_names_its_channel",
                violation_error_message=_("A channel's code needs its channel."),
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="sku_code_ends_after_it_starts",
                violation_error_message=_("It ends before it starts."),
            ),
        ]
        indexes = [models.Index(fields=["code"], name="sku_code_by_code")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.code}"


class SkuCost(models.Model):
    """What a SKU costs us, tax-exclusive, from a date on. History: a new price is a new row."""

    sku = models.ForeignKey(Sku, verbose_name=_("SKU"), on_delete=models.PROTECT, related_name="costs")
    supplier = models.ForeignKey(
        Supplier, verbose_name=_("supplier"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    cost = FiniteDecimalField(_("cost (excl. tax)"), max_digits=14, decimal_places=4)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    valid_from = models.DateField(_("valid from"))

    class Meta:
        verbose_name = _("cost")
        verbose_name_plural = _("cost history")
        constraints = [
            models.UniqueConstraint(
                fields=["sku", "supplier", "valid_from"],
                name="one_cost_per_sku_supplier_and_date",
                violation_error_message=_("There is a cost of this supplier from this date already."),
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(cost__gte=0),
                name="cost_not_negative",
                violation_error_message=_("A cost is not negative."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class PriceList(models.Model):
    """A set of prices: 上代 (usually tax-inclusive), wholesale (tax-exclusive), one channel's own. The lowest ``rank`` that has a price wins."""

    class TaxMode(models.TextChoices):
        INCLUDED = "INCLUDED", _("Tax-inclusive")
        EXCLUDED = "EXCLUDED", _("Tax-exclusive")

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    currency = models.CharField(_("currency"), max_length=3, default="JPY")
    tax_mode = models.CharField(_("tax mode"), max_length=10, choices=TaxMode.choices)
    channel = models.ForeignKey(
        Channel, verbose_name=_("sales channel"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_standard = models.BooleanField(_("standard retail price (上代)"), default=False)
    rank = models.PositiveSmallIntegerField(_("rank"), default=100)

    class Meta:
        verbose_name = _("price list")
        verbose_name_plural = _("price lists")
        constraints = [
            models.UniqueConstraint(
                fields=["is_standard"],
                condition=Q(is_standard=True),
                name="one_standard_price_list",
                violation_error_message=_("There is a standard price list already."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class Price(models.Model):
    """A price of a whole style or of one SKU (which wins), between two dates."""

    price_list = models.ForeignKey(
        PriceList, verbose_name=_("price list"), on_delete=models.PROTECT, related_name="prices"
    )
    product = models.ForeignKey(
        Product, verbose_name=_("style"), null=True, blank=True, on_delete=models.PROTECT, related_name="prices"
    )
    sku = models.ForeignKey(
        Sku, verbose_name=_("SKU"), null=True, blank=True, on_delete=models.PROTECT, related_name="prices"
    )
    price = FiniteDecimalField(_("price"), max_digits=14, decimal_places=4)
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid to"), null=True, blank=True)

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        constraints = [
            models.CheckConstraint(
                condition=Q(product__isnull=False, sku__isnull=True) | Q(product__isnull=True, sku__isnull=False),
                name="price_is_of_a_style_or_a_sku",
                violation_error_message=_("Name either a SKU or a style."),
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0),
                name="price_not_negative",
                violation_error_message=_("A price is not negative."),
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="price_ends_after_it_starts",
                violation_error_message=_("The price ends before it starts."),
            ),
            models.UniqueConstraint(
                fields=["price_list", "product", "sku", "valid_from"],
                name="one_price_per_start",
                violation_error_message=_("There is a price from this date already."),
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return by_parts(self, "price_list", "product", "sku", "valid_from")
