"""The promises that PostgreSQL keeps for stock: the ledger is final, and whoever changes a master or a claim leaves a trace."""

from django.db import migrations

from erp.core.triggers import append_only, audited, born_with_header


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("core", "0002_guards")]

    operations = [
        append_only("inventory_stockdocument"),
        append_only("inventory_stockmovement"),
        born_with_header("inventory_stockmovement", header="inventory_stockdocument", key="document_id"),
        audited("inventory_location"),
        audited("inventory_costpool"),
        audited("inventory_channellocation"),
        audited("inventory_channelbuffer"),
        audited("inventory_reason"),
        audited("inventory_hold", inserts=False),
        audited("inventory_holdline", inserts=False),
        audited("inventory_expectedreceipt", inserts=False),
        audited("inventory_provisionalreceipt", inserts=False),
    ]
