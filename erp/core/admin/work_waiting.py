"""The work queues on the first page of the back office."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.urls import resolve, reverse

from erp.core import work_queues


def waiting_work(request: HttpRequest) -> dict[str, Any]:
    """A context processor: the work queues, counted only by the page that shows them."""
    return {"waiting_work": partial(_waiting_work, request)}


def _waiting_work(request: HttpRequest) -> list[dict[str, Any]]:
    """What waits on the lists that this user may open."""
    found = []
    for queue in work_queues.registered():
        url = reverse(queue.url_name)
        if resolve(url).func.model_admin.has_view_permission(request):  # type: ignore[attr-defined]
            count = queue.count()
            text = f"{work_queues.CAP:,}+" if count > work_queues.CAP else f"{count:,}"
            found.append({"title": queue.title, "count": count, "text": text, "url": f"{url}?{queue.query}"})
    return found
