from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

# What the EC site says of a customer, and what only Mamori knows.
EC_FIELDS = ["kind", "company", "department", "family_name", "given_name", "family_kana", "given_kana", "email"]
EC_FIELDS += ["email_is_relay", "phone", "address", "external_id", "as_of"]
EC_ONLY_FIELDS = ["browsing_history", "newsletter_consent", "login"]
MAMORI_FIELDS = ["golden_id", "bill_to", "account_code", "account_codes", "segment", "rfm", "version"]
CREDIT_FIELDS = [
    "account_code",
    "bill_to",
    "credit_limit",
    "credit_available",
    "exposure",
    "currency",
    "policy",
    "is_frozen",
]
CREDIT_FIELDS += ["limit_expired", "terms"]


class CustomersConfig(AppConfig):
    name = "customers"
    label = "customers"
    verbose_name = _("Customers")

    def ready(self) -> None:
        from customers.selectors import verification
        from customers.selectors.finding import register_findables
        from customers.services.masters import register_masters
        from erp.core import guards, ownership
        from erp.core.checks import Check, register

        register_findables()
        guards.register("merge_explains_move", _("A customer record moves by a merge only."))
        register(
            Check(
                promise="P9",
                title=gettext_noop("Every merge of customers can be undone"),
                count=verification.merge_count,
                find=verification.broken_merges,
            )
        )
        register(
            Check(
                promise="P6",
                title=gettext_noop("The exposure of each credit group is the sum of its ledger"),
                count=verification.credit_group_count,
                find=verification.wrong_exposures,
            )
        )
        ec, mamori = ownership.Owner.EC, ownership.Owner.MAMORI
        ownership.register("customer", owner=ec, delivery=ownership.Delivery.INTAKE, fields=EC_FIELDS)
        ownership.register("customer", owner=ec, delivery=ownership.Delivery.NEVER, fields=EC_ONLY_FIELDS)
        ownership.register("customer", owner=mamori, delivery=ownership.Delivery.READ_API, fields=MAMORI_FIELDS)
        ownership.register("credit", owner=mamori, delivery=ownership.Delivery.READ_API, fields=CREDIT_FIELDS)
        register_masters()
