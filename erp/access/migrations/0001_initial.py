import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffAccess",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                ("must_change_password", models.BooleanField(default=False, verbose_name="must choose a new password")),
                ("is_practice", models.BooleanField(default=False, verbose_name="for practice")),
            ],
            options={
                "verbose_name": "terms of access",
                "verbose_name_plural": "terms of access",
            },
        ),
        migrations.CreateModel(
            name="SecondFactor",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                ("sealed_key", models.BinaryField(verbose_name="sealed key")),
                ("last_step", models.BigIntegerField(verbose_name="last step")),
                ("enrolled_at", models.DateTimeField(verbose_name="enrolled at")),
            ],
            options={
                "verbose_name": "second factor",
                "verbose_name_plural": "second factors",
            },
        ),
        migrations.CreateModel(
            name="BackupCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                ("used_at", models.DateTimeField(blank=True, null=True, verbose_name="used at")),
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
                "verbose_name": "backup code",
                "verbose_name_plural": "backup codes",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "digest"), name="one_backup_code_per_user_and_digest")
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("last_seen_at", models.DateTimeField(verbose_name="last seen at")),
                ("address", models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address")),
                ("agent", models.CharField(blank=True, max_length=300, verbose_name="browser")),
                ("stand", models.CharField(max_length=64, verbose_name="digest")),
                ("has_second_factor", models.BooleanField(default=False, verbose_name="with a second factor")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended at")),
                (
                    "end",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("SIGNED_OUT", "Signed out"),
                            ("IDLE", "Not used for too long"),
                            ("LIFETIME", "Reached its longest time"),
                            ("CHANGED", "Password, roles or activity changed"),
                            ("ENDED", "Ended by the user"),
                            ("ENDED_BY_STAFF", "Ended by the system staff"),
                        ],
                        max_length=15,
                        verbose_name="why it ended",
                    ),
                ),
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
                "verbose_name": "session of staff",
                "verbose_name_plural": "sessions of staff",
                "indexes": [models.Index(fields=["ended_at"], name="session_by_end")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("end", ""), ("ended_at__isnull", True)),
                            models.Q(("ended_at__isnull", False), models.Q(("end", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="a_session_that_ended_says_why",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SignInLock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("PAIR", "User name from one address"),
                            ("NAME", "User name from anywhere"),
                            ("ADDRESS", "Address with any user name"),
                            ("CODE", "Codes of the second factor"),
                        ],
                        max_length=8,
                        verbose_name="what is counted",
                    ),
                ),
                ("key", models.CharField(max_length=64, verbose_name="digest")),
                ("username", models.CharField(blank=True, max_length=150, verbose_name="user name")),
                ("address", models.GenericIPAddressField(blank=True, null=True, verbose_name="IP address")),
                ("failures", models.PositiveIntegerField(verbose_name="tries")),
                ("last_at", models.DateTimeField(verbose_name="last try")),
                ("locked_until", models.DateTimeField(blank=True, null=True, verbose_name="locked until")),
            ],
            options={
                "verbose_name": "lock-out of sign-in",
                "verbose_name_plural": "lock-outs of sign-in",
                "constraints": [
                    models.UniqueConstraint(fields=("scope", "key"), name="one_sign_in_lock_per_scope_and_key")
                ],
            },
        ),
        migrations.CreateModel(
            name="AccessLog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("occurred_at", models.DateTimeField(verbose_name="occurred at")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("SIGNED_IN", "Signed in"),
                            ("SIGNED_OUT", "Signed out"),
                            ("REFUSED", "Wrong user name or password"),
                            ("CODE_REFUSED", "Wrong code of the second factor"),
                            ("LOCKED", "Refused while locked out"),
                            ("SESSION_ENDED", "Session ended"),
                            ("OPENED", "Opened"),
                            ("TAKEN_OUT", "Taken out (file)"),
                            ("PASSWORD_CHANGED", "Password changed"),
                            ("PASSWORD_GIVEN", "Initial password given"),
                            ("FACTOR_ENROLLED", "Second factor set up"),
                            ("FACTOR_REMOVED", "Second factor removed"),
                            ("CODES_MADE", "Backup codes made"),
                            ("CODE_USED", "Backup code used"),
                            ("UNLOCKED", "Lock-out lifted"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("username", models.CharField(blank=True, max_length=150, verbose_name="user name")),
                ("subject", models.CharField(blank=True, max_length=150, verbose_name="whose access")),
                ("address", models.GenericIPAddressField(null=True, verbose_name="IP address")),
                ("agent", models.CharField(blank=True, max_length=300, verbose_name="browser")),
                ("path", models.CharField(blank=True, max_length=500, verbose_name="page")),
                ("is_personal", models.BooleanField(default=False, verbose_name="personal data")),
                ("is_cost", models.BooleanField(default=False, verbose_name="costs")),
                ("detail", models.CharField(blank=True, max_length=300, verbose_name="detail")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "access",
                "verbose_name_plural": "access log",
                "indexes": [
                    models.Index(fields=["occurred_at"], name="access_by_time"),
                    models.Index(fields=["user", "-id"], name="access_by_user"),
                    models.Index(fields=["kind", "-id"], name="access_by_kind"),
                    models.Index(
                        condition=models.Q(("is_personal", True)), fields=["-id"], name="access_to_personal_data"
                    ),
                    models.Index(condition=models.Q(("is_cost", True)), fields=["-id"], name="access_to_costs"),
                    models.Index(fields=["username", "-id"], name="access_by_user_name"),
                    models.Index(
                        condition=models.Q(("subject", ""), _negated=True),
                        fields=["subject", "-id"],
                        name="access_by_subject",
                    ),
                    models.Index(fields=["address", "-id"], name="access_by_address"),
                ],
            },
        ),
    ]
