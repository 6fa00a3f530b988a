"""How long, in one unit: people plan in days or in hours."""

from __future__ import annotations

from django.utils.translation import ngettext

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


def in_words(seconds: float) -> str:
    """Less than nothing is nothing."""
    count = max(int(seconds), 0)
    if count >= DAY_S:
        return ngettext("%(count)d day", "%(count)d days", count // DAY_S) % {"count": count // DAY_S}
    if count >= HOUR_S:
        return ngettext("%(count)d hour", "%(count)d hours", count // HOUR_S) % {"count": count // HOUR_S}
    return ngettext("%(count)d minute", "%(count)d minutes", count // MINUTE_S) % {"count": count // MINUTE_S}


def exactly(seconds: float) -> str:
    """The same where seconds count."""
    count = max(seconds, 0.0)
    if count >= MINUTE_S:
        return in_words(count)
    return ngettext("%(count)d second", "%(count)d seconds", int(count)) % {"count": int(count)}
