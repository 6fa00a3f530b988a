"""Compare a site's own numbers with ours, name the cause of every difference with its evidence, and set right what is safe to set right."""

from ec_gateway.reconciliation.running import reconcile

__all__ = ["reconcile"]
