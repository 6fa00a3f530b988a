"""Questions to the gateway's own tables. Nothing here locks or writes."""

from ec_gateway.selectors.drift import open_drift, open_drift_rows, with_open_drift
from ec_gateway.selectors.orders_seen import orders_seen
from ec_gateway.selectors.trouble import (
    failed_notices,
    failed_pushes,
    failing_activities,
    paused_sites,
)

__all__ = [
    "failed_notices",
    "failed_pushes",
    "failing_activities",
    "open_drift",
    "open_drift_rows",
    "orders_seen",
    "paused_sites",
    "with_open_drift",
]
