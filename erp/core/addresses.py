"""Where a request comes from. Behind proxies the connection is the proxy's; how many of them are ours says ``PROXY_COUNT``."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

LOOPBACK = {"127.0.0.1", "::1"}


def address_of(request: HttpRequest) -> str:
    """The client's address, or nothing where there is none (a unix socket).

    Each proxy appends whom it heard to ``X-Forwarded-For``: of ``PROXY_COUNT`` proxies of ours the entry that many from the right is true,
    whatever a client wrote before it. Without a proxy of ours the header is anybody's word and is not read.
    """
    connected = _plain(request.META.get("REMOTE_ADDR", ""))
    if not settings.PROXY_COUNT:
        return connected
    heard = [part for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if len(heard) < settings.PROXY_COUNT:
        return connected
    return _plain(heard[-settings.PROXY_COUNT]) or connected


def _plain(told: str) -> str:
    """Without a port, brackets or zone; nothing for what is no address."""
    text = told.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
