"""Questions to the gateway's own tables. Nothing here locks or writes."""

from ec_gateway.selectors.orders_seen import orders_seen

__all__ = ["orders_seen"]
