"""What operators see of EC sites. Pages look; acts are actions and forms that call services."""

from ec_gateway.admin import inbox, publishing, reconciliation

__all__ = ["inbox", "publishing", "reconciliation"]
