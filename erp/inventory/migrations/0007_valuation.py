"""What stock is worth by the rules of the closing."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inventory", "0006_counting")]
    operations = []
