import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("file_name", models.CharField(max_length=200, verbose_name="file")),
                ("file_bytes", models.PositiveIntegerField(verbose_name="size of the file")),
                ("content", models.BinaryField(verbose_name="content")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                (
                    "format",
                    models.CharField(choices=[("CSV", "CSV"), ("XLSX", "Excel")], max_length=4, verbose_name="format"),
                ),
                ("encoding", models.CharField(blank=True, max_length=20, verbose_name="encoding")),
                ("headings", models.JSONField(default=list, verbose_name="headings")),
                ("mapping", models.JSONField(default=list, verbose_name="columns")),
                (
                    "blanks",
                    models.CharField(
                        choices=[("KEEP", "leave what is there"), ("CLEAR", "empty the field")],
                        default="KEEP",
                        max_length=5,
                        verbose_name="empty cells",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("MAPPING", "Columns to be named"),
                            ("CHECKING", "Being checked"),
                            ("CHECKED", "Checked, not executed"),
                            ("APPLYING", "Being executed"),
                            ("STOPPED", "Stopped halfway"),
                            ("APPLIED", "Executed"),
                            ("UNDOING", "Being undone"),
                            ("UNDONE", "Undone"),
                            ("FAILED", "Broken off by a fault"),
                        ],
                        default="MAPPING",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "broken_off_in",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("MAPPING", "Columns to be named"),
                            ("CHECKING", "Being checked"),
                            ("CHECKED", "Checked, not executed"),
                            ("APPLYING", "Being executed"),
                            ("STOPPED", "Stopped halfway"),
                            ("APPLIED", "Executed"),
                            ("UNDOING", "Being undone"),
                            ("UNDONE", "Undone"),
                            ("FAILED", "Broken off by a fault"),
                        ],
                        max_length=10,
                        verbose_name="broken off in",
                    ),
                ),
                ("error", models.TextField(blank=True, verbose_name="error")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("undone_by", models.CharField(blank=True, max_length=100, verbose_name="undone by")),
                ("uploaded_at", models.DateTimeField(verbose_name="uploaded at")),
                ("checked_at", models.DateTimeField(blank=True, null=True, verbose_name="checked at")),
                ("started_at", models.DateTimeField(blank=True, null=True, verbose_name="started at")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
                ("undone_at", models.DateTimeField(blank=True, null=True, verbose_name="undone at")),
                ("row_count", models.PositiveIntegerField(default=0, verbose_name="rows")),
                ("done_count", models.PositiveIntegerField(default=0, verbose_name="done")),
                ("todo_count", models.PositiveIntegerField(default=0, verbose_name="to do")),
                ("new_count", models.PositiveIntegerField(default=0, verbose_name="new")),
                ("changed_count", models.PositiveIntegerField(default=0, verbose_name="changed")),
                ("unchanged_count", models.PositiveIntegerField(default=0, verbose_name="unchanged")),
                ("refused_count", models.PositiveIntegerField(default=0, verbose_name="refused")),
                ("applied_count", models.PositiveIntegerField(default=0, verbose_name="written")),
                ("undone_count", models.PositiveIntegerField(default=0, verbose_name="undone rows")),
                ("kept_count", models.PositiveIntegerField(default=0, verbose_name="left alone when undone")),
                ("holder", models.CharField(blank=True, max_length=40, verbose_name="holder")),
                ("claimed_until", models.DateTimeField(blank=True, null=True, verbose_name="claimed until")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "import of masters",
                "verbose_name_plural": "imports of masters",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["CHECKING", "APPLYING", "UNDOING"])),
                        fields=["id"],
                        name="import_run_to_work_on",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("done_count__lte", models.F("todo_count"))),
                        name="an_import_does_not_more_than_there_is",
                        violation_error_message="An import does no more rows than there are.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["STOPPED", "FAILED"]), _negated=True),
                            models.Q(("broken_off_in", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="a_broken_off_import_says_in_what",
                        violation_error_message="An import that was broken off says in what.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(verbose_name="row")),
                ("label", models.CharField(blank=True, max_length=200, verbose_name="key")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("NEW", "New"),
                            ("CHANGED", "Changed"),
                            ("UNCHANGED", "Unchanged"),
                            ("REFUSED", "Refused"),
                        ],
                        max_length=10,
                        verbose_name="result",
                    ),
                ),
                ("cells", models.JSONField(verbose_name="cells")),
                ("changes", models.JSONField(default=dict, verbose_name="changes")),
                ("problems", models.JSONField(default=list, verbose_name="problems")),
                ("target_id", models.BigIntegerField(blank=True, null=True, verbose_name="target")),
                ("is_applied", models.BooleanField(default=False, verbose_name="written")),
                ("before", models.JSONField(null=True, verbose_name="before")),
                ("after", models.JSONField(null=True, verbose_name="after")),
                (
                    "undo",
                    models.CharField(
                        blank=True,
                        choices=[("RESTORED", "Restored"), ("REMOVED", "Removed"), ("KEPT", "Left alone")],
                        max_length=10,
                        verbose_name="undone",
                    ),
                ),
                ("undo_detail", models.TextField(blank=True, verbose_name="why it was left alone")),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="imports.importrun",
                        verbose_name="import",
                    ),
                ),
            ],
            options={
                "verbose_name": "row of an import",
                "verbose_name_plural": "rows of imports",
                "indexes": [models.Index(fields=["run", "outcome", "number"], name="import_rows_by_outcome")],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "number"), name="one_row_per_import_and_number")
                ],
            },
        ),
        migrations.CreateModel(
            name="ColumnMapping",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("columns", models.JSONField(default=dict, verbose_name="columns")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "remembered columns",
                "verbose_name_plural": "remembered columns",
                "constraints": [models.UniqueConstraint(fields=("user", "kind"), name="one_mapping_per_user_and_kind")],
            },
        ),
    ]
