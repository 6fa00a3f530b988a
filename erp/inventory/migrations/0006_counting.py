"""Counting, distributing and inspecting what is there."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inventory", "0005_promises")]
    operations = []
