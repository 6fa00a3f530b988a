import django.db.models.deletion
import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChannelMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("from_name", models.CharField(max_length=100, verbose_name="sender's name")),
                ("from_address", models.EmailField(max_length=254, verbose_name="sender's address")),
                (
                    "reply_to",
                    models.EmailField(
                        blank=True,
                        help_text="Empty: to the sender's address.",
                        max_length=254,
                        verbose_name="answers go to",
                    ),
                ),
                (
                    "signature",
                    models.TextField(
                        blank=True, help_text="Stands where a template says {署名}.", verbose_name="signature"
                    ),
                ),
                (
                    "channel",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mail_setting",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "mail setting of a channel",
                "verbose_name_plural": "mail settings of channels",
            },
        ),
        migrations.CreateModel(
            name="MailRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ORDER_RECEIVED", "Order confirmation"),
                            ("ORDER_CHANGED", "Order changed"),
                            ("PAYMENT_REMINDER", "Reminder to pay"),
                            ("PAYMENT_RECEIVED", "Payment received"),
                            ("SHIPPED", "Shipping notice"),
                            ("SHORTAGE", "Apology for a shortage"),
                            ("ARRIVAL_MOVED", "Expected arrival moved"),
                            ("CANCELLED", "Cancellation"),
                            ("RETURNED", "Return received"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "sender",
                    models.CharField(
                        choices=[
                            ("EC", "The EC site or mall"),
                            ("MAMORI", "Mamori, by itself"),
                            ("MAMORI_CHECKED", "Mamori, after a person has looked"),
                            ("NOBODY", "Nobody"),
                        ],
                        default="EC",
                        max_length=20,
                        verbose_name="who sends",
                    ),
                ),
                (
                    "setting",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rules",
                        to="correspondence.channelmail",
                        verbose_name="mail setting of a channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "rule for a kind of mail",
                "verbose_name_plural": "who sends which mail",
                "constraints": [
                    models.UniqueConstraint(fields=("setting", "kind"), name="one_mail_rule_per_channel_and_kind")
                ],
            },
        ),
        migrations.CreateModel(
            name="MailTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ORDER_RECEIVED", "Order confirmation"),
                            ("ORDER_CHANGED", "Order changed"),
                            ("PAYMENT_REMINDER", "Reminder to pay"),
                            ("PAYMENT_RECEIVED", "Payment received"),
                            ("SHIPPED", "Shipping notice"),
                            ("SHORTAGE", "Apology for a shortage"),
                            ("ARRIVAL_MOVED", "Expected arrival moved"),
                            ("CANCELLED", "Cancellation"),
                            ("RETURNED", "Return received"),
                            ("RECEIPT", "Receipt by mail"),
                            ("OTHER", "Other mail"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        blank=True,
                        help_text="For other mails only: what it is about.",
                        max_length=60,
                        verbose_name="name of the template",
                    ),
                ),
                ("subject", models.CharField(max_length=200, verbose_name="subject line")),
                ("body", models.TextField(verbose_name="text of the mail")),
                (
                    "channel",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: for all channels without a template of their own.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "mail template",
                "verbose_name_plural": "mail templates",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel", "kind", "name"),
                        name="one_mail_template_per_channel_and_kind",
                        nulls_distinct=False,
                        violation_error_message="This channel has a template of this kind and name already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "OTHER"), models.Q(("name", ""), _negated=True)),
                            models.Q(models.Q(("kind", "OTHER"), _negated=True), ("name", "")),
                            _connector="OR",
                        ),
                        name="only_other_mails_have_names",
                        violation_error_message="Templates of other mails need a name, and only those have one.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Mail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ORDER_RECEIVED", "Order confirmation"),
                            ("ORDER_CHANGED", "Order changed"),
                            ("PAYMENT_REMINDER", "Reminder to pay"),
                            ("PAYMENT_RECEIVED", "Payment received"),
                            ("SHIPPED", "Shipping notice"),
                            ("SHORTAGE", "Apology for a shortage"),
                            ("ARRIVAL_MOVED", "Expected arrival moved"),
                            ("CANCELLED", "Cancellation"),
                            ("RETURNED", "Return received"),
                            ("RECEIPT", "Receipt by mail"),
                            ("OTHER", "Other mail"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("document_type", models.CharField(max_length=20, verbose_name="document type")),
                ("document_id", models.BigIntegerField(verbose_name="document")),
                ("document_label", models.CharField(max_length=40, verbose_name="document number")),
                ("about_type", models.CharField(blank=True, max_length=20, verbose_name="tells of")),
                ("about_id", models.BigIntegerField(blank=True, null=True, verbose_name="tells of")),
                ("occasion", models.CharField(max_length=80, verbose_name="occasion")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("DRAFT", "To be looked at"),
                            ("WAITING", "Not sent yet"),
                            ("CLAIMED", "About to be sent"),
                            ("SENDING", "Being sent"),
                            ("SENT", "Sent to the shopper"),
                            ("FAILED", "Sending failed"),
                            ("UNKNOWN", "Perhaps sent"),
                            ("UNDELIVERABLE", "Cannot be sent"),
                            ("DISCARDED", "Not to be sent"),
                        ],
                        max_length=15,
                        verbose_name="state",
                    ),
                ),
                ("owed_at", models.DateTimeField(verbose_name="owed since")),
                ("due_at", models.DateTimeField(verbose_name="not before")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                ("recipient", models.CharField(blank=True, max_length=254, verbose_name="addressed to")),
                ("from_header", models.CharField(blank=True, max_length=400, verbose_name="sent from")),
                ("reply_to", models.CharField(blank=True, max_length=254, verbose_name="answers go to")),
                ("subject", models.CharField(blank=True, max_length=400, verbose_name="subject line")),
                ("body", models.TextField(blank=True, verbose_name="text of the mail")),
                ("message_id", models.CharField(blank=True, max_length=200, verbose_name="message id")),
                ("attempts", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("claim", models.UUIDField(blank=True, editable=False, null=True, verbose_name="claim")),
                ("claimed_at", models.DateTimeField(blank=True, null=True, verbose_name="taken at")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent at")),
                ("reason", models.TextField(blank=True, verbose_name="reason")),
                (
                    "withdrawn_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="taken back at"),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
                (
                    "resend_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="again",
                        to="correspondence.mail",
                        verbose_name="sent again from",
                    ),
                ),
            ],
            options={
                "verbose_name": "mail to a shopper",
                "verbose_name_plural": "mails to shoppers",
                "indexes": [
                    models.Index(fields=["document_label"], name="mail_by_document_label"),
                    models.Index(fields=["kind", "-id"], name="mail_by_kind"),
                    models.Index(erp.core.folding.Folded("recipient"), name="mail_by_recipient"),
                    models.Index(
                        condition=models.Q(("state__in", ["WAITING", "CLAIMED", "SENDING"])),
                        fields=["due_at", "id"],
                        name="mail_to_send",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["DRAFT", "FAILED", "UNKNOWN"])),
                        fields=["owed_at"],
                        name="mail_that_waits_for_a_person",
                    ),
                    models.Index(
                        condition=models.Q(("about_id__isnull", False)),
                        fields=["about_type", "about_id"],
                        name="mail_by_subject",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("document_type", "document_id", "kind", "occasion"),
                        name="one_mail_per_document_and_occasion",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "SENT"), _negated=True),
                            models.Q(
                                ("sent_at__isnull", False),
                                models.Q(("recipient", ""), _negated=True),
                                models.Q(("body", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="sent_mail_says_what_and_when",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MailEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("EDITED", "Edited"),
                            ("APPROVED", "Approved"),
                            ("DISCARDED", "Discarded"),
                            ("SENT", "Sent to the shopper"),
                            ("DEFERRED", "Put off"),
                            ("FAILED", "Sending failed"),
                            ("UNKNOWN", "Perhaps sent"),
                            ("UNDELIVERABLE", "Cannot be sent"),
                        ],
                        max_length=15,
                        verbose_name="kind",
                    ),
                ),
                ("detail", models.TextField(blank=True, verbose_name="detail")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded at")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "mail",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="correspondence.mail",
                        verbose_name="mail to a shopper",
                    ),
                ),
            ],
            options={
                "verbose_name": "event of a mail",
                "verbose_name_plural": "events of mails",
            },
        ),
    ]
