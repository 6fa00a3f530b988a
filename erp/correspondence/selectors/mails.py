"""Questions about mails: who sends which kind, in which words, and what was written about a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from erp.core import rows, who
from erp.core.clock import written_moment
from erp.core.models import Channel
from erp.correspondence.exceptions import ChannelDoesNotWrite, MailNotFound
from erp.correspondence.models import ChannelMail, Mail, MailEvent, MailKind, MailTemplate
from erp.correspondence.selectors import templates
from erp.correspondence.selectors.templates import Text, one_line
from erp.correspondence.selectors.writers import Attachment, Contents, Placeholder, Topic, writer_of

# Every mail can say these, whatever it is about.
SHOP, SENDER, SIGNATURE = "ショップ名", "差出人", "署名"


@dataclass(frozen=True, slots=True)
class Written:
    """A mail as it would go out now. ``problem`` says why it cannot."""

    recipient: str
    from_header: str
    reply_to: str
    text: Text
    problem: str
    attachments: Sequence[Attachment]


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody who acts on a mail knew of it: the last thing that people had done with it, the last mail that it was sent again as, and the
    last one that a person had written about the same document. Of a mail that is yet to be written, the last only."""

    event_id: int = 0
    newest_id: int = 0
    written_id: int = 0


# How the occasion of a mail begins that a person wrote.
BY_HAND = "hand:"
# What people do; what a server answers changes nothing that they decided.
_BY_PEOPLE = (MailEvent.Kind.EDITED, MailEvent.Kind.APPROVED, MailEvent.Kind.DISCARDED)


def events_of(mail_id: int) -> list[MailEvent]:
    """What people did with a mail, in its order."""
    return list(MailEvent.objects.filter(mail=mail_id, kind__in=_BY_PEOPLE).order_by("pk"))


def newest_again(mail_id: int) -> Mail | None:
    return Mail.objects.filter(resend_of=mail_id).defer("body").order_by("-pk").first()


def newest_by_hand(document_type: str, document_id: int) -> Mail | None:
    """The last mail about a document that a person wrote, or sent again, and that is not given up."""
    mails = Mail.objects.filter(document_type=document_type, document_id=document_id).exclude(
        state=Mail.State.DISCARDED
    )
    by_hand = mails.filter(Q(occasion__startswith=BY_HAND) | Q(resend_of__isnull=False))
    return by_hand.defer("body").order_by("-pk").first()


def seen_of_document(document_type: str, document_id: int) -> Seen:
    """For whoever begins to write about it."""
    newest = newest_by_hand(document_type, document_id)
    return Seen(written_id=newest.pk if newest else 0)


def seen_of(mail: Mail) -> Seen:
    events, again = events_of(mail.pk), newest_again(mail.pk)
    of_document = seen_of_document(mail.document_type, mail.document_id)
    return replace(of_document, event_id=events[-1].pk if events else 0, newest_id=again.pk if again else 0)


def told_of_event(event: MailEvent) -> str:
    """For whoever acts on a mail as it was before."""
    what = event.get_kind_display()
    if event.kind == MailEvent.Kind.DISCARDED and event.detail:
        what = f"{what} ({event.detail})"
    told = _("Nothing was done. %(who)s did this with the mail at %(when)s: %(what)s. Open the mail again and look.")
    return told % {"who": who.told(event.actor), "when": written_moment(event.recorded_at), "what": what}


def told_of_again(again: Mail) -> str:
    """That a mail was sent again, for whoever is about to do so."""
    told = _("%(who)s sent this mail again at %(when)s, as mail %(id)s (%(state)s).")
    return told % {
        "who": who.told(again.actor),
        "when": written_moment(again.owed_at),
        "id": again.pk,
        "state": again.get_state_display(),
    }


def told_of_written(mail: Mail) -> str:
    """That somebody wrote about the same document, for whoever is about to do so."""
    told = _(
        "%(who)s wrote to the shopper about %(label)s at %(when)s: “%(subject)s” (mail %(id)s, %(state)s). Nothing was sent just now, and what you "
        "typed is kept below. To send it all the same, press the button once more."
    )
    return told % {
        "who": who.told(mail.actor),
        "label": mail.document_label,
        "when": written_moment(mail.owed_at),
        "subject": mail.subject,
        "id": mail.pk,
        "state": mail.get_state_display(),
    }


def setting_of(channel_id: int) -> ChannelMail:
    """Raises ChannelDoesNotWrite."""
    found = ChannelMail.objects.select_related("channel").filter(channel=channel_id).first()
    if found is None:
        name = Channel.objects.filter(pk=channel_id).values_list("name", flat=True).first()
        raise ChannelDoesNotWrite(
            _("Say first in whose name mails of %(channel)s go out (mail settings of channels).") % {"channel": name}
        )
    return found


_LATEST = """
SELECT DISTINCT ON (document_id) document_id, state FROM correspondence_mail
WHERE document_type = %s AND document_id = ANY(%s::bigint[]) AND kind = %s ORDER BY document_id, id DESC
"""
_GONE = (Mail.State.SENDING, Mail.State.SENT, Mail.State.UNKNOWN)
_STAYS = (Mail.State.DRAFT, Mail.State.WAITING, Mail.State.CLAIMED)


