"""Which expected arrival a shopper knows of, while another stands and is not told yet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_distributions"),
    ]

    operations = [
        migrations.AddField(
            model_name="orderline",
            name="arrival_told",
            field=models.DateField(blank=True, null=True, verbose_name="expected arrival as told"),
        ),
    ]
