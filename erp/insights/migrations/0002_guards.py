"""How customers are scored and grouped is a decision of the company, so every change of it is audited. Scores are derived and are not."""

from django.db import migrations

from erp.core.triggers import audited


class Migration(migrations.Migration):
    dependencies = [("insights", "0001_initial"), ("core", "0001_initial")]

    operations = [audited("insights_rfmdefinition"), audited("insights_segment")]
