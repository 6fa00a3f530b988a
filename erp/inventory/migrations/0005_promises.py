"""Promises against what is expected, and the kinds of holds."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inventory", "0004_policies")]
    operations = []
