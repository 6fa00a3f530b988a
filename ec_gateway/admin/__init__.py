"""What operators see of EC sites. Pages look; acts are actions and forms that call services."""

from ec_gateway.admin import access, inbox, publishing, reconciliation

__all__ = ["access", "inbox", "publishing", "reconciliation"]
