"""What came in, unique per site and kept as it came, and what is known of every order."""

import django.db.models.deletion
from django.db import migrations, models

from erp.core.triggers import never_deleted

# Whatever becomes of an event, what came stays as it came.
AS_IT_CAME = """
CREATE FUNCTION ec_gateway_event_as_it_came() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'event % is kept as it came; what the site says now is another event', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ec_gateway_inboundevent_as_it_came BEFORE UPDATE ON ec_gateway_inboundevent FOR EACH ROW
WHEN ((OLD.site_id, OLD.event_id, OLD.kind, OLD.external_id, OLD.source, OLD.changed_at, OLD.document, OLD.raw, OLD.received_at)
    IS DISTINCT FROM
    (NEW.site_id, NEW.event_id, NEW.kind, NEW.external_id, NEW.source, NEW.changed_at, NEW.document, NEW.raw, NEW.received_at))
EXECUTE FUNCTION ec_gateway_event_as_it_came();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ec_gateway", "0003_idempotency"),
    ]

    operations = [
        migrations.AddField(
            model_name="sitestate",
            name="webhooks_asked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="asked about webhooks at"),
        ),
        migrations.CreateModel(
            name="InboundEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=200, verbose_name="event id")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("ORDER", "Order"),
                            ("CANCEL", "Cancellation"),
                            ("PAYMENT", "Payment event"),
                            ("RETURN", "Return"),
                            ("STOCK_ECHO", "Stock shown by the site"),
                            ("HINT", "Hint to poll"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("external_id", models.CharField(blank=True, max_length=100, verbose_name="external id")),
                (
                    "source",
                    models.CharField(
                        choices=[("WEBHOOK", "Webhook"), ("POLL", "Polling"), ("REPLAY", "Fetched by hand")],
                        max_length=10,
                        verbose_name="came by",
                    ),
                ),
                ("changed_at", models.DateTimeField(blank=True, null=True, verbose_name="changed on the site at")),
                ("document", models.JSONField(default=dict, verbose_name="as understood")),
                ("raw", models.TextField(blank=True, verbose_name="as it came")),
                ("received_at", models.DateTimeField(verbose_name="received at")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("RECEIVED", "Waiting"),
                            ("DONE", "Done"),
                            ("UNCHANGED", "Known already, nothing changed"),
                            ("STALE", "Older than what is known"),
                            ("PARKED", "Parked until its order comes"),
                            ("REFUSED", "Refused"),
                            ("FAILED", "Failed"),
                        ],
                        default="RECEIVED",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="failed attempts")),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True, verbose_name="next attempt at")),
                ("error", models.TextField(blank=True, verbose_name="why not")),
                ("result", models.CharField(blank=True, max_length=200, verbose_name="result")),
                ("processed_at", models.DateTimeField(blank=True, null=True, verbose_name="processed at")),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
            ],
            options={
                "verbose_name": "received event",
                "verbose_name_plural": "inbox",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "RECEIVED")), fields=["site", "id"], name="inbox_waiting"
                    ),
                    models.Index(fields=["site", "external_id", "id"], name="inbox_by_order"),
                    models.Index(
                        condition=models.Q(("state__in", ["DONE", "UNCHANGED"]), _negated=True),
                        fields=["state", "id"],
                        name="inbox_unfinished",
                    ),
                    models.Index(
                        condition=models.Q(("source", "POLL")), fields=["site", "received_at"], name="inbox_polled"
                    ),
                ],
                "constraints": [models.UniqueConstraint(fields=("site", "event_id"), name="one_event_per_site_and_id")],
            },
        ),
        migrations.CreateModel(
            name="OrderSeen",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=100, verbose_name="external id")),
                ("content", models.CharField(max_length=64, verbose_name="content")),
                ("revision", models.PositiveIntegerField(verbose_name="revision")),
                ("changed_at", models.DateTimeField(null=True, verbose_name="changed on the site at")),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
            ],
            options={
                "verbose_name": "order as last seen",
                "verbose_name_plural": "orders as last seen",
                "constraints": [
                    models.UniqueConstraint(fields=("site", "external_id"), name="one_order_seen_per_site")
                ],
            },
        ),
        never_deleted("ec_gateway_inboundevent"),
        migrations.RunSQL(
            AS_IT_CAME,
            "DROP TRIGGER ec_gateway_inboundevent_as_it_came ON ec_gateway_inboundevent;"
            "DROP FUNCTION ec_gateway_event_as_it_came;",
        ),
    ]
