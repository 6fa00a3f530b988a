import django.contrib.postgres.fields
import django.db.models.deletion
import erp.core.folding
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("catalog", "0002_guards"),
        ("core", "0002_guards"),
    ]

    operations = [
        migrations.CreateModel(
            name="EcSite",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "platform",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the site only calls our API.",
                        max_length=30,
                        verbose_name="platform",
                    ),
                ),
                ("base_url", models.URLField(blank=True, verbose_name="URL to connect to")),
                ("settings", models.JSONField(blank=True, default=dict, verbose_name="platform settings")),
                ("sealed_credentials", models.BinaryField(default=b"", verbose_name="credentials")),
                (
                    "credentials_expire_on",
                    models.DateField(blank=True, null=True, verbose_name="credentials expire on"),
                ),
                ("is_publishing", models.BooleanField(default=True, verbose_name="stock and shipments are pushed")),
                ("is_polling", models.BooleanField(default=True, verbose_name="orders are polled")),
                (
                    "channel",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ec_site",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
            ],
            options={
                "verbose_name": "EC site",
                "verbose_name_plural": "EC sites",
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("hashed_key", models.CharField(editable=False, max_length=150)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("prefix", models.CharField(editable=False, max_length=8, unique=True, verbose_name="prefix")),
                (
                    "name",
                    models.CharField(
                        help_text="What staff call it. Keys that replace each other have the same name.",
                        max_length=50,
                        verbose_name="name",
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True, db_index=True, verbose_name="created at")),
                ("revoked", models.BooleanField(default=False, editable=False, verbose_name="revoked")),
                (
                    "expiry_date",
                    models.DateTimeField(
                        blank=True,
                        help_text="Empty: until it is replaced or revoked.",
                        null=True,
                        verbose_name="valid until",
                    ),
                ),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("stock:read", "Read stock"),
                                ("holds:write", "Place and release holds"),
                                ("orders:read", "Read orders"),
                                ("orders:write", "Send orders"),
                                ("products:read", "Read products and prices"),
                                ("cost:read", "Read cost"),
                                ("customers:read", "Read customers"),
                                ("customers:write", "Send customers"),
                                ("credit:read", "Read credit"),
                            ],
                            max_length=30,
                        ),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="scopes",
                    ),
                ),
                ("requests_per_minute", models.PositiveIntegerField(default=6000, verbose_name="requests per minute")),
                (
                    "last_used_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last used at"),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="api_keys",
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "verbose_name_plural": "API keys",
            },
        ),
        migrations.CreateModel(
            name="Listing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_code", models.CharField(max_length=100, verbose_name="code on the site")),
                ("external_ref", models.JSONField(blank=True, default=dict, verbose_name="platform's own numbers")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="listings",
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "listing",
                "verbose_name_plural": "listings",
                "indexes": [
                    models.Index(erp.core.folding.Folded("external_code"), name="listing_by_code"),
                    models.Index(
                        condition=models.Q(("is_active", False)),
                        fields=["site", "external_code"],
                        name="listing_that_rests",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("site", "sku"),
                        name="one_listing_per_site_and_sku",
                        violation_error_message="This SKU is listed on this site already.",
                    ),
                    models.UniqueConstraint(
                        fields=("site", "external_code"),
                        name="one_listing_per_site_and_code",
                        violation_error_message="This code is used on this site already.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SiteState",
            fields=[
                (
                    "site",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="state",
                        serialize=False,
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
                ("failures_in_row", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("open_until", models.DateTimeField(blank=True, null=True, verbose_name="paused until")),
                ("is_paused_by_staff", models.BooleanField(default=False, verbose_name="paused by staff")),
                (
                    "silent_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="not talked to since"),
                ),
                ("last_error", models.TextField(blank=True, verbose_name="last error")),
                ("last_error_at", models.DateTimeField(blank=True, null=True, verbose_name="last error at")),
                ("last_success_at", models.DateTimeField(blank=True, null=True, verbose_name="last success at")),
                ("tokens", models.FloatField(default=0, verbose_name="rate budget left")),
                ("tokens_at", models.DateTimeField(blank=True, null=True, verbose_name="rate budget as of")),
                ("webhook_seen_at", models.DateTimeField(blank=True, null=True, verbose_name="last webhook at")),
                (
                    "webhooks_asked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="asked about webhooks at"),
                ),
                (
                    "webhooks_off_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="webhooks switched off since"),
                ),
                ("setup_error", models.TextField(blank=True, verbose_name="why the set-up cannot be used")),
            ],
            options={
                "verbose_name": "state of an EC site",
                "verbose_name_plural": "states of EC sites",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("tokens__gt", -1000000000000.0), ("tokens__lt", 1000000000000.0)),
                        name="rate_budget_is_a_number",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("silent_since__isnull", True),
                                models.Q(
                                    ("is_paused_by_staff", True),
                                    ("open_until__isnull", False),
                                    models.Q(("setup_error", ""), _negated=True),
                                    _connector="OR",
                                    _negated=True,
                                ),
                            ),
                            models.Q(
                                ("silent_since__isnull", False),
                                models.Q(
                                    ("is_paused_by_staff", True),
                                    ("open_until__isnull", False),
                                    models.Q(("setup_error", ""), _negated=True),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="silent_site_has_a_moment",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SiteActivity",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "activity",
                    models.CharField(
                        choices=[
                            ("PUBLISH", "Push stock and shipments"),
                            ("POLL", "Poll orders"),
                            ("INBOX", "Work off the inbox"),
                            ("RECONCILE", "Reconcile"),
                        ],
                        max_length=10,
                        verbose_name="activity",
                    ),
                ),
                ("cursor", models.CharField(blank=True, max_length=200, verbose_name="cursor")),
                ("lease_holder", models.CharField(blank=True, max_length=100, verbose_name="lease holder")),
                ("lease_until", models.DateTimeField(blank=True, null=True, verbose_name="lease until")),
                ("wakes", models.PositiveBigIntegerField(default=0, verbose_name="wake-ups")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="last finished at")),
                ("detail", models.TextField(blank=True, verbose_name="detail")),
                ("failures_in_row", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("last_error", models.TextField(blank=True, verbose_name="last error")),
                ("last_error_at", models.DateTimeField(blank=True, null=True, verbose_name="last error at")),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="activities",
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
            ],
            options={
                "verbose_name": "activity",
                "verbose_name_plural": "activities",
                "constraints": [
                    models.UniqueConstraint(fields=("site", "activity"), name="one_row_per_site_and_activity"),
                    models.CheckConstraint(
                        condition=models.Q(("lease_holder", ""), ("lease_until__isnull", False), _connector="OR"),
                        name="a_lease_has_an_end",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=100, verbose_name="key")),
                ("request", models.CharField(max_length=300, verbose_name="request")),
                ("fingerprint", models.CharField(max_length=64, verbose_name="fingerprint")),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="status")),
                ("body", models.TextField(blank=True, verbose_name="answer")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
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
                "verbose_name": "answered request",
                "verbose_name_plural": "answered requests",
                "indexes": [models.Index(fields=["created_at"], name="answered_request_by_age")],
                "constraints": [models.UniqueConstraint(fields=("site", "key"), name="one_answer_per_site_and_key")],
            },
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
                ("open_attempts", models.PositiveIntegerField(default=0, verbose_name="attempts without an end")),
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
                    models.Index(
                        condition=models.Q(("kind", "ORDER"), _negated=True),
                        fields=["kind", "id"],
                        name="inbox_beside_orders",
                    ),
                    models.Index(condition=models.Q(("source", "REPLAY")), fields=["id"], name="inbox_replayed"),
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
        migrations.CreateModel(
            name="SitePush",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("generation", models.PositiveBigIntegerField(default=1, verbose_name="generation")),
                ("is_forced", models.BooleanField(default=False, verbose_name="even if unchanged")),
                ("dirty_since", models.DateTimeField(blank=True, null=True, verbose_name="waiting since")),
                ("due_at", models.DateTimeField(blank=True, null=True, verbose_name="next attempt at")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="failed attempts")),
                ("error", models.TextField(blank=True, verbose_name="last error")),
                ("shown", models.IntegerField(blank=True, null=True, verbose_name="shown by the site")),
                ("shown_at", models.DateTimeField(blank=True, null=True, verbose_name="shown as of")),
                ("version", models.PositiveBigIntegerField(default=0, verbose_name="version")),
                ("pending_key", models.CharField(blank=True, max_length=100, verbose_name="idempotency key")),
                ("pending_quantity", models.IntegerField(blank=True, null=True, verbose_name="sent, not answered")),
                ("pending_expected", models.IntegerField(blank=True, null=True, verbose_name="expected figure")),
                ("pending_orders_seen", models.CharField(blank=True, max_length=200, verbose_name="orders seen")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="last sent at")),
                (
                    "recent",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="pushed lately",
                    ),
                ),
                ("edited_quantity", models.IntegerField(blank=True, null=True, verbose_name="changed on the site to")),
                ("edited_at", models.DateTimeField(blank=True, null=True, verbose_name="changed on the site at")),
                (
                    "site",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pushes",
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock push",
                "verbose_name_plural": "stock pushes",
                "indexes": [
                    models.Index(
                        condition=models.Q(("dirty_since__isnull", False)), fields=["site", "due_at"], name="push_due"
                    ),
                    models.Index(
                        condition=models.Q(("error", ""), _negated=True), fields=["site", "id"], name="push_with_error"
                    ),
                    models.Index(
                        condition=models.Q(("error", ""), _negated=True),
                        fields=["id"],
                        name="push_with_error_of_any_site",
                    ),
                    models.Index(
                        condition=models.Q(("edited_at__isnull", False)),
                        fields=["site", "edited_at"],
                        name="push_edited",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("site", "sku"), name="one_push_per_site_and_sku"),
                    models.CheckConstraint(
                        condition=models.Q(("dirty_since__isnull", True), ("due_at__isnull", False), _connector="OR"),
                        name="what_waits_is_due_some_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ShipmentNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=20, verbose_name="shipment number")),
                ("order_external_id", models.CharField(max_length=100, verbose_name="external id of the order")),
                ("tracking", models.CharField(max_length=100, verbose_name="carrier and tracking number")),
                (
                    "told_tracking_number",
                    models.CharField(blank=True, max_length=60, verbose_name="tracking number the site has"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("due_at", models.DateTimeField(blank=True, null=True, verbose_name="next attempt at")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="failed attempts")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent at")),
                ("error", models.TextField(blank=True, verbose_name="last error")),
                (
                    "site",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shipment_notices",
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
            ],
            options={
                "verbose_name": "shipment notice",
                "verbose_name_plural": "shipment notices",
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["site", "due_at"], name="notice_due"
                    ),
                    models.Index(
                        condition=models.Q(("error", ""), _negated=True),
                        fields=["site", "id"],
                        name="notice_with_error",
                    ),
                    models.Index(fields=["order_external_id"], name="notice_by_order"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("site", "number"), name="one_notice_per_site_and_shipment")
                ],
            },
        ),
        migrations.CreateModel(
            name="ReconciliationRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("RUNNING", "Running"), ("DONE", "Finished"), ("BROKEN_OFF", "Broken off")],
                        default="RUNNING",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("is_dry_run", models.BooleanField(default=False, verbose_name="without repair")),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
                ("orders_since", models.DateTimeField(verbose_name="orders since")),
                ("listings_compared", models.PositiveIntegerField(default=0, verbose_name="listings compared")),
                ("orders_compared", models.PositiveIntegerField(default=0, verbose_name="orders compared")),
                ("stock_rows", models.PositiveIntegerField(default=0, verbose_name="stock differences")),
                ("order_rows", models.PositiveIntegerField(default=0, verbose_name="order differences")),
                ("error", models.TextField(blank=True, verbose_name="why it broke off")),
                ("actor", models.CharField(max_length=100, verbose_name="actor")),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reconciliations",
                        to="ec_gateway.ecsite",
                        verbose_name="EC site",
                    ),
                ),
            ],
            options={
                "verbose_name": "reconciliation",
                "verbose_name_plural": "reconciliations",
                "indexes": [models.Index(fields=["site", "-id"], name="reconciliation_latest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "RUNNING")),
                        fields=("site",),
                        name="one_running_reconciliation_per_site",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "RUNNING"), ("finished_at__isnull", False), _connector="OR"),
                        name="a_reconciliation_that_ended_says_when",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReconciliationRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("STOCK", "Stock"), ("ORDER", "Order")], max_length=5, verbose_name="kind"
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("TIMING_ONLY", "Only a matter of moments"),
                            ("UNSENT_PUSH", "Not sent yet"),
                            ("PUSH_FAILED", "Sending failed"),
                            ("PUBLISHING_OFF", "Sending is switched off"),
                            ("ORDER_NOT_IMPORTED", "An order of the site has not come in"),
                            ("SHOP_SIDE_EDIT", "Changed on the site"),
                            ("WRITTEN_BY_OLDER_PUSH", "Shows an older figure of ours"),
                            ("KIT_MISMATCH", "Kit not sent after its components changed"),
                            ("CHANGE_NOT_MARKED", "Our change was not sent"),
                            ("NOT_LISTED_HERE", "The site lists what we do not"),
                            ("NOT_LISTED_THERE", "We list what the site does not"),
                            ("THERE_NOT_HERE", "Order there and not here"),
                            ("WAITS_IN_INBOX", "Order waits in the inbox"),
                            ("HERE_NOT_THERE", "Order here and not there"),
                            ("CANCELLED_THERE", "Cancelled there and not here"),
                            ("TOTAL_DIFFERS", "Totals differ"),
                            ("UNREADABLE_THERE", "The site's entry cannot be read"),
                        ],
                        max_length=25,
                        verbose_name="cause",
                    ),
                ),
                ("external_code", models.CharField(blank=True, max_length=100, verbose_name="code on the site")),
                ("external_id", models.CharField(blank=True, max_length=100, verbose_name="external id of the order")),
                ("ours", models.BigIntegerField(blank=True, null=True, verbose_name="ours")),
                ("theirs", models.BigIntegerField(blank=True, null=True, verbose_name="shown by the site")),
                ("told", models.BigIntegerField(blank=True, null=True, verbose_name="acknowledged last")),
                ("terms", models.JSONField(blank=True, default=list, verbose_name="terms of our figure")),
                ("evidence", models.JSONField(blank=True, default=dict, verbose_name="evidence")),
                (
                    "repair",
                    models.CharField(
                        choices=[
                            ("NONE", "None"),
                            ("PUSH_AGAIN", "Pushed again"),
                            ("FETCHED", "Fetched into the inbox"),
                            ("TASK", "Left to staff"),
                        ],
                        default="NONE",
                        max_length=10,
                        verbose_name="repair",
                    ),
                ),
                ("repaired_at", models.DateTimeField(blank=True, null=True, verbose_name="repair begun at")),
                (
                    "sku",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="ec_gateway.reconciliationrun",
                        verbose_name="reconciliation",
                    ),
                ),
            ],
            options={
                "verbose_name": "difference",
                "verbose_name_plural": "differences",
                "indexes": [
                    models.Index(fields=["run", "kind", "cause"], name="difference_by_cause"),
                    models.Index(fields=["kind", "-id"], name="difference_by_kind"),
                    models.Index(fields=["repair", "-id"], name="difference_by_repair"),
                    models.Index(
                        condition=models.Q(("external_code", ""), _negated=True),
                        fields=["external_code"],
                        name="difference_by_code",
                    ),
                    models.Index(
                        condition=models.Q(("external_id", ""), _negated=True),
                        fields=["external_id"],
                        name="difference_by_external_id",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("repair", "NONE"), ("repaired_at__isnull", False), _connector="OR"),
                        name="a_repair_says_when",
                    )
                ],
            },
        ),
    ]
