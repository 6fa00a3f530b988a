"""The access log is read by kind, by person and by address without reading all of it."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="accesslog",
            index=models.Index(fields=["kind", "-id"], name="access_by_kind"),
        ),
        migrations.AddIndex(
            model_name="accesslog",
            index=models.Index(
                condition=models.Q(("is_personal", True)), fields=["-id"], name="access_to_personal_data"
            ),
        ),
        migrations.AddIndex(
            model_name="accesslog",
            index=models.Index(condition=models.Q(("is_cost", True)), fields=["-id"], name="access_to_costs"),
        ),
        migrations.AddIndex(
            model_name="accesslog",
            index=models.Index(fields=["username", "-id"], name="access_by_user_name"),
        ),
        migrations.AddIndex(
            model_name="accesslog",
            index=models.Index(
                condition=models.Q(("subject", ""), _negated=True), fields=["subject", "-id"], name="access_by_subject"
            ),
        ),
        migrations.AddIndex(
            model_name="accesslog",
            index=models.Index(fields=["address", "-id"], name="access_by_address"),
        ),
    ]
