"""The rules of a channel, one per kind of mail, so that the table of who sends what is always whole."""

from __future__ import annotations

import datetime as dt

from erp.core.actors import Actor
from erp.core.use_case import use_case
from erp.correspondence.models import AUTOMATIC, ChannelMail, MailRule, Sender


@use_case
def complete_rules(*, setting_id: int, at: dt.datetime, by: Actor) -> None:
    """Give a channel a rule for every kind of mail it has none for: its EC site goes on sending them. Repeatable."""
    add_missing_rules([setting_id])


def add_missing_rules(setting_ids: list[int]) -> None:
    MailRule.objects.bulk_create(
        [MailRule(setting_id=key, kind=kind, sender=Sender.EC) for key in setting_ids for kind in AUTOMATIC],
        ignore_conflicts=True,
    )


def all_settings() -> list[int]:
    return list(ChannelMail.objects.order_by("pk").values_list("pk", flat=True))
