"""Bodies that come in chunks, without saying how long they are: Django reads as much as ``Content-Length`` says, and nothing without one."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

PIECE = 64 * 1024

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def measured(application: Application, *, most: int) -> Application:
    """``application`` behind a reader that takes such a body whole and says its length; of one beyond ``most`` so much that it is refused."""

    def measuring(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ.get("CONTENT_LENGTH") and "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = _read(environ["wsgi.input"], most + 1)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        return application(environ, start_response)

    return measuring


def _read(stream: Any, most: int) -> bytes:
    pieces, size = [], 0
    while size < most and (piece := stream.read(min(PIECE, most - size))):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