def documents_told(*, kind: str, document_type: str, document_ids: Sequence[int]) -> set[int]:
    """Documents whose latest mail of this kind went out, is being handed over, or may have gone."""
    return _with_latest(_GONE, kind, document_type, document_ids)


def documents_to_tell(*, kind: str, document_type: str, document_ids: Sequence[int]) -> set[int]:
    """Documents of which a mail of this kind waits to be sent, or for a person."""
    return _with_latest(_STAYS, kind, document_type, document_ids)


def _with_latest(states: Sequence[str], kind: str, document_type: str, document_ids: Sequence[int]) -> set[int]:
    latest = rows.ask(_LATEST, [document_type, list(document_ids), kind]).all()
    return {document_id for document_id, state in latest if state in states}


def template_of(kind: str, channel_id: int, *, name: str = "") -> MailTemplate | None:
    """The words of a kind of mail: those of the channel, else those of the company."""
    found = MailTemplate.objects.filter(Q(channel=channel_id) | Q(channel=None), kind=kind, name=name)
    return found.order_by(F("channel").asc(nulls_last=True)).first()


def templates_for(channel_id: int) -> list[MailTemplate]:
    """Every template that a mail of this channel may be written by, each kind and name once."""
    found = MailTemplate.objects.filter(Q(channel=channel_id) | Q(channel=None))
    chosen: dict[tuple[str, str], MailTemplate] = {}
    for template in found.order_by(F("channel").asc(nulls_last=True), "pk"):
        chosen.setdefault((template.kind, template.name), template)
    order = list(MailKind.values)
    return sorted(chosen.values(), key=lambda item: (order.index(item.kind), item.name))


def write(topic: Topic, *, channel_id: int, template: MailTemplate | None) -> Written:
    """A mail about a topic in the words of a template. Raises ChannelDoesNotWrite."""
    setting = setting_of(channel_id)
    contents = contents_of(topic, setting)
    text = templates.fill(template.subject, template.body, contents.values) if template else Text("", "")
    return Written(
        recipient=contents.recipient,
        from_header=f"{one_line(setting.from_name)} <{setting.from_address}>",
        reply_to=setting.reply_to,
        text=text,
        problem=contents.problem or ("" if template else _("There is no template of this kind.")),
        attachments=contents.attachments,
    )


def as_it_goes_out(mail: Mail) -> Written:
    """A mail that is about to be sent: with the words it has already, or those of its template. What keeps it from going out is its
    ``problem``."""
    template = None if mail.body else template_of(mail.kind, mail.channel_id)
    try:
        written = write(topic_of(mail), channel_id=mail.channel_id, template=template)
    except ChannelDoesNotWrite as refusal:
        return Written("", "", "", Text("", ""), str(refusal.detail), ())
    if not mail.body:
        return written
    # Written by hand, or at an earlier attempt. Whoever typed an address means it.
    problem = "" if mail.recipient else written.problem
    return replace(
        written, recipient=mail.recipient or written.recipient, text=Text(mail.subject, mail.body), problem=problem
    )


def contents_of(topic: Topic, setting: ChannelMail) -> Contents:
    contents = writer_of(topic.kind).write(topic)
    shared = {
        SHOP: one_line(setting.channel.name),
        SENDER: one_line(setting.from_name),
        SIGNATURE: setting.signature.replace("\r\n", "\n").strip("\n"),
    }
    return Contents(contents.recipient, {**contents.values, **shared}, contents.problem, contents.attachments)


def every_placeholder(kind: str) -> list[Placeholder]:
    """Of a kind of mail, those of its documents and those that every mail has."""
    from django.utils.translation import gettext_lazy

    return [
        *writer_of(kind).placeholders(kind),
        Placeholder(SHOP, gettext_lazy("Name of the sales channel")),
        Placeholder(SENDER, gettext_lazy("Sender's name of the channel")),
        Placeholder(SIGNATURE, gettext_lazy("Signature of the channel"), is_block=True),
    ]


def topic_of(mail: Mail) -> Topic:
    return Topic(mail.kind, mail.document_id, mail.about_type, mail.about_id)


def mail_with_channel(mail_id: int) -> Mail:
    """Raises MailNotFound."""
    found = Mail.objects.select_related("channel").filter(pk=mail_id).first()
    if found is None:
        raise MailNotFound(_("There is no such mail."))
    return found


def mails_of(document_type: str, document_id: int) -> list[Mail]:
    """What was, or is to be, written about a document, the newest first."""
    found = Mail.objects.filter(document_type=document_type, document_id=document_id)
    return list(found.defer("body").order_by("-pk"))


def mails_in(*states: str) -> QuerySet[Mail, Any]:
    return Mail.objects.filter(state__in=states)


def is_writing(channel_id: int) -> bool:
    return ChannelMail.objects.filter(channel=channel_id).exists()
