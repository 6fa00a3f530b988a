"""What PostgreSQL refuses or records by itself, and the tables that no model knows.

Who is connected, with which key, and what is listed where is audited; that a key was used is no change. What a site told us is never changed or deleted.
"""

from django.db import migrations

from erp.core.triggers import audited, never_deleted

# Whatever becomes of an event, what came stays as it came.
AS_IT_CAME = """
CREATE FUNCTION ec_gateway_event_as_it_came() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'event % is kept as it came; what the site says now is another event', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_stays_as_it_came';
END $$;
CREATE TRIGGER ec_gateway_inboundevent_as_it_came BEFORE UPDATE ON ec_gateway_inboundevent FOR EACH ROW
WHEN ((OLD.site_id, OLD.event_id, OLD.kind, OLD.external_id, OLD.source, OLD.changed_at, OLD.document, OLD.raw, OLD.received_at)
    IS DISTINCT FROM
    (NEW.site_id, NEW.event_id, NEW.kind, NEW.external_id, NEW.source, NEW.changed_at, NEW.document, NEW.raw, NEW.received_at))
EXECUTE FUNCTION ec_gateway_event_as_it_came();
"""

# Rows of one run, gone when it ends. Not logged: after a crash there is nothing to go on with anyway.
STAGING = """
CREATE UNLOGGED TABLE ec_gateway_stagedquantity (
    run_id bigint NOT NULL, reading smallint NOT NULL, external_code text NOT NULL, quantity bigint NOT NULL);
CREATE INDEX ec_gateway_stagedquantity_run ON ec_gateway_stagedquantity (run_id, reading);
CREATE UNLOGGED TABLE ec_gateway_stagedavailability (run_id bigint NOT NULL, sku_id bigint NOT NULL, available bigint NOT NULL);
CREATE INDEX ec_gateway_stagedavailability_run ON ec_gateway_stagedavailability (run_id);
"""


class Migration(migrations.Migration):
    dependencies = [("ec_gateway", "0001_initial"), ("core", "0001_initial")]

    operations = [
        audited("ec_gateway_ecsite", hidden=["sealed_credentials"]),
        audited(
            "ec_gateway_apikey",
            columns=["name", "revoked", "expiry_date", "scopes", "requests_per_minute", "site_id"],
            hidden=["hashed_key"],
        ),
        audited("ec_gateway_listing"),
        never_deleted("ec_gateway_inboundevent"),
        migrations.RunSQL(
            AS_IT_CAME,
            "DROP TRIGGER ec_gateway_inboundevent_as_it_came ON ec_gateway_inboundevent;"
            "DROP FUNCTION ec_gateway_event_as_it_came;",
        ),
        migrations.RunSQL(STAGING, "DROP TABLE ec_gateway_stagedquantity; DROP TABLE ec_gateway_stagedavailability;"),
    ]
