"""Sends what is due, each mail at most once. Takes the mails' own rows only, and never across a call of a mail server.

A mail is taken (CLAIMED), written, and said to be under way (SENDING) in a transaction of its own before the server hears of it. Who dies before
that has sent nothing: the mail is taken again when the lease is over. Who dies after it leaves a mail of which nobody knows whether it
went out: it is not sent again by itself (UNKNOWN), a person decides. So a shopper never gets a mail twice from a crash; the price is that a
crash within the moment of handing over asks for a person.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.headerregistry import Address

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from erp.core import staff_tasks
from erp.core.actors import Actor
from erp.core.retries import retried
from erp.core.use_case import use_case
from erp.correspondence import selectors
from erp.correspondence.models import Mail, MailEvent
from erp.correspondence.services.verdicts import Means, Verdict, unreachable, verdict_of

State = Mail.State
FAILED_TASK = "MAIL_FAILED"
# How long a worker may keep what it took. Longer than all mails of one claim take with a server that lets each one time out.
LEASE = dt.timedelta(minutes=15)
CLAIMED_AT_ONCE = 20
# A run ends before its slot is over for long; what is left is the next one's.
RUN_S = 240.0
RETRY_AFTER = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720, 1440))
UNREACHABLE_AGAIN_AFTER = dt.timedelta(minutes=2)

log = structlog.get_logger(__name__)


def deliver_due(*, at: dt.datetime, by: Actor) -> str:
    """A job: send what is due. Any number of workers share the work. Returns what it did."""
    began = time.monotonic()

    def now() -> dt.datetime:
        return at + dt.timedelta(seconds=time.monotonic() - began)

    retried(give_back_what_was_left, at=now(), by=by)
    if not settings.EMAIL_IS_CONFIGURED:
        return f"{retried(say_why_nothing_goes, at=now(), by=by)} wait"
    sent = 0
    while time.monotonic() - began < RUN_S:
        claim = uuid.uuid4()
        taken = retried(take_due, claim=claim, at=now(), by=by)
        if not taken:
            break
        count = _hand_over(taken, claim, now, by)
        if count is None:
            break
        sent += count
    return f"{sent} sent"


def _hand_over(taken: Sequence[int], claim: uuid.UUID, now: Callable[[], dt.datetime], by: Actor) -> int | None:
    """Send the mails that were taken. None: the server is out of reach, and those that it has not heard of wait again."""
    server = get_connection(fail_silently=False)
    sent = 0
    try:
        server.open()
        for mail_id in taken:
            message = _written(mail_id, claim, now, by)
            if message is None:
                continue
            if (verdict := _send(server, message)) is None:
                retried(note_sent, mail_id=mail_id, claim=claim, at=now(), by=by)
                sent += 1
                continue
            log.warning("mail not taken", mail=mail_id, means=verdict.means, why=verdict.reason)
            retried(note_fault, mail_id=mail_id, claim=claim, verdict=verdict, at=now(), by=by)
            if verdict.means is not Means.NEVER:
                # The server may have hung up.
                _close(server)
                server.open()
    except OSError as fault:
        log.warning("mail server out of reach", why=str(fault))
        retried(put_off, claim=claim, reason=unreachable(fault), at=now(), by=by)
        return None
    finally:
        _close(server)
    return sent


def _written(mail_id: int, claim: uuid.UUID, now: Callable[[], dt.datetime], by: Actor) -> EmailMessage | None:
    """A mail that cannot be written because of an error of ours is left to staff, so that it holds up no other."""
    try:
        return retried(begin, mail_id=mail_id, claim=claim, at=now(), by=by)
    except DatabaseError:
        raise
    except Exception as fault:
        log.exception("mail cannot be written", mail=mail_id)
        reason = _("The mail cannot be written: %(said)s") % {"said": f"{type(fault).__name__} {fault}"[:300]}
        retried(give_up_unwritten, mail_id=mail_id, claim=claim, reason=reason, at=now(), by=by)
        return None


def _send(server: BaseEmailBackend, message: EmailMessage) -> Verdict | None:
    """None: the server has it."""
    try:
        server.send_messages([message])
    except (OSError, ValueError) as fault:
        return verdict_of(fault)
    return None


def _close(server: BaseEmailBackend) -> None:
    """However the line ends: what was said on it is known."""
    with suppress(OSError):
        server.close()


_TAKE = """
UPDATE correspondence_mail SET state = 'CLAIMED', claim = %s, claimed_at = %s
WHERE id IN (SELECT id FROM correspondence_mail WHERE state = 'WAITING' AND due_at <= %s ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING id
"""


@use_case
def take_due(*, claim: uuid.UUID, at: dt.datetime, by: Actor) -> list[int]:
    """Take the oldest mails that are due, for one worker, under a claim of its own. Returns their ids in the order in which they were owed."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [claim, at, at, CLAIMED_AT_ONCE])
        return sorted(key for (key,) in cursor.fetchall())


@use_case
def give_back_what_was_left(*, at: dt.datetime, by: Actor) -> None:
    """Mails of workers that died. Those of which no server has heard wait again; of the others nobody knows, so that a person decides."""
    over = Mail.objects.filter(claimed_at__lt=at - LEASE)
    over.filter(state=State.CLAIMED).update(state=State.WAITING, claim=None, claimed_at=None)
    lost = over.filter(state=State.SENDING).order_by("pk").select_for_update(no_key=True, skip_locked=True)
    for mail in lost:
        reason = _("The program ended while it was sending this mail. Ask the mail server whether it went out.")
        _end(mail, State.UNKNOWN, reason, at=at, by=by)


@use_case
def say_why_nothing_goes(*, at: dt.datetime, by: Actor) -> int:
    """Without a mail server everything waits, and says why. Returns how many wait."""
    reason = _("No mail server is set up (EMAIL_URL).")
    waiting = Mail.objects.filter(state=State.WAITING, due_at__lte=at)
    waiting.exclude(reason=reason).update(reason=reason)
    return waiting.count()


@use_case
def begin(*, mail_id: int, claim: uuid.UUID, at: dt.datetime, by: Actor) -> EmailMessage | None:
    """Write a mail that was taken and say that it is under way. None: it cannot be sent, or another one has it by now."""
    mail = _mine(mail_id, claim, State.CLAIMED)
    if mail is None:
        return None
    written = selectors.as_it_goes_out(mail)
    if written.problem:
        _end(mail, State.UNDELIVERABLE, written.problem, at=at, by=by)
        return None
    mail.recipient, mail.subject, mail.body = written.recipient, written.text.subject, written.text.body
    mail.from_header, mail.reply_to = written.from_header, written.reply_to
    # The same for every attempt: a server that got it twice after all can tell.
    mail.message_id = mail.message_id or f"<mail-{mail.pk}.{claim.hex}@{_domain(written.from_header)}>"
    mail.state = State.SENDING
    mail.attempts += 1
    mail.save(update_fields=[
        "recipient", "subject", "body", "from_header", "reply_to", "message_id", "state", "attempts",
    ])  # fmt: skip
    return _message(mail, written)


@use_case
def give_up_unwritten(*, mail_id: int, claim: uuid.UUID, reason: str, at: dt.datetime, by: Actor) -> None:
    """No server has heard of it."""
    if (mail := _mine(mail_id, claim, State.CLAIMED)) is not None:
        _end(mail, State.FAILED, reason, at=at, by=by)


@use_case
def note_sent(*, mail_id: int, claim: uuid.UUID, at: dt.datetime, by: Actor) -> None:
    """The server has it. Also when somebody gave it up meanwhile: then the task is over."""
    mail = _mine(mail_id, claim, State.SENDING, State.UNKNOWN)
    if mail is None:
        return
    was_given_up = mail.state == State.UNKNOWN
    Mail.objects.filter(pk=mail.pk).update(state=State.SENT, sent_at=at, reason="", claim=None)
    _note(mail, MailEvent.Kind.SENT, mail.recipient, at=at, by=by)
    if was_given_up:
        close_task(mail, resolution=_("Sent after all."), at=at, by=by)


@use_case
def note_fault(*, mail_id: int, claim: uuid.UUID, verdict: Verdict, at: dt.datetime, by: Actor) -> None:
    """The server did not take it. Later, never, or nobody knows."""
    mail = _mine(mail_id, claim, State.SENDING)
    if mail is None:
        return
    if verdict.means is Means.UNKNOWN:
        _end(mail, State.UNKNOWN, verdict.reason, at=at, by=by)
    elif verdict.means is Means.NEVER or mail.attempts > len(RETRY_AFTER):
        _end(mail, State.FAILED, verdict.reason, at=at, by=by)
    elif mail.withdrawn_at is not None:
        # It was taken back while the server had it.
        _end(mail, State.DISCARDED, mail.reason, at=at, by=by)
    else:
        mail.state, mail.reason, mail.claim = State.WAITING, verdict.reason, None
        mail.due_at = at + RETRY_AFTER[mail.attempts - 1]
        mail.save(update_fields=["state", "reason", "claim", "due_at"])
        _note(mail, MailEvent.Kind.DEFERRED, verdict.reason, at=at, by=by)


@use_case
def put_off(*, claim: uuid.UUID, reason: str, at: dt.datetime, by: Actor) -> None:
    """The server is out of reach: what was taken and not begun waits again. That is no attempt of the mails."""
    Mail.objects.filter(claim=claim, state=State.CLAIMED).update(
        state=State.WAITING, claim=None, claimed_at=None, reason=reason, due_at=at + UNREACHABLE_AGAIN_AFTER
    )


def close_task(mail: Mail, *, resolution: str, at: dt.datetime, by: Actor) -> None:
    """Part of a transaction that settled what the task of this mail asked for."""
    staff_tasks.close_open(
        kind=FAILED_TASK, subject_type=mail.document_type, subject_ids=[mail.document_id], resolution=resolution, at=at, by=by
    )  # fmt: skip


def _mine(mail_id: int, claim: uuid.UUID, *states: str) -> Mail | None:
    """The mail, locked, as long as it is still this worker's."""
    found = Mail.objects.filter(pk=mail_id, claim=claim, state__in=states)
    return found.select_for_update(no_key=True).first()


def _end(mail: Mail, state: Mail.State, reason: str, *, at: dt.datetime, by: Actor) -> None:
    mail.state, mail.reason = state, reason
    mail.save(update_fields=["state", "reason"])
    _note(mail, MailEvent.Kind(state.value), reason, at=at, by=by)
    if state in (State.FAILED, State.UNKNOWN):
        detail = f"{mail.get_kind_display()} {mail.recipient}: {reason}"
        finding = staff_tasks.Finding(
            FAILED_TASK, mail.document_type, mail.document_id, mail.document_label, detail, due_at=None
        )
        staff_tasks.open_tasks([finding], at=at, by=by)


def _note(mail: Mail, kind: MailEvent.Kind, detail: str, *, at: dt.datetime, by: Actor) -> None:
    MailEvent.objects.create(mail=mail, kind=kind, detail=detail, recorded_at=at, actor=str(by))


def _message(mail: Mail, written: selectors.Written) -> EmailMessage:
    message = EmailMessage(
        subject=mail.subject,
        body=mail.body,
        from_email=_address(mail.from_header),
        to=[_address(mail.recipient)],
        reply_to=[_address(mail.reply_to)] if mail.reply_to else [],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
    )
    for attachment in written.attachments:
        message.attach(attachment.name, attachment.content, attachment.media_type)
    return message


def _address(text: str) -> str:
    """``name <address>`` or an address as headers want it. Old mobile addresses have dots where only quotes allow them."""
    name, has_name, rest = text.rpartition(" <")
    local, _at, domain = (rest.removesuffix(">") if has_name else text).rpartition("@")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        local = f'"{local}"'
    return str(Address(display_name=name, addr_spec=f"{local}@{domain}")) if has_name else f"{local}@{domain}"


def _domain(from_header: str) -> str:
    return from_header.removesuffix(">").rpartition("@")[2]
