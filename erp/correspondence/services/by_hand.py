"""What people do with mails: write one, look at a draft and send or discard it, send one again. Takes the name of the document that a mail goes
out about, then the mail's row.

Two people may have the same mail before them. Each says what they saw of it (``seen``, from ``selectors.seen_of``); behind the lock of the row the
second is refused and told what the first did, so that a shopper gets one mail and nobody's words are replaced unread. Two who each write one of their
own about a document, or send one again that was written about it, are told likewise; the second may send it all the same.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from erp.core import locks
from erp.core.actors import Actor
from erp.core.errors import InvalidInput, Problem
from erp.core.use_case import use_case
from erp.correspondence import selectors
from erp.correspondence.exceptions import MailIsOver, MailMovedOn, MailNotFound, WrittenMeanwhile
from erp.correspondence.models import Mail, MailEvent, MailKind
from erp.correspondence.selectors import Seen
from erp.correspondence.selectors.templates import SUBJECT_LENGTH
from erp.correspondence.services.delivery import close_task

State = Mail.State
UNSENT = (State.DRAFT, State.WAITING)
# What can be sent again: everything that has come to an end.
ENDED = (State.SENT, State.FAILED, State.UNKNOWN, State.UNDELIVERABLE, State.DISCARDED)


@dataclass(frozen=True, slots=True)
class Words:
    """What a person typed. Nothing in it is replaced any more."""

    recipient: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The document that a mail is written about, and what of it."""

    channel_id: int
    document_type: str
    document_id: int
    document_label: str
    about_type: str = ""
    about_id: int | None = None


@use_case
def write_mail(
    *, subject: Subject, kind: str, words: Words, token: str, seen: Seen | None = None, at: dt.datetime, by: Actor
) -> Mail:
    """Send a mail that a person wrote, whoever sends this kind by rule. The same ``token`` again is the same mail.

    Raises InvalidInput naming every fault, ChannelDoesNotWrite, WrittenMeanwhile if a person wrote about the document after what was ``seen``
    (from ``selectors.seen_of_document``).
    """
    locks.hold(f"mails by hand:{_name_of(subject)}")
    occasion = f"{selectors.BY_HAND}{token}"[:80]
    same = {"document_type": subject.document_type, "document_id": subject.document_id, "kind": MailKind(kind)}
    if mail := Mail.objects.filter(**same, occasion=occasion).first():
        return mail
    selectors.setting_of(subject.channel_id)
    _refuse_bad(words)
    _refuse_written_meanwhile(subject, seen)
    return Mail.objects.create(
        **same,
        occasion=occasion,
        channel_id=subject.channel_id,
        document_label=subject.document_label,
        about_type=subject.about_type,
        about_id=subject.about_id,
        state=State.WAITING,
        owed_at=at,
        due_at=at,
        actor=str(by),
        **_texts(words),
    )


@use_case
def edit_mail(*, mail_id: int, words: Words, seen: Seen | None = None, at: dt.datetime, by: Actor) -> None:
    """Change the words of a draft. Raises InvalidInput, MailNotFound, MailIsOver, MailMovedOn if somebody changed it since it was ``seen``."""
    mail = _lock(mail_id, *UNSENT)
    if _says(mail, words):
        return
    _refuse_unseen_events(mail, seen)
    _refuse_bad(words)
    _edit(mail, words, at=at, by=by)


@use_case
def approve_mail(
    *, mail_id: int, words: Words | None = None, seen: Seen | None = None, at: dt.datetime, by: Actor
) -> None:
    """Let a draft go out, in these words or in those of its template. Again = no change.

    Raises InvalidInput, MailNotFound, MailIsOver, MailMovedOn if somebody changed or approved it in other words since it was ``seen``.
    """
    mail = _lock(mail_id, *UNSENT)
    if words is not None and not _says(mail, words):
        _refuse_unseen_events(mail, seen)
        _refuse_bad(words)
        _edit(mail, words, at=at, by=by)
    if mail.state == State.DRAFT:
        Mail.objects.filter(pk=mail.pk).update(state=State.WAITING, due_at=at)
        _note(mail, MailEvent.Kind.APPROVED, "", at=at, by=by)


@use_case
def discard_mail(*, mail_id: int, reason: str, seen: Seen | None = None, at: dt.datetime, by: Actor) -> None:
    """Do not send a mail, or be done with one that could not be sent. Again for the same reason = no change.

    Raises MailNotFound, MailIsOver, InvalidInput, MailMovedOn if it was sent again, if somebody gave another reason, or let it go
    out since it was ``seen``.
    """
    mail = _lock(mail_id, *UNSENT, State.FAILED, State.UNKNOWN, State.UNDELIVERABLE, State.DISCARDED)
    if again := selectors.newest_again(mail.pk):
        raise _sent_by_another(again)
    if mail.state == State.DISCARDED:
        if mail.reason != reason.strip():
            raise MailMovedOn(selectors.told_of_event(selectors.events_of(mail.pk)[-1]))
        return
    _refuse_unseen_events(mail, seen)
    if not reason.strip():
        raise InvalidInput([Problem("/reason", "missing", _("Say why it is not sent."))])
    _discard(mail, reason.strip(), at=at, by=by)


