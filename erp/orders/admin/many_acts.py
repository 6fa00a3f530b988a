"""An act on many rows of a list: what it changes of each order is shown first; what is ticked, and still just that, is done order by order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from erp.core.admin import ServiceAdmin
from erp.core.keys import keys_in
from erp.orders.admin import foreseeing, order_acts
from erp.orders.models import Order, Return


@dataclass(frozen=True, slots=True)
class Row:
    """One order with what is asked of it. ``found`` is None where nothing was tried: there is nothing to do (``idle`` says why), or the database
    could not say. ``is_done`` in the result of what was confirmed, with the returns that were ``made``."""

    order: Order
    about: tuple[str, ...]
    idle: tuple[str, ...] = ()
    found: foreseeing.Foreseen | None = None
    is_done: bool = False

    @property
    def made(self) -> list[Return]:
        answers = self.found.answers if self.is_done and self.found else ()
        return [answer for answer in answers if isinstance(answer, Return)]


def act_on_many(
    page: ServiceAdmin,
    request: HttpRequest,
    chosen: QuerySet[Any],
    action: str,
    *,
    about: Callable[[Any], str],
) -> HttpResponse | None:
    """``about`` tells what a row is. Rows of one order are acted on together: one reason to wait less is another state when it was the last."""
    name = str(page.opts.model_name)
    act, acted_on = order_acts.ACTS[name, action], order_acts.ACTED_ON[name]
    said = act.heard(request)
    if act.needs and not said[act.needs]:
        page.message_user(request, str(act.asks), messages.ERROR)
        return None
    seen = foreseeing.ticked(request.POST.getlist("seen")) if "confirmed" in request.POST else None
    if seen is not None:
        # Also those that the filters of the list show no more: somebody else was faster, and that is told.
        named = keys_in(request.POST.getlist(ACTION_CHECKBOX_NAME))
        chosen = page.get_queryset(request).filter(pk__in=named).filter(**{f"{acted_on.key}__in": list(seen)})
    ordered = chosen.select_related(*acted_on.read_along).order_by(acted_on.key, "pk")
    found = list(ordered[: act.most + 1])
    more, found = len(found) > act.most, found[: act.most]
    idle = act.idle(found)
    told = [
        _row(page, request, act, said, order, list(rows), about, idle, seen)
        for order, rows in groupby(found, key=acted_on.order_of)
    ]
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": act.title,
        "action": action,
        "said": order_acts.to_say_again(said),
        "rows": told,
        "keys": [row.pk for row in found],
        "is_result": seen is not None,
        "done": sum(row.is_done for row in told),
        "left": sum(not row.is_done for row in told),
        "would": sum(row.found is not None and bool(row.found.changes) and not row.is_done for row in told),
        "more": act.most if more else 0,
    }
    return TemplateResponse(request, "admin/orders/order/acts.html", context)


def _row(
    page: ServiceAdmin,
    request: HttpRequest,
    act: order_acts.Act,
    said: order_acts.Said,
    order: Order,
    rows: Sequence[Any],
    about: Callable[[Any], str],
    idle: Mapping[int, str],
    seen: dict[int, str] | None,
) -> Row:
    told, why = tuple(map(about, rows)), tuple(idle[row.pk] for row in rows if row.pk in idle)
    rows = [row for row in rows if row.pk not in idle]
    if not rows:
        return Row(order, told, why)
    takes = tuple(sorted({sku for row in rows for sku in act.takes(row, said)}))
    fingerprint, tried = (seen or {}).get(order.pk, ""), list[foreseeing.Foreseen]()
    with page.refusals_as_messages(request, order.number):
        deed = foreseeing.Deed(order.pk, act.calls_on(rows, said, about), takes)
        tried.append(foreseeing.foresee(page, request, deed, seen=fingerprint))
    found = tried[0] if tried else None
    is_done = found is not None and found.is_what_was_seen(fingerprint)
    return Row(order, told, why, found, is_done)
