"""Product master in the back office. Plain forms; what a form changes is announced to the EC sites in the same transaction."""

from catalog.admin import masters, prices, skus, styles

__all__ = ["masters", "prices", "skus", "styles"]
