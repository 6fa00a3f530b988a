"""Who is connected, with which key, and what is listed where: every change is audited. That a key was used is no change."""

from django.db import migrations

from erp.core.triggers import audited


class Migration(migrations.Migration):
    dependencies = [("ec_gateway", "0001_initial"), ("core", "0001_initial")]

    operations = [
        audited("ec_gateway_ecsite"),
        audited(
            "ec_gateway_apikey",
            # Its primary key holds the hash and is longer than an audit row's.
            key="prefix",
            columns=["name", "revoked", "expiry_date", "scopes", "requests_per_minute", "site_id"],
        ),
        audited("ec_gateway_listing"),
    ]
