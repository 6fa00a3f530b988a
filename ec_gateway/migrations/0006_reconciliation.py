"""Reports of comparisons with the sites' own numbers, and the tables in which both sides are laid out beside each other."""

import django.db.models.deletion
from django.db import migrations, models


# Rows of one run, gone when it ends. Not logged: after a crash there is nothing to go on with anyway.
STAGING = """
CREATE UNLOGGED TABLE ec_gateway_stagedquantity (
    run_id bigint NOT NULL, reading smallint NOT NULL, external_code text NOT NULL, quantity bigint NOT NULL);
CREATE INDEX ec_gateway_stagedquantity_run ON ec_gateway_stagedquantity (run_id, reading);
CREATE UNLOGGED TABLE ec_gateway_stagedavailability (run_id bigint NOT NULL, sku_id bigint NOT NULL, available bigint NOT NULL);
CREATE INDEX ec_gateway_stagedavailability_run ON ec_gateway_stagedavailability (run_id);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_guards"),
        ("ec_gateway", "0005_publishing"),
    ]

    operations = [
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
            },
        ),
        migrations.AddIndex(
            model_name="reconciliationrun",
            index=models.Index(fields=["site", "-id"], name="reconciliation_latest"),
        ),
        migrations.AddConstraint(
            model_name="reconciliationrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "RUNNING")), fields=("site",), name="one_running_reconciliation_per_site"
            ),
        ),
        migrations.AddConstraint(
            model_name="reconciliationrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "RUNNING"), ("finished_at__isnull", False), _connector="OR"),
                name="a_reconciliation_that_ended_says_when",
            ),
        ),
        migrations.AddIndex(
            model_name="reconciliationrow",
            index=models.Index(fields=["run", "kind", "cause"], name="difference_by_cause"),
        ),
        migrations.AddConstraint(
            model_name="reconciliationrow",
            constraint=models.CheckConstraint(
                condition=models.Q(("repair", "NONE"), ("repaired_at__isnull", False), _connector="OR"),
                name="a_repair_says_when",
            ),
        ),
        migrations.RunSQL(STAGING, "DROP TABLE ec_gateway_stagedquantity; DROP TABLE ec_gateway_stagedavailability;"),
    ]
