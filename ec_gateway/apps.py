from functools import partial

from django.apps import AppConfig
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _


class EcGatewayConfig(AppConfig):
    name = "ec_gateway"
    label = "ec_gateway"
    verbose_name = _("EC gateway")

    def ready(self) -> None:
        # Tasks sent from a web request find their broker only when the Celery app was made in that process.
        import erp.celery  # noqa: F401
        from ec_gateway.services import wakes
        from erp.core import changes, guards

        changes.listen(wakes.wake_publishers)
        guards.register("event_stays_as_it_came", _("What a site sent is kept as it came."))
        _register_what_staff_see()
        _register_troubles()


def _register_what_staff_see() -> None:
    from ec_gateway.selectors import inbox_count, open_drift_count
    from ec_gateway.selectors.inbox import UNFINISHED
    from erp.core import documents, work_queues

    documents.register("INBOUND_EVENT", label=_("Received event"), url_name="admin:ec_gateway_inboundevent_change")
    for state in UNFINISHED:
        work_queues.register(
            work_queues.WorkQueue(
                f"ec_gateway.inbox.{state.lower()}",
                format_lazy(_("Inbox: {state}"), state=state.label),
                partial(inbox_count, state),
                "admin:ec_gateway_inboundevent_changelist",
                f"state__exact={state}",
            )
        )
    work_queues.register(
        work_queues.WorkQueue(
            "ec_gateway.drift",
            _("Stock that differs on EC sites"),
            open_drift_count,
            "admin:ec_gateway_reconciliationrow_changelist",
            "open=1",
        )
    )


def _register_troubles() -> None:
    """連携エラー: what keeps failing between us and the sites, on the first page."""
    from ec_gateway import selectors
    from erp.core import documents, work_queues

    documents.register("EC_SITE", label=_("EC site"), url_name="admin:ec_gateway_sitestate_change")
    documents.register("LISTING", label=_("Listing"), url_name="admin:ec_gateway_listing_change")
    documents.register("SHIPMENT_NOTICE", label=_("Shipment notice"), url_name="admin:ec_gateway_shipmentnotice_change")
    for code, title, count, model in (
        ("paused", _("Sites whose connection is paused"), selectors.paused_count, "sitestate"),
        ("pushes", _("Stock that a site does not take"), selectors.failed_push_count, "sitepush"),
        ("shipments", _("Shipments that a site does not take"), selectors.failed_notice_count, "shipmentnotice"),
    ):
        url_name = f"admin:ec_gateway_{model}_changelist"
        work_queues.register(work_queues.WorkQueue(f"ec_gateway.{code}", title, count, url_name, "trouble=1"))
