"""For which channel pieces are promised, so that its quota is used when they come; for which kits a hold keeps pieces, so that their rules count again
when it is extended."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0002_guards"), ("inventory", "0013_count_records")]

    operations = [
        migrations.AddField(
            model_name="promise",
            name="channel",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="core.channel",
                verbose_name="sales channel",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="kits",
            field=models.JSONField(
                db_default=[],
                default=list,
                help_text="Pairs of kit and number, of what was asked for.",
                verbose_name="wanted kits",
            ),
        ),
    ]
