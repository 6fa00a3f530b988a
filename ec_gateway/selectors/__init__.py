"""Questions to the gateway's own tables. Nothing here locks or writes."""

from ec_gateway.selectors.drift import open_drift, open_drift_count, open_drift_rows
from ec_gateway.selectors.inbox import inbox_count
from ec_gateway.selectors.orders_seen import orders_seen
from ec_gateway.selectors.trouble import (
    failed_notice_count,
    failed_notices,
    failed_push_count,
    failed_pushes,
    paused_count,
    paused_sites,
)

__all__ = [
    "failed_notice_count",
    "failed_notices",
    "failed_push_count",
    "failed_pushes",
    "inbox_count",
    "open_drift",
    "open_drift_count",
    "open_drift_rows",
    "orders_seen",
    "paused_count",
    "paused_sites",
]
