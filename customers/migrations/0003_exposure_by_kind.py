"""The exposure ledger is read by kind without reading all of it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_guards")]

    operations = [
        migrations.AddIndex(
            model_name="exposureentry",
            index=models.Index(fields=["kind", "-id"], name="exposure_by_kind"),
        ),
    ]
