"""What this room refuses."""

from __future__ import annotations

from erp.core.errors import Conflict, InvalidInput, NotAllowedNow, NotFound


class BadTemplate(InvalidInput):
    """A template that cannot be filled. ``problems`` names every placeholder that does not exist, or stands where it must not."""

    code = "bad_template"


class MailNotFound(NotFound):
    code = "mail_not_found"


class MailIsOver(NotAllowedNow):
    """The mail is sent, being sent or discarded: nothing about it can be changed."""

    code = "mail_is_over"


class MailMovedOn(Conflict):
    """Somebody else did something with the mail after the caller had looked at it; the answer says who, what and when."""

    code = "mail_moved_on"


class WrittenMeanwhile(MailMovedOn):
    """Somebody else wrote about the same document after the caller had begun to. ``mail_id`` is that mail: who has seen it may write all the same."""

    code = "written_meanwhile"

    def __init__(self, detail: str, *, mail_id: int) -> None:
        super().__init__(detail)
        self.mail_id = mail_id


class ChannelDoesNotWrite(NotAllowedNow):
    """Nobody said in whose name mails of this channel go out."""

    code = "channel_does_not_write"
