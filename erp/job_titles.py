"""What the jobs of ``erp.jobs`` and the work of the gateway are called on pages. A job without a line here goes by its name."""

import re

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

JOB_TITLES = {
    "promises": pgettext_lazy("job", "Promised dates"),
    "overdue-payments": pgettext_lazy("job", "Overdue payments"),
    "customer-orders": pgettext_lazy("job", "Customer orders"),
    "write-downs-back": pgettext_lazy("job", "Write-downs taken back"),
    "due-policies": pgettext_lazy("job", "Rules of stock whose day has come"),
    "standard-costs": pgettext_lazy("job", "Standard costs of the day"),
    "stocktakes": _("Stocktakes"),
    "stock-snapshots": _("Snapshots of stock"),
    "dated-prices": _("Prices of the day"),
    "dated-products": _("Products of the day"),
    "expired-holds": _("Sweep of expired holds"),
    "due-orders": _("Orders whose day has come"),
    "lost-reservations": _("Lost reservations"),
    "waiting-orders": _("Allocation of waiting orders"),
    "imports": _("Imports of masters"),
    "mails": _("Sending of mails"),
    "payment-reminders": _("Payment reminders"),
    "ec-inboxes": _("Inboxes of EC sites"),
    "publishing": _("Stock to EC sites"),
    "listings": _("Care of listings"),
    "ec-reconciliations": _("Reconciliations that are due"),
    "seals": _("Seals of the books"),
    "sessions": _("Old log-in sessions"),
    "overdue-sessions": _("Sessions that are over"),
    "access-log": _("Old rows of the access log"),
    "feed-partitions": _("Partitions of the change feed"),
    "old-changes": _("Old rows of the change feed"),
    "rfm": _("RFM of all customers"),
    "answered-requests": _("Old answers of the API"),
    "sent-messages": _("Old messages"),
    "job-runs": _("Old runs of jobs"),
    "cut-off-backups": _("Backups and drills that were cut off"),
    "expiring-access": _("Keys that end soon"),
    "verify": _("Nightly verification"),
    "publish": _("Stock to EC sites"),
    "reconcile": _("Reconciliation of a site"),
    "site-activities": _("Work for a site"),
    "carrier-news": _("News of carriers"),
}

# What their runs say of themselves, and what people read.
OUTCOMES = (
    (r"(\d+) sent", _("%s mails sent")),
    (r"(\d+) wait", _("%s mails wait")),
    (r"(\d+) due", _("%s sites due")),
    (r"(\d+) woken", _("%s sites woken")),
    (r"(\d+) broken off, (\d+) cleared", _("%s broken off, %s left pieces removed")),
    (r"(\d+) polled, (\d+) waiting", _("%s sites asked for news, %s with news to work off")),
    (r"(\S+): (\d+) customers, (\d+) moved", _("as of %s: %s customers, %s in another segment")),
)


def outcome_in_words(detail: str) -> str:
    """What a run did; the text itself where nobody said how it is told."""
    for pattern, text in OUTCOMES:
        if found := re.fullmatch(pattern, detail):
            return str(text) % found.groups()
    return detail
