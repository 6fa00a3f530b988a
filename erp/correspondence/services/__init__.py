"""Every write to mails: owed with the fact they tell, sent by a job, and what people do with them."""

from erp.correspondence.services.by_hand import (
    Subject,
    Words,
    approve_mail,
    discard_mail,
    edit_mail,
    send_again,
    write_mail,
)
from erp.correspondence.services.delivery import deliver_due
from erp.correspondence.services.outbox import Owed, hasten, owe, withdraw
from erp.correspondence.services.settings import complete_rules

__all__ = [
    "Owed",
    "Subject",
    "Words",
    "approve_mail",
    "complete_rules",
    "deliver_due",
    "discard_mail",
    "edit_mail",
    "hasten",
    "owe",
    "send_again",
    "withdraw",
    "write_mail",
]
