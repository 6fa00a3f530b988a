"""By which rules a channel is shown less than there is, and what is set aside for one: their tables, and what counts and keeps them.

Safety stock that was kept per SKU or for all becomes rules of the same scope.
"""

from importlib import import_module

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models

from erp.core.triggers import audited

counts_rules = import_module("erp.inventory.migrations.0002_guards").counts_rules

TERMS_OF_POLICY = (
    "channel_id", "sku_id", "product_id", "category_id", "buffer", "buffer_percent", "last_pieces", "cap", "starts_at", "ends_at",
)  # fmt: skip
TERMS_OF_QUOTA = ("channel_id", "sku_id", "quantity", "is_binding", "starts_at", "ends_at")

KEEP_BUFFERS = """
INSERT INTO inventory_channelpolicy (channel_id, sku_id, buffer) SELECT channel_id, sku_id, quantity FROM inventory_channelbuffer;
"""

# What is due next of a row is known from its dates; ``announce_due_policies`` moves it on and touches nothing else.
DUE = """
CREATE FUNCTION inventory_policy_is_due() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.due_at := coalesce(NEW.starts_at, NEW.ends_at);
    RETURN NEW;
END $$;
CREATE TRIGGER inventory_channelpolicy_due_new BEFORE INSERT ON inventory_channelpolicy
    FOR EACH ROW EXECUTE FUNCTION inventory_policy_is_due();
CREATE TRIGGER inventory_channelpolicy_due BEFORE UPDATE ON inventory_channelpolicy
    FOR EACH ROW WHEN ((OLD.starts_at, OLD.ends_at) IS DISTINCT FROM (NEW.starts_at, NEW.ends_at)) EXECUTE FUNCTION inventory_policy_is_due();
CREATE TRIGGER inventory_channelquota_due_new BEFORE INSERT ON inventory_channelquota
    FOR EACH ROW EXECUTE FUNCTION inventory_policy_is_due();
CREATE TRIGGER inventory_channelquota_due BEFORE UPDATE ON inventory_channelquota
    FOR EACH ROW WHEN ((OLD.starts_at, OLD.ends_at) IS DISTINCT FROM (NEW.starts_at, NEW.ends_at)) EXECUTE FUNCTION inventory_policy_is_due();
"""
NOTHING_DUE = """
DROP TRIGGER inventory_channelpolicy_due ON inventory_channelpolicy; DROP TRIGGER inventory_channelpolicy_due_new ON inventory_channelpolicy;
DROP TRIGGER inventory_channelquota_due ON inventory_channelquota; DROP TRIGGER inventory_channelquota_due_new ON inventory_channelquota;
DROP FUNCTION inventory_policy_is_due;
"""

# A quota is a rule of every other channel. What is used of it is no change of rules: its own version is part of theirs.
QUOTA_RULES = """
CREATE FUNCTION inventory_quota_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM inventory_count_rules(ARRAY(SELECT id FROM core_channel));
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_channelquota_rules AFTER INSERT OR DELETE ON inventory_channelquota
    FOR EACH ROW EXECUTE FUNCTION inventory_quota_changed();
CREATE TRIGGER inventory_channelquota_rules_update AFTER UPDATE ON inventory_channelquota FOR EACH ROW
    WHEN ((OLD.channel_id, OLD.sku_id, OLD.quantity, OLD.is_binding, OLD.starts_at, OLD.ends_at, OLD.due_at)
          IS DISTINCT FROM (NEW.channel_id, NEW.sku_id, NEW.quantity, NEW.is_binding, NEW.starts_at, NEW.ends_at, NEW.due_at))
    EXECUTE FUNCTION inventory_quota_changed();
"""
NO_QUOTA_RULES = """
DROP TRIGGER inventory_channelquota_rules ON inventory_channelquota; DROP TRIGGER inventory_channelquota_rules_update ON inventory_channelquota;
DROP FUNCTION inventory_quota_changed;
"""

