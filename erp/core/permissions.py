"""Permissions that stand for no table: what several rooms ask before they show or offer something."""

# May know what goods cost, and what is earned with them.
SEE_COSTS = "core.see_costs"
# May see what orders, parcels and their lines amount to. Whoever packs does not need it.
SEE_AMOUNTS = "core.see_amounts"
# May look at the audit trail.
SEE_AUDIT = "core.view_auditrow"
