"""Styles of a rare life cycle or tax class are listed without reading all others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_guards"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                condition=models.Q(("life_cycle", "ACTIVE"), _negated=True),
                fields=["life_cycle", "code"],
                name="style_beside_those_on_sale",
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                condition=models.Q(("tax_class", "STANDARD"), _negated=True),
                fields=["tax_class", "code"],
                name="style_of_other_tax_class",
            ),
        ),
    ]
