"""What was typed beside an action outlives its refusal: the list that is shown next has it once more, and the rows ticked, if none was done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin import helpers
from django.forms import BaseForm
from django.http import HttpRequest

KEPT = "kept_beside_action"
MOST_ROWS, MOST_SIGNS = 200, 500
# Django's hidden sign that the rows of all pages are meant.
_ALL_PAGES = "select_across"
# Said by a message of this request: something was refused, something was done.
_REFUSED, _DONE = "action_was_refused", "action_was_done"


def note(request: HttpRequest, level: int) -> None:
    if level >= messages.ERROR:
        setattr(request, _REFUSED, True)
    elif level == messages.SUCCESS:
        setattr(request, _DONE, True)


def keep(request: HttpRequest, names: Iterable[str]) -> None:
    """Behind an action that was refused. Rows of which some were done are not ticked again: nobody shall do them twice. Nor are those of all pages
    chosen again: nobody sees which they are."""
    if not getattr(request, _REFUSED, False):
        return
    typed = {name: request.POST.get(name, "")[:MOST_SIGNS] for name in names if name != _ALL_PAGES}
    rows = [] if getattr(request, _DONE, False) else request.POST.getlist(helpers.ACTION_CHECKBOX_NAME)[:MOST_ROWS]
    request.session[KEPT] = {"path": request.path, "typed": typed, "rows": rows}


def give_back(request: HttpRequest, form: BaseForm | None) -> None:
    """Into the form beside the actions of the same list, once."""
    kept: dict[str, Any] | None = request.session.get(KEPT) if request.method == "GET" else None
    if kept is None or form is None or kept["path"] != request.path:
        return
    del request.session[KEPT]
    form.initial = kept["typed"]
    # The theme's script empties the choice of the action and forgets ticks; ours sets them behind it.
    form.fields["action"].widget.attrs |= {
        "data-kept-rows": " ".join(kept["rows"]),
        "data-kept-action": kept["typed"].get("action", ""),
    }
