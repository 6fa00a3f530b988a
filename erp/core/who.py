"""Who did a thing, as people say it: a person by name, a sales channel by name, a job and a command by what it does.

What is stored is the actor's short form (``staff:mika``), which stays true when somebody marries. Names are asked for once per request,
however many rows show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import CharField, F, Value
from django.utils.translation import pgettext_lazy

from erp.core.actors import ActorKind
from erp.core.models import Channel

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Who changed a row around every service and form.
DATABASE = "database"
KINDS: dict[str, StrOrPromise] = {
    ActorKind.CHANNEL: pgettext_lazy("actor", "channel"),
    ActorKind.JOB: pgettext_lazy("actor", "job"),
    ActorKind.COMMAND: pgettext_lazy("actor", "command"),
    DATABASE: pgettext_lazy("actor", "database"),
}
_titles: dict[str, StrOrPromise] = {}
_names: ContextVar[dict[str, str] | None] = ContextVar("names_of_actors", default=None)


def register(titles: Mapping[str, StrOrPromise]) -> None:
    """What jobs and commands are called, by the name that an actor has."""
    _titles.update(titles)


def title_of(name: str) -> str:
    """What a job or command is called; the name itself where nobody named it."""
    return str(_titles.get(name, name))


def told(stored: str) -> str:
    """An actor as it is stored, for people. One query for all that are asked for while a request is answered."""
    kind, _colon, name = stored.partition(":")
    if kind == ActorKind.STAFF and name:
        return _known().get(stored, name)
    if kind not in KINDS or not name:
        return stored
    return f"{KINDS[kind]}: {_known().get(stored, name) if kind == ActorKind.CHANNEL else title_of(name)}"


def forget(**_signal: Any) -> None:
    """Receiver of ``request_started``: the next answer asks anew."""
    _names.set(None)


def _known() -> dict[str, str]:
    names = _names.get()
    if names is None:
        people = get_user_model()._default_manager.values_list(
            Value("staff", CharField()), F("username"), F("last_name"), F("first_name")
        )
        channels = Channel.objects.values_list(
            Value("channel", CharField()), F("code"), F("name"), Value("", CharField())
        )
        found = people.union(channels, all=True)
        names = {f"{kind}:{key}"[:100]: f"{first} {second}".strip() or key for kind, key, first, second in found}
        _names.set(names)
    return names