@use_case
def send_again(
    *, mail_id: int, token: str, recipient: str = "", seen: Seen | None = None, at: dt.datetime, by: Actor
) -> Mail:
    """Send the same words once more, as a mail of its own that names the first; to another address if one is given. The same ``token`` again is
    the same mail.

    One that was never written is written now. Raises InvalidInput, MailNotFound, MailIsOver for a mail that is still under way, MailMovedOn when
    somebody else sent it again: one that did not arrive is sent again once, and what became of that is done with the new mail; one that arrived
    is sent again by whoever has ``seen`` that it was. Raises WrittenMeanwhile if a person wrote about its document after what was ``seen``.
    """
    locks.hold(f"mails by hand:{_name_of(_found(Mail.objects.filter(pk=mail_id)))}")
    mail = _lock(mail_id, *ENDED)
    occasion = f"again:{mail.pk}:{token}"[:80]
    again, is_replay = selectors.newest_again(mail.pk), Mail.objects.filter(resend_of=mail, occasion=occasion).exists()
    if again is not None and not is_replay:
        knows = mail.state == State.SENT and seen is not None and seen.newest_id == again.pk
        if not knows:
            raise _sent_by_another(again)
    if again is None:
        # Whoever gave it up meanwhile knows something of it.
        _refuse_unseen_events(mail, seen)
    if recipient:
        _refuse_bad(Words(recipient, mail.subject or "-", mail.body or "-"))
    if not is_replay:
        _refuse_written_meanwhile(mail, seen)
    again, is_new = Mail.objects.get_or_create(
        document_type=mail.document_type,
        document_id=mail.document_id,
        kind=mail.kind,
        occasion=occasion,
        defaults={
            "channel_id": mail.channel_id,
            "document_label": mail.document_label,
            "about_type": mail.about_type,
            "about_id": mail.about_id,
            "state": State.WAITING,
            "owed_at": at,
            "due_at": at,
            "actor": str(by),
            "recipient": recipient.strip() or mail.recipient,
            "subject": mail.subject,
            "body": mail.body,
            "resend_of": mail,
        },
    )
    if is_new and mail.state in (State.FAILED, State.UNKNOWN, State.UNDELIVERABLE):
        _discard(mail, _("Sent again as mail %(id)s.") % {"id": again.pk}, at=at, by=by)
    return again


def _found(mails: QuerySet[Mail]) -> Mail:
    mail = mails.first()
    if mail is None:
        raise MailNotFound(_("There is no such mail."))
    return mail


def _name_of(about: Subject | Mail) -> str:
    """The document that a mail is about, which no mail ever changes."""
    return f"{about.document_type}:{about.document_id}"


def _lock(mail_id: int, *allowed: str) -> Mail:
    mail = _found(Mail.objects.filter(pk=mail_id).select_for_update(no_key=True))
    if mail.state not in allowed:
        raise MailIsOver(_("This mail is in the state “%(state)s”.") % {"state": mail.get_state_display()})
    return mail


def _says(mail: Mail, words: Words) -> bool:
    """Whether the mail has been given these very words already."""
    texts = _texts(words)
    return texts == {name: getattr(mail, name) for name in texts}


def _sent_by_another(again: Mail) -> MailMovedOn:
    rest = _(" Nothing was done just now: what is still to be done is done with that one.")
    return MailMovedOn(f"{selectors.told_of_again(again)}{rest}")


def _refuse_unseen_events(mail: Mail, seen: Seen | None) -> None:
    if seen is None:
        return
    if unseen := [event for event in selectors.events_of(mail.pk) if event.pk > seen.event_id]:
        raise MailMovedOn(selectors.told_of_event(unseen[-1]))


def _refuse_written_meanwhile(about: Subject | Mail, seen: Seen | None) -> None:
    newest = selectors.newest_by_hand(about.document_type, about.document_id)
    if seen is not None and newest is not None and newest.pk > seen.written_id:
        raise WrittenMeanwhile(selectors.told_of_written(newest), mail_id=newest.pk)


def _refuse_bad(words: Words) -> None:
    problems = []
    try:
        validate_email(words.recipient.strip())
    except ValidationError:
        problems.append(Problem("/recipient", "bad_address", _("“%(it)s” is no address.") % {"it": words.recipient}))
    if not words.subject.strip() or "\n" in words.subject or len(words.subject) > SUBJECT_LENGTH:
        told = _("A subject is one line of at most %(most)d characters.") % {"most": SUBJECT_LENGTH}
        problems.append(Problem("/subject", "bad_subject", told))
    if not words.body.strip():
        problems.append(Problem("/body", "missing", _("It is empty.")))
    if problems:
        raise InvalidInput(problems)


def _texts(words: Words) -> dict[str, str]:
    body = words.body.replace("\r\n", "\n").strip("\n") + "\n"
    return {"recipient": words.recipient.strip(), "subject": words.subject.strip(), "body": body}


def _edit(mail: Mail, words: Words, *, at: dt.datetime, by: Actor) -> None:
    texts = _texts(words)
    Mail.objects.filter(pk=mail.pk).update(**texts)
    _note(mail, MailEvent.Kind.EDITED, "{recipient}\n{subject}\n\n{body}".format(**texts), at=at, by=by)


def _discard(mail: Mail, reason: str, *, at: dt.datetime, by: Actor) -> None:
    was_failed = mail.state in (State.FAILED, State.UNKNOWN)
    Mail.objects.filter(pk=mail.pk).update(state=State.DISCARDED, reason=reason)
    _note(mail, MailEvent.Kind.DISCARDED, reason, at=at, by=by)
    if was_failed:
        close_task(mail, resolution=reason, at=at, by=by)


def _note(mail: Mail, kind: MailEvent.Kind, detail: str, *, at: dt.datetime, by: Actor) -> None:
    MailEvent.objects.create(mail=mail, kind=kind, detail=detail, recorded_at=at, actor=str(by))
