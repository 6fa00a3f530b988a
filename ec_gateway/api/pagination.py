"""Lists in pages: an opaque cursor says behind which key the next page begins, so that no page is counted and none is skipped by a change."""

from __future__ import annotations

import base64
import binascii

from django.utils.translation import gettext as _
from rest_framework.request import Request

from erp.core.errors import InvalidInput, Problem

MOST = 1_000
USUAL = 500


def limit_of(request: Request, *, usual: int = USUAL, most: int = MOST) -> int:
    """Raises InvalidInput."""
    text = request.query_params.get("limit")
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 9 and 1 <= int(text) <= most):
        detail = _("A whole number from 1 to %(most)s is needed.") % {"most": most}
        raise InvalidInput([Problem("/query/limit", "invalid", detail)])
    return int(text)


def cursor_behind(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(request: Request, name: str = "cursor") -> str:
    """The key behind which the page begins; empty for the first page. Raises InvalidInput for what is no cursor of ours."""
    text = request.query_params.get(name, "")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidInput([_no_cursor(name)]) from error
    if "\x00" in key:
        raise InvalidInput([_no_cursor(name)])
    return key


def id_behind(request: Request, name: str = "cursor") -> int:
    """The same for lists by id; 0 for the first page."""
    key = key_of(request, name) or "0"
    if not (key.isascii() and key.isdecimal() and len(key) <= 18):
        raise InvalidInput([_no_cursor(name)])
    return int(key)


def _no_cursor(name: str) -> Problem:
    return Problem(f"/query/{name}", "invalid", _("This is not a cursor of this list."))
