"""Tables of the gateway, by subject: who is connected, and what is under way. No business fact lives here."""

from ec_gateway.models.idempotency import IdempotencyRecord
from ec_gateway.models.inbox import InboundEvent, OrderSeen
from ec_gateway.models.publishing import ShipmentNotice, SitePush
from ec_gateway.models.reconciliation import ReconciliationRow, ReconciliationRun
from ec_gateway.models.sites import NOT_TALKED_TO, Activity, ApiKey, EcSite, Listing, SiteActivity, SiteState

__all__ = [
    "NOT_TALKED_TO",
    "Activity",
    "ApiKey",
    "EcSite",
    "IdempotencyRecord",
    "InboundEvent",
    "Listing",
    "OrderSeen",
    "ReconciliationRow",
    "ReconciliationRun",
    "ShipmentNotice",
    "SiteActivity",
    "SitePush",
    "SiteState",
]
