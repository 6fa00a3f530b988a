"""What was there at a moment, cut behind the feed horizon."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inventory", "0007_valuation")]
    operations = []
