"""Lists in pages: an opaque cursor says behind which key the next page begins, so that no page is counted and none is skipped by a change."""

from __future__ import annotations

import base64


def cursor_behind(key: str) -> str:
    """``Question.key_behind`` is the way back."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
