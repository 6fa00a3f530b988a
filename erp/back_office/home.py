"""The first page: what waits for whoever opens it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import resolve, reverse

from erp.core import work_queues


def waiting_work(request: HttpRequest) -> list[dict[str, Any]]:
    """What waits on the lists that this user may open."""
    found = []
    for queue in work_queues.registered():
        url = reverse(queue.url_name)
        if resolve(url).func.model_admin.has_view_permission(request):  # type: ignore[attr-defined]
            count = queue.count()
            text = f"{work_queues.CAP:,}+" if count > work_queues.CAP else f"{count:,}"
            found.append({"title": queue.title, "count": count, "text": text, "url": f"{url}?{queue.query}"})
    return found
