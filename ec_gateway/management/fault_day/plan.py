"""Everything that will be tried, drawn from the seed before the day begins: the same seed and length give the same plan, down to its hash.

What an act finds when its moment comes (which of the orders, how much is left) depends on the day; what is tried does not.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MINUTE_S = 60.0
SITES = 3
SHOPPERS_PER_SITE = 2
METHODS = ("card", "card", "cod", "convenience_store", "bank_transfer")
# Where the crowd is: few SKUs with few pieces, among them a kit and its components.
SOUGHT = ("PR-TEE-WH-M", "PR-TEE-NV-M", "PR-SET-WH-F", "PR-TOTE-BK-F", "PR-KNIT-NV-M", "PR-SHIRT-WH-L")
COUNTED = ("PR-TEE-WH-M", "PR-TEE-NV-M", "PR-TOTE-BK-F", "PR-KNIT-NV-M", "PR-SHIRT-WH-L", "PR-TEE-GR-S", "PR-TOTE-BE-F")

SHOPPING = {"buy": 120, "cancel": 12, "address": 10, "pay": 30, "return": 14}
DESK = {
    "release": 20, "ship": 20, "call_back": 3, "receive": 14, "adjust": 12, "lose": 4, "hold": 12, "drop_hold": 4, "allocate": 4,
}  # fmt: skip
BY_HAND = 6
WINDOWS_PER_FAULT = 2
KILLS = {"web": 1, "worker": 1, "gateway": 1.5, "beat": 1, "postgresql": 1, "valkey": 1, "site": 1.5}

# A kill needs something under way, and time to come back before the end.
FIRST_KILL, LAST_KILL = 0.08, 0.92

_FAULTS: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "delay": lambda chance: {"seconds": round(chance.uniform(0.1, 1.5), 2), "rate": 0.5},
    "too_many_requests": lambda chance: {"retry_after": chance.choice(["", "1", "2"]), "rate": 0.6},
    "server_error": lambda chance: {"status": chance.choice([500, 503]), "rate": 0.6},
    "timeout_after_work": lambda _chance: {"seconds": 4.0, "rate": 0.4},
    "closed": lambda chance: {"after_work": chance.random() < 0.7, "rate": 0.5},
    "half_batch": lambda chance: {"then_error": chance.random() < 0.4, "rate": 0.7},
    "lying_stock": lambda chance: {"how": chance.choice(["keeps", "reports"]), "rate": 0.7},
    "stock_silent": lambda _chance: {},
    "webhook_duplicate": lambda chance: {"copies": chance.randint(1, 2)},
    "webhook_reordered": lambda chance: {"hold_seconds": round(chance.uniform(0.5, 3), 2), "rate": 0.5},
    "webhook_lost": lambda _chance: {"rate": 0.5},
    "webhooks_off": lambda _chance: {},
    "webhooks_give_up": lambda chance: {"after": chance.randint(2, 4)},
    "oversell": lambda chance: {"pause_seconds": round(chance.uniform(0.1, 0.6), 2)},
    "dead": lambda chance: {"how": chance.choice(["silent", "refuse"])},
}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody will try. ``who`` is a thread of the day; ``pick`` chooses among what is there when the moment comes."""

    at_s: float
    who: str
    kind: str
    values: Mapping[str, Any]
    pick: float


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    minutes: float
    acts: tuple[Act, ...]

    @property
    def seconds(self) -> float:
        return self.minutes * MINUTE_S

    @property
    def digest(self) -> str:
        text = json.dumps([asdict(act) for act in self.acts], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def of(self, who: str) -> list[Act]:
        return [act for act in self.acts if act.who == who]

    def counts(self) -> Counter[str]:
        return Counter(act.kind for act in self.acts)


def shoppers(site: int) -> list[str]:
    return [f"shopper {site}.{number}" for number in range(1, SHOPPERS_PER_SITE + 1)]


DESKS = ("desk 1", "desk 2")
OPERATOR, ROOM = "operator", "room"


def make_plan(*, seed: int, minutes: float) -> Plan:
    chance = random.Random(f"fault day {seed}")  # noqa: S311 - a repeatable draw is wanted
    length = minutes * MINUTE_S
    acts = [
        *_shopping(chance, minutes, length),
        *_desk(chance, minutes, length),
        *_operators(chance, minutes, length),
        *_kills(chance, minutes, length),
    ]
    acts.sort(key=lambda act: (act.at_s, act.who, act.kind))
    return Plan(seed, minutes, tuple(acts))


def _times(chance: random.Random, count: float, minutes: float, length: float) -> list[float]:
    """So many per minute, at least one, anywhere in the day."""
    number = max(1, round(count * minutes))
    return [round(chance.uniform(0, length), 3) for _number in range(number)]


def _shopping(chance: random.Random, minutes: float, length: float) -> Iterator[Act]:
    everybody = [who for site in range(1, SITES + 1) for who in shoppers(site)]
    for kind, count in SHOPPING.items():
        for at_s in _times(chance, count, minutes, length):
            values: dict[str, Any] = {}
            if kind == "buy":
                skus = chance.sample(SOUGHT, chance.choice([1, 1, 1, 2, 3]))
                values = {"basket": {sku: chance.choice([1, 1, 2]) for sku in skus}, "method": chance.choice(METHODS)}
            yield Act(at_s, chance.choice(everybody), kind, values, chance.random())


def _desk(chance: random.Random, minutes: float, length: float) -> Iterator[Act]:
    draw: Mapping[str, Callable[[], dict[str, Any]]] = {
        "release": lambda: {"in_part": chance.random() < 0.3},
        "ship": lambda: {"is_whole": chance.random() < 0.8},
        "receive": lambda: {"sku": chance.choice(COUNTED), "quantity": chance.randint(3, 12)},
        "adjust": lambda: {"sku": chance.choice(COUNTED), "quantity": chance.choice([-2, -1, 1, 2])},
        "lose": lambda: {"sku": chance.choice(COUNTED), "quantity": chance.randint(1, 3)},
        "hold": lambda: {
            "sku": chance.choice(COUNTED),
            "quantity": chance.randint(1, 3),
            "seconds": chance.randint(1, 12),
            "site": chance.randint(1, SITES),
        },
    }
    for kind, count in DESK.items():
        for at_s in _times(chance, count, minutes, length):
            values = draw[kind]() if kind in draw else {}
            yield Act(at_s, chance.choice(DESKS), kind, values, chance.random())


def _operators(chance: random.Random, minutes: float, length: float) -> Iterator[Act]:
    for at_s in _times(chance, BY_HAND, minutes, length):
        values = {"site": chance.randint(1, SITES), "sku": chance.choice(SOUGHT), "quantity": chance.randint(0, 9)}
        yield Act(at_s, OPERATOR, "edit_by_hand", values, chance.random())
    for site in range(1, SITES + 1):
        for name, parameters in _FAULTS.items():
            for at_s in _times(chance, WINDOWS_PER_FAULT, minutes, length):
                lasting = round(chance.uniform(3, 9), 2)
                values = {"site": site, "fault": name, "parameters": {**parameters(chance), "for_seconds": lasting}}
                yield Act(at_s, OPERATOR, "fault", values, chance.random())


def _kills(chance: random.Random, minutes: float, length: float) -> Iterator[Act]:
    for what, count in KILLS.items():
        for _number in range(max(1, round(count * minutes))):
            at_s = round(chance.uniform(FIRST_KILL, LAST_KILL) * length, 3)
            values = {"what": what} | ({"site": chance.randint(1, SITES)} if what == "site" else {})
            yield Act(at_s, ROOM, f"kill {what}", values, chance.random())


def fault_names() -> Sequence[str]:
    return tuple(_FAULTS)
