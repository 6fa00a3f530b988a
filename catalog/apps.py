from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

MANAGED = [
    "code",
    "sku",
    "name",
    "kana",
    "brand",
    "season",
    "category",
    "supplier",
    "jan",
    "color",
    "size",
    "tax_class",
]
MANAGED += ["life_cycle", "release_date", "discontinued_date", "material", "country_of_origin", "weight_g", "cost"]
MANAGED += ["skus", "is_kit", "components", "is_active", "standard_price", "version"]
PRICES = [
    "sku",
    "standard_price",
    "wholesale_price",
    "price",
    "currency",
    "tax_included",
    "price_list",
    "wholesale_percent",
]
PRESENTED = ["description", "images", "video", "reviews", "seo"]


class CatalogConfig(AppConfig):
    name = "catalog"
    label = "catalog"
    verbose_name = _("Catalog")

    def ready(self) -> None:
        from catalog.selectors import verification
        from catalog.selectors.finding import register_findables
        from catalog.services.masters import register_masters
        from erp.core import ownership
        from erp.core.checks import Check, register

        register_findables()
        register(
            Check(
                promise="P3",
                title=gettext_noop("Every kit has components, and none of them is a kit"),
                count=verification.kit_count,
                find=verification.bad_kits,
            )
        )
        ec, mamori = ownership.Owner.EC, ownership.Owner.MAMORI
        read, never = ownership.Delivery.READ_API, ownership.Delivery.NEVER
        ownership.register("product", owner=mamori, delivery=read, fields=MANAGED)
        ownership.register("product", owner=ec, delivery=never, fields=PRESENTED)
        ownership.register("price", owner=mamori, delivery=read, fields=PRICES)
        ownership.register("price", owner=ec, delivery=never, fields=["sale_price", "coupons"])
        register_masters()
