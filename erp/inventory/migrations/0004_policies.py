"""By which rules a channel is shown less than there is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inventory", "0003_reserve")]
    operations = []
