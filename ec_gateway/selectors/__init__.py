"""Questions to the gateway's own tables. Nothing here locks or writes."""

from ec_gateway.selectors.drift import open_drift
from ec_gateway.selectors.orders_seen import orders_seen

__all__ = ["open_drift", "orders_seen"]
