"""Customer masters are audited; merges and the exposure ledger are final."""

from django.db import migrations

from erp.core.triggers import append_only, audited

# What a source says of a shopper comes with every order, and the order keeps it: only later changes are news.
FROM_SOURCES = ["customers_goldencustomer", "customers_customerrecord", "customers_channelidentity"]
# The exposure of a credit group moves with every order and is the sum of its ledger, which is its own history; the terms are not.
CREDIT_TERMS = ["code", "name", "policy", "currency", "credit_limit", "temporary_limit", "temporary_limit_until"]
CREDIT_TERMS += ["limit_valid_until", "warning_percent", "is_frozen"]
MASTERS = ["customers_billto", "customers_account", "customers_shipto", "customers_contact"]
LEDGERS = ["customers_exposureentry", "customers_mergeevent"]


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial"), ("core", "0002_guards")]

    operations = [
        *[audited(table, inserts=False) for table in FROM_SOURCES],
        *[audited(table) for table in MASTERS],
        audited("customers_creditgroup", columns=CREDIT_TERMS),
        *[append_only(table) for table in LEDGERS],
    ]
