from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

# What tasks are called.
TASKS = {
    "SITE_PAUSED": _("Site is not talked to"),
    "SITE_ACTIVITY_FAILS": _("Work for a site fails"),
    "EC_UNKNOWN_ITEM": _("The site does not know the item"),
    "EC_PUSH_REFUSED": _("The site refused our stock"),
    "EC_SHIPMENT_REFUSED": _("The site refused a shipment"),
    "INBOX_REFUSED": _("News with wrong content"),
    "INBOX_FAILED": _("News that could not be applied"),
    "MESSAGE_FAILED": _("Message that could not be worked off"),
    "WEBHOOKS_OFF": _("Webhooks do not arrive"),
    "ORDERS_DIFFER": _("Orders differ"),
}
SETUP_TASKS = {
    "ACCESS_EXPIRES": _("Key or credentials end soon"),
    "SITE_SETUP": _("Set-up of a site cannot be used"),
}
LISTING_TASKS = {"LISTINGS_DIFFER": _("Listings differ")}
SITE_DESK = "ec_gateway.change_inboundevent"


class EcGatewayConfig(AppConfig):
    name = "ec_gateway"
    label = "ec_gateway"
    verbose_name = _("EC gateway")

    def ready(self) -> None:
        # Tasks sent from a web request find their broker only when the Celery app was made in that process.
        import erp.celery
        import erp.jobs  # noqa: F401 - what should run is known in every process, not only in workers
        from ec_gateway.selectors.queues import register_queues
        from ec_gateway.services import wakes
        from ec_gateway.signs import register_signs
        from ec_gateway.traces import register_traces
        from erp.core import changes, documents, guards, task_kinds
        from erp.imports import services as imports

        changes.listen(wakes.wake_publishers)
        imports.listen(wakes.wake_importers)
        guards.register("event_stays_as_it_came", _("What a site sent is kept as it came."))
        register_queues()
        task_kinds.register(TASKS, worked_by=[SITE_DESK])
        task_kinds.register(SETUP_TASKS, worked_by=[SITE_DESK, "ec_gateway.change_ecsite"])
        task_kinds.register(LISTING_TASKS, worked_by=[SITE_DESK, "catalog.change_sku"])
        register_signs()
        register_traces()
        for kind, label, model in (
            ("INBOUND_EVENT", _("Received event"), "inboundevent"),
            ("EC_SITE", _("EC site"), "sitestate"),
            ("EC_SITE_SETUP", _("EC site"), "ecsite"),
            ("SITE_ACTIVITY", _("Activity"), "siteactivity"),
            ("LISTING", _("Listing"), "listing"),
            ("SHIPMENT_NOTICE", _("Shipment notice"), "shipmentnotice"),
        ):
            documents.register(kind, label=label, url_name=f"admin:ec_gateway_{model}_change")
