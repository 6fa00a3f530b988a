"""What the company knows of its customers, to look at: segments, scores, one customer on one page."""

from erp.insights.admin import rfm

__all__ = ["rfm"]
