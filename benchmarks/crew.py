"""Worker processes that live through the whole benchmark, so that a run measures work and not start-up. All start at one barrier."""

from __future__ import annotations

import multiprocessing as mp
import time
from typing import Any

_context = mp.get_context("spawn")


class Crew:
    """``size`` processes, each with its own connections to both sides."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.orders = [_context.SimpleQueue() for _number in range(size)]
        self.answers: Any = _context.SimpleQueue()
        self.processes = [
            _context.Process(target=_work, args=(number, self.orders[number], self.answers), daemon=True)
            for number in range(size)
        ]
        for process in self.processes:
            process.start()
        for _process in self.processes:
            self.answers.get()

    def rate(self, side: str, act: str, *, processes: int, seconds: float) -> float:
        """Units of work per second of ``processes`` workers together."""
        begin = time.monotonic() + 0.2
        for queue in self.orders[:processes]:
            queue.put((side, act, begin, seconds))
        results = [self.answers.get() for _number in range(processes)]
        if faults := [result for result in results if isinstance(result, str)]:
            raise RuntimeError(faults[0])
        return sum(done / took for done, took in results)

    def dismiss(self) -> None:
        for queue in self.orders:
            queue.put(None)
        for process in self.processes:
            process.join(timeout=10)


def _work(number: int, orders: Any, answers: Any) -> None:
    import django

    django.setup()
    from benchmarks.ours import Services
    from benchmarks.raw import RawClient
    from benchmarks.stage import SKUS
    from benchmarks.web import HttpClient

    sides: dict[str, Any] = {
        "ours": Services(number, SKUS),
        "raw": RawClient(number),
        "http": HttpClient(number, SKUS),
    }
    answers.put("ready")
    while (order := orders.get()) is not None:
        side, act, begin, seconds = order
        try:
            answers.put(_run(getattr(sides[side], act), begin, seconds))
        except Exception as fault:  # the crew must answer, or the benchmark would wait for ever
            answers.put(f"{type(fault).__name__}: {fault}")


def _run(act: Any, begin: float, seconds: float) -> tuple[int, float]:
    time.sleep(max(0.0, begin - time.monotonic()))
    started, done = time.monotonic(), 0
    while time.monotonic() - started < seconds:
        done += act()
    return done, time.monotonic() - started