# Used is what claims under the quota hold and what left under them. Whoever changes claims holds their balances, and a call that reserves holds all
# balances of its SKUs in the channel; but two that give back at different places share only quotas. So each statement locks its quotas by primary
# key before it changes any: row by row, in the order of their claims, they would deadlock.
QUOTA_USE = """
CREATE FUNCTION inventory_quota_used() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_ids bigint[]; v_pieces bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT array_agg(quota_id), array_agg(pieces) INTO v_ids, v_pieces FROM (
            SELECT quota_id, sum(quantity + consumed) AS pieces FROM new_claims WHERE quota_id IS NOT NULL GROUP BY quota_id) n;
    ELSE
        SELECT array_agg(quota_id), array_agg(pieces) INTO v_ids, v_pieces FROM (
            SELECT n.quota_id, sum(n.quantity + n.consumed - o.quantity - o.consumed) AS pieces
            FROM new_claims n JOIN old_claims o ON o.id = n.id WHERE n.quota_id IS NOT NULL
            GROUP BY n.quota_id HAVING sum(n.quantity + n.consumed - o.quantity - o.consumed) <> 0) n;
    END IF;
    IF v_ids IS NULL THEN RETURN NULL; END IF;
    PERFORM FROM inventory_channelquota WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE;
    UPDATE inventory_channelquota q SET version = q.version + 1, used = q.used + n.pieces
    FROM unnest(v_ids, v_pieces) AS n (id, pieces) WHERE q.id = n.id;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_reservation_uses_quota AFTER INSERT ON inventory_reservation
    REFERENCING NEW TABLE AS new_claims FOR EACH STATEMENT EXECUTE FUNCTION inventory_quota_used();
CREATE TRIGGER inventory_reservation_changes_quota AFTER UPDATE ON inventory_reservation
    REFERENCING OLD TABLE AS old_claims NEW TABLE AS new_claims FOR EACH STATEMENT EXECUTE FUNCTION inventory_quota_used();
"""
NO_QUOTA_USE = """
DROP TRIGGER inventory_reservation_uses_quota ON inventory_reservation; DROP TRIGGER inventory_reservation_changes_quota ON inventory_reservation;
DROP FUNCTION inventory_quota_used;
"""

