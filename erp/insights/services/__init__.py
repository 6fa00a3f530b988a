"""Every write of insights. All of it is derived and may be computed again."""

from erp.insights.services.rfm import refresh_rfm

__all__ = ["refresh_rfm"]
