"""What was tried and what came of it, counted by everybody at once; and what nobody expected, word for word."""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from dataclasses import dataclass, field

# done: it happened; nothing: there was nothing to do it to; refused: the other side said no, in words; unanswered: nobody said anything.
OUTCOMES = ("done", "nothing", "refused", "unanswered")


@dataclass
class Diary:
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    again: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, outcome: str) -> None:
        assert outcome in OUTCOMES
        with self._lock:
            self.counts[kind, outcome] += 1

    def ask_again(self) -> None:
        """The database went away under a call, which is made again with the same content."""
        with self._lock:
            self.again += 1

    def surprise(self, what: str, fault: BaseException) -> None:
        """A bug, here or there: it decides the day."""
        words = "".join(traceback.format_exception(fault))
        with self._lock:
            self.surprises.append(f"{what}\n{words}")

    def table(self) -> list[str]:
        kinds = sorted({kind for kind, _outcome in self.counts})
        head = f"  {'act':<18}" + "".join(f"{outcome:>12}" for outcome in OUTCOMES)
        rows = [
            f"  {kind:<18}" + "".join(f"{self.counts[kind, outcome]:>12,}" for outcome in OUTCOMES) for kind in kinds
        ]
        return [head, *rows]
