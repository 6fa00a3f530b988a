"""What a reading call is asked in its address: read parameter by parameter, every fault named at once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection

from django.utils.translation import gettext as _
from rest_framework.request import Request

from erp.core.changes import Cursor
from erp.core.errors import InvalidInput, Problem

MOST = 1_000
USUAL = 500


class Question:
    """The parameters of one request. A fault yields a stand-in, so that reading goes on; ``close`` comes last and raises InvalidInput."""

    def __init__(self, request: Request) -> None:
        self._asked = request.query_params
        self.problems: list[Problem] = []

    def __contains__(self, name: str) -> bool:
        return name in self._asked

    def text(self, name: str) -> str:
        return str(self._asked.get(name, ""))

    def fault(self, name: str, code: str, detail: str) -> None:
        self.problems.append(Problem(f"/query/{name}", code, detail))

    def only_one_of(self, *names: str) -> str:
        """Which of these is asked, if any."""
        found = [name for name in names if name in self._asked]
        if len(found) > 1:
            detail = _("Only one of %(names)s is possible.") % {"names": ", ".join(names)}
            for name in found:
                self.fault(name, "conflicting", detail)
        return found[0] if found else ""

    def limit(self, *, usual: int = USUAL, most: int = MOST) -> int:
        text = self._asked.get("limit")
        if text is None:
            return usual
        if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 9 and 1 <= int(text) <= most):
            self.fault("limit", "invalid", _("A whole number from 1 to %(most)s is needed.") % {"most": most})
            return usual
        return int(text)

    def key_behind(self, name: str = "cursor") -> str:
        """The key behind which a page begins; empty for the first page."""
        text = self.text(name)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            key = "\x00"
        if "\x00" in key:
            self._no_cursor(name)
            return ""
        return key

    def id_behind(self, name: str = "cursor") -> int:
        """The same for lists by id; 0 for the first page."""
        faults = len(self.problems)
        key = self.key_behind(name)
        if len(self.problems) > faults or not key:
            return 0
        if not (key.isascii() and key.isdecimal() and len(key) <= 18):
            self._no_cursor(name)
            return 0
        return int(key)

    def codes(self, name: str, *, most: int) -> list[str]:
        """A list, ``A,B``: each once."""
        found = list(dict.fromkeys(filter(None, self.text(name).split(","))))
        if not 1 <= len(found) <= most:
            detail = _("From 1 to %(most)s values are needed, separated by commas.") % {"most": most}
            self.fault(name, "invalid", detail)
        return found[:most]

    def some_of(self, name: str, choices: Collection[str]) -> list[str]:
        """A list of words out of ``choices``; each that is none is named."""
        found = list(filter(None, self.text(name).split(",")))
        detail = _("One of %(choices)s is needed.") % {"choices": ", ".join(choices)}
        for word in found:
            if word not in choices:
                self.fault(name, "unknown_value", f"{word}: {detail}")
        return [word for word in found if word in choices]

    def flag(self, name: str) -> bool:
        text = self._asked.get(name, "0")
        if text not in ("0", "1"):
            self.fault(name, "invalid", _("0 or 1 is needed."))
        return bool(text == "1")

    def close(self) -> None:
        if self.problems:
            raise InvalidInput(self.problems)

    def feed_cursor(self, name: str) -> Cursor:
        """Asked last, after ``close``. Raises CursorExpired for whatever is no cursor of this feed: the answer to the reader is the same, resync."""
        return Cursor.parse(self.text(name))

    def _no_cursor(self, name: str) -> None:
        self.fault(name, "invalid", _("This is not a cursor of this list."))
