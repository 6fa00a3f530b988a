"""The access log is final; what is older than 90 days may be forgotten by the job that says so. What holds for a user is audited."""

from django.db import migrations

from erp.core.triggers import append_only, audited


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("core", "0002_guards")]

    operations = [
        append_only("access_accesslog", prunable="OLD.occurred_at < now() - interval '90 days'"),
        audited("access_staffaccess", key="user_id"),
    ]
