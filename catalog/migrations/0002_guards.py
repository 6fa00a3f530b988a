"""Every change of the product master lands in the audit trail, also one made by a bulk write or plain SQL."""

from django.db import migrations

from erp.core.triggers import audited


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial"), ("core", "0002_guards")]

    operations = [
        audited("catalog_brand"),
        audited("catalog_season"),
        audited("catalog_category"),
        audited("catalog_color"),
        audited("catalog_size"),
        audited("catalog_supplier"),
        audited("catalog_product"),
        audited("catalog_sku"),
        audited("catalog_kitcomponent"),
        audited("catalog_skucode"),
        audited("catalog_skucost"),
        audited("catalog_pricelist"),
        audited("catalog_price"),
    ]
