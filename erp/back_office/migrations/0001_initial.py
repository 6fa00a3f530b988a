"""Who was given which role, and by whom, is audited like any master."""

from django.db import migrations

from erp.core.triggers import audited


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("core", "0002_guards"),
    ]
    operations = [
        audited("auth_user_groups"),
        audited("auth_user_user_permissions"),
    ]
