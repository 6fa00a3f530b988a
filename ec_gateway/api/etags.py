"""Answers that need not be sent again: an ETag is a digest of the answer, which is made anew each time.

So it ends by itself when a hold expires by the clock; ``no-cache`` tells whoever keeps the answer to ask before showing it.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpResponse
from django.utils.http import parse_etags
from rest_framework.request import Request

from ec_gateway.api.frame import json_answer


def unless_known(request: Request, body: Any) -> HttpResponse:
    """``body``, or 304 when the client says in ``If-None-Match`` that it has it."""
    answer = json_answer(body)
    etag = f'"{hashlib.blake2b(answer.content, digest_size=12).hexdigest()}"'
    known = request.META.get("HTTP_IF_NONE_MATCH", "")
    if known:
        named = [item.removeprefix("W/") for item in parse_etags(known)]
        if etag in named or "*" in named:
            answer = HttpResponse(status=304)
            del answer.headers["Content-Type"]
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer
