"""What the company writes to its shoppers: who sends which mail, what it says, and every mail with what became of it.

Rooms above say *that* a mail is due (``services.owe``) and what it tells (``selectors.writers``); nothing here knows an order.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erp.core.folding import Folded
from erp.core.models import Channel


class MailKind(models.TextChoices):
    ORDER_RECEIVED = "ORDER_RECEIVED", _("Order confirmation")
    ORDER_CHANGED = "ORDER_CHANGED", _("Order changed")
    PAYMENT_REMINDER = "PAYMENT_REMINDER", _("Reminder to pay")
    PAYMENT_RECEIVED = "PAYMENT_RECEIVED", _("Payment received")
    SHIPPED = "SHIPPED", _("Shipping notice")
    SHORTAGE = "SHORTAGE", _("Apology for a shortage")
    ARRIVAL_MOVED = "ARRIVAL_MOVED", _("Expected arrival moved")
    CANCELLED = "CANCELLED", _("Cancellation")
    RETURNED = "RETURNED", _("Return received")
    RECEIPT = "RECEIPT", _("Receipt by mail")
    OTHER = "OTHER", _("Other mail")


# These follow from what happens; a rule says who sends them. The others are written by people.
AUTOMATIC = tuple(kind for kind in MailKind if kind not in (MailKind.RECEIPT, MailKind.OTHER))


class Sender(models.TextChoices):
    """Who sends a kind of mail: one, so that no shopper gets two."""

    EC = "EC", _("The EC site or mall")
    MAMORI = "MAMORI", _("Mamori, by itself")
    MAMORI_CHECKED = "MAMORI_CHECKED", _("Mamori, after a person has looked")
    NOBODY = "NOBODY", _("Nobody")


class ChannelMail(models.Model):
    """In whose name mails to the shoppers of a channel go out. A channel without one is written to by its EC site only."""

    channel = models.OneToOneField(
        Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="mail_setting"
    )
    from_name = models.CharField(_("sender's name"), max_length=100)
    from_address = models.EmailField(_("sender's address"))
    reply_to = models.EmailField(_("answers go to"), blank=True, help_text=_("Empty: to the sender's address."))
    signature = models.TextField(_("signature"), blank=True, help_text=_("Stands where a template says {署名}."))

    class Meta:
        verbose_name = _("mail setting of a channel")
        verbose_name_plural = _("mail settings of channels")

    def __str__(self) -> str:
        return f"{self.pk} {self.from_address}"


class MailRule(models.Model):
    """Who sends one kind of mail to the shoppers of one channel."""

    setting = models.ForeignKey(
        ChannelMail, verbose_name=_("mail setting of a channel"), on_delete=models.CASCADE, related_name="rules"
    )
    kind = models.CharField(_("kind"), max_length=20, choices=[(kind.value, kind.label) for kind in AUTOMATIC])
    sender = models.CharField(_("who sends"), max_length=20, choices=Sender.choices, default=Sender.EC)

    class Meta:
        verbose_name = _("rule for a kind of mail")
        verbose_name_plural = _("who sends which mail")
        constraints = [models.UniqueConstraint(fields=["setting", "kind"], name="one_mail_rule_per_channel_and_kind")]

    def __str__(self) -> str:
        return f"{self.pk} {self.get_kind_display()}"


class MailTemplate(models.Model):
    """The words of a kind of mail, for one channel or for all that have none of their own. Of other mails there are several, by name."""

    channel = models.ForeignKey(
        Channel,
        verbose_name=_("sales channel"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Empty: for all channels without a template of their own."),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=MailKind.choices)
    name = models.CharField(
        _("name of the template"), max_length=60, blank=True, help_text=_("For other mails only: what it is about.")
    )
    subject = models.CharField(_("subject line"), max_length=200)
    body = models.TextField(_("text of the mail"))

    class Meta:
        verbose_name = _("mail template")
        verbose_name_plural = _("mail templates")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "kind", "name"],
                nulls_distinct=False,
                name="one_mail_template_per_channel_and_kind",
                violation_error_message=_("This channel has a template of this kind and name already."),
            ),
            models.CheckConstraint(
                condition=Q(kind="OTHER") & ~Q(name="") | ~Q(kind="OTHER") & Q(name=""),
                name="only_other_mails_have_names",
                violation_error_message=_("Templates of other mails need a name, and only those have one."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}".strip()


class Mail(models.Model):
    """One mail: owed in the transaction of what it tells, once per document, kind and occasion; then written, sent, and final.

    ``about`` is what exactly it tells of (a shipment, a payment, a return); the text is kept from the moment it is written.
    """

    class State(models.TextChoices):
        DRAFT = "DRAFT", _("To be looked at")
        WAITING = "WAITING", _("Not sent yet")
        CLAIMED = "CLAIMED", _("About to be sent")
        SENDING = "SENDING", _("Being sent")
        SENT = "SENT", _("Sent to the shopper")
        FAILED = "FAILED", _("Sending failed")
        UNKNOWN = "UNKNOWN", _("Perhaps sent")
        UNDELIVERABLE = "UNDELIVERABLE", _("Cannot be sent")
        DISCARDED = "DISCARDED", _("Not to be sent")

    channel = models.ForeignKey(Channel, verbose_name=_("sales channel"), on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(_("kind"), max_length=20, choices=MailKind.choices)
    document_type = models.CharField(_("document type"), max_length=20)
    document_id = models.BigIntegerField(_("document"))
    document_label = models.CharField(_("document number"), max_length=40)
    about_type = models.CharField(_("tells of"), max_length=20, blank=True)
    about_id = models.BigIntegerField(_("tells of"), null=True, blank=True)
    occasion = models.CharField(_("occasion"), max_length=80)
    state = models.CharField(_("state"), max_length=15, choices=State.choices)
    owed_at = models.DateTimeField(_("owed since"))
    due_at = models.DateTimeField(_("not before"))
    actor = models.CharField(_("actor"), max_length=100)
    recipient = models.CharField(_("addressed to"), max_length=254, blank=True)
    from_header = models.CharField(_("sent from"), max_length=400, blank=True)
    reply_to = models.CharField(_("answers go to"), max_length=254, blank=True)
    subject = models.CharField(_("subject line"), max_length=400, blank=True)
    body = models.TextField(_("text of the mail"), blank=True)
    message_id = models.CharField(_("message id"), max_length=200, blank=True)
    resend_of = models.ForeignKey(
        "self", verbose_name=_("sent again from"), null=True, blank=True, on_delete=models.PROTECT, related_name="again"
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claim = models.UUIDField(_("claim"), null=True, blank=True, editable=False)
    claimed_at = models.DateTimeField(_("taken at"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    withdrawn_at = models.DateTimeField(_("taken back at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("mail to a shopper")
        verbose_name_plural = _("mails to shoppers")
        constraints = [
            models.UniqueConstraint(
                fields=["document_type", "document_id", "kind", "occasion"], name="one_mail_per_document_and_occasion"
            ),
            models.CheckConstraint(
                condition=~Q(state="SENT") | Q(sent_at__isnull=False) & ~Q(recipient="") & ~Q(body=""),
                name="sent_mail_says_what_and_when",
            ),
        ]
        indexes = [
            models.Index(fields=["document_label"], name="mail_by_document_label"),
            models.Index(fields=["kind", "-id"], name="mail_by_kind"),
            models.Index(Folded("recipient"), name="mail_by_recipient"),
            models.Index(
                fields=["due_at", "id"], condition=Q(state__in=["WAITING", "CLAIMED", "SENDING"]), name="mail_to_send"
            ),
            models.Index(
                fields=["owed_at"],
                condition=Q(state__in=["DRAFT", "FAILED", "UNKNOWN"]),
                name="mail_that_waits_for_a_person",
            ),
            models.Index(
                fields=["about_type", "about_id"], condition=Q(about_id__isnull=False), name="mail_by_subject"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_label} {self.get_kind_display()}"


class MailEvent(models.Model):
    """What happened to a mail: edited, approved, refused by a server, sent. Append-only."""

    class Kind(models.TextChoices):
        EDITED = "EDITED", _("Edited")
        APPROVED = "APPROVED", _("Approved")
        DISCARDED = "DISCARDED", _("Discarded")
        SENT = "SENT", _("Sent to the shopper")
        DEFERRED = "DEFERRED", _("Put off")
        FAILED = "FAILED", _("Sending failed")
        UNKNOWN = "UNKNOWN", _("Perhaps sent")
        UNDELIVERABLE = "UNDELIVERABLE", _("Cannot be sent")

    mail = models.ForeignKey(Mail, verbose_name=_("mail to a shopper"), on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    detail = models.TextField(_("detail"), blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    actor = models.CharField(_("actor"), max_length=100)

    class Meta:
        verbose_name = _("event of a mail")
        verbose_name_plural = _("events of mails")

    def __str__(self) -> str:
        return f"{self.pk}"
