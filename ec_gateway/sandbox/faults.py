"""What can go wrong on purpose, each switch with its parameters. Chance comes from a seed and a count per fault, so that a run repeats.

A decision is made before the transaction whose course it changes: the board writes its counts itself.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ec_gateway.sandbox.database import Database

Parameters = Mapping[str, Any]


class BadParameter(ValueError):
    """A parameter that this fault does not know, or of another type."""


@dataclass(frozen=True)
class Fault:
    """``defaults`` names the parameters; the type of each default is the type of the parameter.

    Every fault knows ``rate`` (how often it strikes, 0 to 1) and ``for_seconds`` (0: until it is switched off).
    """

    name: str
    label: str
    own: Parameters = field(default_factory=dict)
    for_seconds: float = 0.0

    @property
    def defaults(self) -> dict[str, Any]:
        return {**self.own, "rate": 1.0, "for_seconds": self.for_seconds}


# ``calls``: which calls of Mamori are struck, by name and separated by commas; empty: all of them.
EVERY_CALL = {"calls": ""}
FAULTS = {
    fault.name: fault
    for fault in (
        Fault("delay", "応答が遅い", {"seconds": 2.0, **EVERY_CALL}),
        Fault(
            "too_many_requests",
            "429(呼び出し過多)。Retry-After は秒数、空欄なら付けない",
            {"retry_after": "1", **EVERY_CALL},
        ),
        Fault("server_error", "500 系のエラー(処理はしない)", {"status": 500, **EVERY_CALL}),
        Fault("timeout_after_work", "処理はしたが応答しない", {"seconds": 12.0, **EVERY_CALL}),
        Fault("closed", "接続を切る(after_work: 処理した後で)", {"after_work": False, **EVERY_CALL}),
        Fault("half_batch", "在庫の一括更新を半分だけ処理(then_error: その後 500)", {"then_error": False}),
        Fault("lying_stock", "在庫で嘘をつく(keeps: 更新したふりをする / reports: 違う数を答える)", {"how": "keeps"}),
        Fault("stock_silent", "在庫が動いても stock.changed を送らない"),
        Fault("webhook_duplicate", "Webhook を重複して送る", {"copies": 1}),
        Fault("webhook_reordered", "Webhook の順序が入れ替わる", {"hold_seconds": 2.0}),
        Fault("webhook_lost", "Webhook が失われる"),
        Fault("webhooks_off", "Webhook を止める"),
        Fault("webhooks_give_up", "Webhook が続けて失敗したら止める", {"after": 5}),
        Fault("oversell", "売り越す(在庫を確かめてから減らすまでに他の買い物客が割り込む)", {"pause_seconds": 0.2}),
        Fault("dead", "応答しなくなる(silent: 黙る / refuse: すぐ切る)", {"how": "silent"}, for_seconds=10.0),
    )
}


@dataclass
class FaultState:
    """``asked``: how often chance was asked since the site was made, ``hit``: how often the fault struck."""

    fault: Fault
    is_on: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)
    until: float | None = None
    asked: int = 0
    hit: int = 0


class FaultBoard:
    """The switches of one site. ``clock`` gives seconds since the epoch."""

    def __init__(self, database: Database, *, seed: int, clock: Callable[[], float] = time.time) -> None:
        self._database, self._seed, self._clock = database, seed, clock
        self._lock = threading.Lock()
        self._states = {name: FaultState(fault, parameters=fault.defaults) for name, fault in FAULTS.items()}
        with database.reading() as connection:
            for row in connection.execute("SELECT * FROM fault"):
                if (state := self._states.get(row["name"])) is not None:
                    state.is_on, state.until = bool(row["is_on"]), row["until"]
                    state.parameters |= json.loads(row["parameters"])
                    state.asked, state.hit = row["asked"], row["hit"]

    def switch(self, name: str, *, on: bool, parameters: Parameters | None = None) -> FaultState:
        """Raises KeyError for an unknown fault, BadParameter for parameters it does not take. Again = no change but a new start."""
        state = self._states[name]
        wanted = {**state.fault.defaults, **_checked(state.fault, parameters or {})}
        with self._lock:
            state.is_on, state.parameters = on, wanted
            state.until = self._clock() + wanted["for_seconds"] if on and wanted["for_seconds"] else None
            self._save(state)
        return state

    def all_off(self) -> None:
        for name in FAULTS:
            self.switch(name, on=False)

    def is_on(self, name: str) -> bool:
        state = self._states[name]
        return state.is_on and (state.until is None or self._clock() < state.until)

    def until(self, name: str) -> float | None:
        return self._states[name].until if self.is_on(name) else None

    def decide(self, name: str, *, call: str = "") -> Parameters | None:
        """The parameters when the fault strikes now, else None."""
        state = self._states[name]
        if not self.is_on(name):
            return None
        with self._lock:
            calls = [part.strip() for part in str(state.parameters.get("calls", "")).split(",") if part.strip()]
            if calls and call not in calls:
                return None
            state.asked += 1
            strikes = self.chance(name).random() < state.parameters["rate"]
            state.hit += strikes
            self._save(state)
            return dict(state.parameters) if strikes else None

    def chance(self, name: str) -> random.Random:
        """The same for the same seed, fault and count, whatever else happened."""
        return random.Random(f"{self._seed}/{name}/{self._states[name].asked}")  # noqa: S311

    def states(self) -> list[FaultState]:
        return list(self._states.values())

    def _save(self, state: FaultState) -> None:
        values = [
            state.fault.name, state.is_on, json.dumps(state.parameters), state.until, state.asked, state.hit,
        ]  # fmt: skip
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO fault VALUES (?, ?, ?, ?, ?, ?)", values)


def _checked(fault: Fault, parameters: Parameters) -> dict[str, Any]:
    checked = {}
    for name, value in parameters.items():
        if name not in fault.defaults:
            raise BadParameter(f"{fault.name} knows no parameter “{name}”")
        wanted = type(fault.defaults[name])
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise BadParameter(f"{fault.name}: “{name}” is a {wanted.__name__}")
        checked[name] = value
    return checked