# A style that moves to another category, or a SKU to another style, falls under other rules: counted, and told to the channels that have any.
MOVED = """
CREATE FUNCTION inventory_goods_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_channels bigint[] := ARRAY(
    SELECT DISTINCT channel_id FROM inventory_channelpolicy WHERE product_id IS NOT NULL OR category_id IS NOT NULL);
BEGIN
    IF cardinality(v_channels) = 0 THEN RETURN NULL; END IF;
    PERFORM inventory_count_rules(v_channels);
    INSERT INTO core_changerow (epoch, topic, key, audience, recorded_at)
    SELECT (SELECT max(id) FROM core_feedepoch), 'stock', sku.id::text, channel.code, clock_timestamp()
    FROM catalog_sku sku CROSS JOIN core_channel channel
    WHERE channel.id = ANY (v_channels)
      AND CASE WHEN TG_TABLE_NAME = 'catalog_sku' THEN sku.id = NEW.id ELSE sku.product_id = NEW.id END;
    RETURN NULL;
END $$;
CREATE TRIGGER inventory_style_moved AFTER UPDATE OF category_id ON catalog_product
    FOR EACH ROW WHEN (OLD.category_id IS DISTINCT FROM NEW.category_id) EXECUTE FUNCTION inventory_goods_moved();
CREATE TRIGGER inventory_sku_moved AFTER UPDATE OF product_id ON catalog_sku
    FOR EACH ROW WHEN (OLD.product_id <> NEW.product_id) EXECUTE FUNCTION inventory_goods_moved();
"""
NOT_MOVED = """
DROP TRIGGER inventory_style_moved ON catalog_product; DROP TRIGGER inventory_sku_moved ON catalog_sku; DROP FUNCTION inventory_goods_moved;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0003_reserve"), ("catalog", "0002_guards"), ("core", "0002_guards")]

    operations = [
        migrations.CreateModel(
            name="ChannelPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="in force from")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="in force until")),
                ("due_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="told at")),
                (
                    "buffer",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="So many pieces are never shown.",
                        null=True,
                        verbose_name="pieces kept back",
                    ),
                ),
                (
                    "buffer_percent",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Of the free pieces, rounded up. Comes on top of pieces kept back.",
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="share kept back (%)",
                    ),
                ),
                (
                    "last_pieces",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Shows 0 where fewer than this would be shown.",
                        null=True,
                        verbose_name="sold out below",
                    ),
                ),
                (
                    "cap",
                    models.PositiveIntegerField(
                        blank=True, help_text="Never shows more than this.", null=True, verbose_name="shown at most"
                    ),
                ),
                (
                    "category",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.category",
                        verbose_name="category",
                    ),
                ),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="sales channel",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.product",
                        verbose_name="style",
                    ),
                ),
                (
                    "sku",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.sku",
                        verbose_name="SKU",
                    ),
                ),
            ],
            options={
                "verbose_name": "availability rule",
                "verbose_name_plural": "availability rules",
            },
        ),
        migrations.CreateModel(
            name="ChannelQuota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="in force from")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="in force until")),
                ("due_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="told at")),
                (
                    "quantity",
                    models.PositiveIntegerField(
                        validators=[django.core.validators.MinValueValidator(1)], verbose_name="pieces set aside"
                    ),
                ),
                (
                    "is_binding",
                    models.BooleanField(
                        default=False,
                        help_text="Orders of other channels do not get these pieces either, but wait. Otherwise only what is shown and held is less.",
                        verbose_name="also against orders of others",
                    ),
                ),
                ("used", models.IntegerField(default=0, editable=False, verbose_name="pieces used")),
                ("version", models.BigIntegerField(default=1, editable=False, verbose_name="version")),
                (
                    "channel",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.channel",
                        verbose_name="for sales channel",
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
                "verbose_name": "quota of a channel",
                "verbose_name_plural": "quotas of channels",
            },
        ),
        migrations.AddField(
            model_name="reservation",
            name="quota",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="inventory.channelquota",
                verbose_name="quota",
            ),
        ),
        migrations.AddIndex(
            model_name="reservation",
            index=models.Index(
                condition=models.Q(("quota__isnull", False)), fields=["quota"], name="reservation_by_quota"
            ),
        ),
        migrations.AddIndex(
            model_name="channelpolicy",
            index=models.Index(
                condition=models.Q(("sku__isnull", False)), fields=["sku", "channel"], name="policy_by_sku"
            ),
        ),
        migrations.AddIndex(
            model_name="channelpolicy",
            index=models.Index(
                condition=models.Q(("product__isnull", False)), fields=["product", "channel"], name="policy_by_product"
            ),
        ),
        migrations.AddIndex(
            model_name="channelpolicy",
            index=models.Index(
                condition=models.Q(("category__isnull", False)),
                fields=["category", "channel"],
                name="policy_by_category",
            ),
        ),
        migrations.AddIndex(
            model_name="channelpolicy",
            index=models.Index(
                condition=models.Q(("category__isnull", True), ("product__isnull", True), ("sku__isnull", True)),
                fields=["channel"],
                name="policy_of_everything",
            ),
        ),
        migrations.AddIndex(
            model_name="channelpolicy",
            index=models.Index(fields=["channel", "starts_at"], name="policy_by_start"),
        ),
        migrations.AddIndex(
            model_name="channelpolicy",
            index=models.Index(fields=["channel", "-id"], name="policy_by_channel"),
        ),
        migrations.AddIndex(
            model_name="channelpolicy",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="policy_that_is_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="channelpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("product__isnull", True), ("sku__isnull", True)),
                    models.Q(("category__isnull", True), ("sku__isnull", True)),
                    models.Q(("category__isnull", True), ("product__isnull", True)),
                    _connector="OR",
                ),
                name="policy_has_one_scope",
                violation_error_message="Name a SKU, a style or a category, not two of them.",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("buffer__isnull", False),
                    ("buffer_percent__isnull", False),
                    ("last_pieces__isnull", False),
                    ("cap__isnull", False),
                    _connector="OR",
                ),
                name="policy_says_something",
                violation_error_message="Give at least one rule.",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("buffer_percent__isnull", True), ("buffer_percent__lte", 100), _connector="OR"),
                name="policy_share_is_a_percentage",
                violation_error_message="The share lies between 0 and 100 percent.",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at__isnull", True),
                    ("ends_at__isnull", True),
                    ("ends_at__gt", models.F("starts_at")),
                    _connector="OR",
                ),
                name="policy_ends_after_it_starts",
                violation_error_message="It ends before it starts.",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelpolicy",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("channel", "="),
                    (django.db.models.functions.comparison.Coalesce("sku", 0), "="),
                    (django.db.models.functions.comparison.Coalesce("product", 0), "="),
                    (django.db.models.functions.comparison.Coalesce("category", 0), "="),
                    (
                        models.Func(
                            django.db.models.functions.comparison.Coalesce(
                                "starts_at",
                                django.db.models.functions.comparison.Cast(
                                    models.Value("-infinity"), models.DateTimeField()
                                ),
                            ),
                            django.db.models.functions.comparison.Greatest(
                                "starts_at",
                                django.db.models.functions.comparison.Coalesce(
                                    "ends_at",
                                    django.db.models.functions.comparison.Cast(
                                        models.Value("infinity"), models.DateTimeField()
                                    ),
                                ),
                            ),
                            function="tstzrange",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="policies_of_a_scope_do_not_overlap",
                violation_error_message="Another rule of this channel for the same goods is in force in this time. Change that one, or end it first.",
            ),
        ),
        migrations.AddIndex(
            model_name="channelquota",
            index=models.Index(fields=["sku", "channel"], name="quota_by_sku"),
        ),
        migrations.AddIndex(
            model_name="channelquota",
            index=models.Index(fields=["channel", "-id"], name="quota_by_channel"),
        ),
        migrations.AddIndex(
            model_name="channelquota",
            index=models.Index(condition=models.Q(("is_binding", True)), fields=["-id"], name="quota_that_binds"),
        ),
        migrations.AddIndex(
            model_name="channelquota",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="quota_that_is_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="channelquota",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0)),
                name="quota_has_pieces",
                violation_error_message="A quota is of one piece at least.",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelquota",
            constraint=models.CheckConstraint(
                condition=models.Q(("used__gte", 0)),
                name="quota_use_not_negative",
                violation_error_message="No quota was used less than not at all.",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelquota",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at__isnull", True),
                    ("ends_at__isnull", True),
                    ("ends_at__gt", models.F("starts_at")),
                    _connector="OR",
                ),
                name="quota_ends_after_it_starts",
                violation_error_message="It ends before it starts.",
            ),
        ),
        migrations.AddConstraint(
            model_name="channelquota",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("channel", "="),
                    ("sku", "="),
                    (
                        models.Func(
                            django.db.models.functions.comparison.Coalesce(
                                "starts_at",
                                django.db.models.functions.comparison.Cast(
                                    models.Value("-infinity"), models.DateTimeField()
                                ),
                            ),
                            django.db.models.functions.comparison.Greatest(
                                "starts_at",
                                django.db.models.functions.comparison.Coalesce(
                                    "ends_at",
                                    django.db.models.functions.comparison.Cast(
                                        models.Value("infinity"), models.DateTimeField()
                                    ),
                                ),
                            ),
                            function="tstzrange",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="quotas_of_a_sku_do_not_overlap",
                violation_error_message="This channel has a quota of this SKU in this time already.",
            ),
        ),
        migrations.RunSQL(KEEP_BUFFERS, migrations.RunSQL.noop),
        migrations.DeleteModel(name="ChannelBuffer"),
        audited("inventory_channelpolicy", columns=TERMS_OF_POLICY),
        audited("inventory_channelquota", columns=TERMS_OF_QUOTA),
        counts_rules("inventory_channelpolicy"),
        migrations.RunSQL(DUE, NOTHING_DUE),
        migrations.RunSQL(QUOTA_RULES, NO_QUOTA_RULES),
        migrations.RunSQL(QUOTA_USE, NO_QUOTA_USE),
        migrations.RunSQL(MOVED, NOT_MOVED),
    ]
