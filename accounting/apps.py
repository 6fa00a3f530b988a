from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

OWNED = ["entries", "postings", "open_items", "billable_items", "settlements", "payment_routes"]


class AccountingConfig(AppConfig):
    name = "accounting"
    label = "accounting"
    verbose_name = _("Accounting")

    def ready(self) -> None:
        from accounting.models import JournalEntry, Settlement
        from accounting.models.role_names import ROLE_NAMES
        from accounting.selectors.finding import register_findables
        from accounting.selectors.queues import register_queues
        from accounting.selectors.verification import register_checks
        from accounting.services.masters import register_masters
        from accounting.services.reference_data import load_reference_data
        from erp.core import documents, guards, ownership, words

        # A flush between tests sends this signal too, so the chart is back after each one.
        post_migrate.connect(load_reference_data, sender=self, dispatch_uid="accounting.reference")
        register_checks()
        register_masters()
        guards.register("entry_has_lines_and_balances", _("The entry has no lines, or its debit and credit differ."))
        guards.register("books_are_open", _("The books of this date are closed."))
        guards.register("posting_fits_its_account", _("A line does not fit its account, its open item or its entry."))
        ownership.register("accounting", owner=ownership.Owner.MAMORI, delivery=ownership.Delivery.NEVER, fields=OWNED)
        words.register("role", ROLE_NAMES)
        words.register("account_role", ROLE_NAMES)
        register_queues()
        register_findables()
        entry, settlement = "admin:accounting_journalentry_change", "admin:accounting_settlement_change"
        for kind, label, url_name in (
            ("ENTRY", _("Journal entry"), entry),
            ("VOUCHER", _("Manual voucher"), entry),
            ("PAYOUT", _("Payout"), settlement),
            ("MONEY_RECEIPT", _("Receipt of money"), settlement),
            ("SUPPLIER_PAYMENT", _("Payment to a supplier"), settlement),
            ("MONEY_REFUND", _("Refund paid"), settlement),
        ):
            numbers = (JournalEntry, "number") if url_name == entry else (Settlement, "external_id")
            documents.register(kind, label=label, url_name=url_name, numbers=numbers)
        documents.register("OPEN_ITEM", label=_("Open item"), url_name="admin:accounting_openitem_change")
