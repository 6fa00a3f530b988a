"""Questions to the gateway's own tables. Nothing here locks or writes."""

from ec_gateway.selectors.drift import open_drift, open_drift_count, open_drift_rows
from ec_gateway.selectors.inbox import inbox_count
from ec_gateway.selectors.orders_seen import orders_seen

__all__ = ["inbox_count", "open_drift", "open_drift_count", "open_drift_rows", "orders_seen"]
