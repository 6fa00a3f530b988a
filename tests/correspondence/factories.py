"""A channel that writes to its shoppers itself, and a mail server to write by."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from erp.core.models import Channel
from erp.correspondence.models import ChannelMail, Mail, MailRule
from erp.correspondence.services.settings import add_missing_rules

ALL = "MAMORI"


def writes(channel: Channel, sender: str = ALL, **rules: str) -> ChannelMail:
    """Mamori sends every kind of mail of this channel, or as ``rules`` say by kind."""
    setting = ChannelMail.objects.create(
        channel=channel,
        from_name="守り商店 銀座",
        from_address="shop@mamori.example",
        reply_to="desk@mamori.example",
        signature="守り商店\nhttps://shop.example/",
    )
    add_missing_rules([setting.pk])
    MailRule.objects.filter(setting=setting).update(sender=sender)
    for kind, of_kind in rules.items():
        MailRule.objects.filter(setting=setting, kind=kind).update(sender=of_kind)
    return setting


def told() -> list[tuple[str, str]]:
    return list(Mail.objects.order_by("pk").values_list("kind", "state"))


class _Session(socketserver.StreamRequestHandler):
    """As much of SMTP as a sender needs; what ``server.when_asked`` gives is the answer to a command instead."""

    server: Any

    def handle(self) -> None:
        self._say("220 test")
        data: list[bytes] | None = None
        while line := self.rfile.readline():
            if data is not None:
                if line == b".\r\n":
                    answer = self._asked("BODY") or "250 taken"
                    if answer.startswith("250"):
                        self.server.mails.append(b"".join(data))
                    data = None
                    self._say(answer)
                else:
                    data.append(line[1:] if line.startswith(b"..") else line)
                continue
            verb = line[:4].decode().upper()
            if answer := self._asked(verb + line.decode()[4:].rstrip()):
                self._say(answer)
            elif verb == "DATA":
                data = []
                self._say("354 go on")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250-test\r\n250 8BITMIME" if verb == "EHLO" else "250 ok")

    def _asked(self, command: str) -> str:
        answer = self.server.when_asked(command)
        if answer == "hang up":
            raise ConnectionAbortedError
        return answer

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[bytes] = []
        self.when_asked: Callable[[str], str] = lambda _command: ""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A line that the test cut."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def received(self) -> list[EmailMessage]:
        return [message_from_bytes(raw.replace(b"\r\n", b"\n"), policy=policy.default) for raw in self.mails]


@contextlib.contextmanager
def mail_server(settings: Any) -> Iterator[MailServer]:
    """A server that takes mails, and the settings of Django that lead to it."""
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 5
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_IS_CONFIGURED = True
        yield server
        server.shutdown()
        thread.join(10)
