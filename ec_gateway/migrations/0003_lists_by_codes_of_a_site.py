"""Listings, differences and shipment notices are found by the codes of a site without reading all of them."""

import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ec_gateway", "0002_guards"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="listing",
            index=models.Index(erp.core.folding.Folded("external_code"), name="listing_by_code"),
        ),
        migrations.AddIndex(
            model_name="reconciliationrow",
            index=models.Index(
                condition=models.Q(("external_code", ""), _negated=True),
                fields=["external_code"],
                name="difference_by_code",
            ),
        ),
        migrations.AddIndex(
            model_name="reconciliationrow",
            index=models.Index(
                condition=models.Q(("external_id", ""), _negated=True),
                fields=["external_id"],
                name="difference_by_external_id",
            ),
        ),
        migrations.AddIndex(
            model_name="shipmentnotice",
            index=models.Index(fields=["order_external_id"], name="notice_by_order"),
        ),
        migrations.AddIndex(
            model_name="reconciliationrow",
            index=models.Index(fields=["kind", "-id"], name="difference_by_kind"),
        ),
        migrations.AddIndex(
            model_name="reconciliationrow",
            index=models.Index(fields=["repair", "-id"], name="difference_by_repair"),
        ),
        migrations.AddIndex(
            model_name="listing",
            index=models.Index(
                fields=["site", "external_code"], condition=models.Q(is_active=False), name="listing_that_rests"
            ),
        ),
    ]
