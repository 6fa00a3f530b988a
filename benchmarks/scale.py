"""What a larger company pays for the same acts: 100 times the SKUs, ten times the movements, ten times the places and channels.

python -m benchmarks.scale [--small] [--rounds 9] [--write FILE]

Four companies lie side by side in one cluster, each with a process that serves it. In each round every act is done for a second at every company,
one after the other, so that what else the machine does falls on all of them; medians of the rounds are compared. Wanted: at most 20 % more time.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.ledger import Size
from benchmarks.stage import durable_cluster

WANTED = 0.20
BASE = "10 k SKUs, 1 M movements, 1 place, 1 channel"
COMPANIES = {
    BASE: Size(),
    "1 M SKUs": Size(skus=1_000_000),
    "10 M movements": Size(movements=10_000_000),
    "10 places, 10 channels": Size(places=10, channels=10),
}
ACTS = {
    "place_order, 3 lines": "place",
    "order → shipped → posted, 3 lines": "ship",
    "reserve, 1 line": "reserve",
    "availability of one SKU": "available",
}
# What a server of such a company would be given; with the 128 MB that PostgreSQL begins with, the disk would be measured.
SETTINGS = {"shared_buffers": "3GB", "max_wal_size": "16GB", "checkpoint_timeout": "30min", "max_connections": "60"}
_context = mp.get_context("spawn")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tenth of the SKUs and movements, for a first look")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    with durable_cluster(masters=False, settings=SETTINGS) as url:
        urls = _build_all(url, share=10 if asked.small else 1)
        table, misses = measure(urls, rounds=asked.rounds, seconds=asked.seconds, share=10 if asked.small else 1)
    print(table)
    if asked.write:
        asked.write.write_text(table, encoding="utf-8")
    for miss in misses:
        print(f"below what is wanted: {miss}", file=sys.stderr)
    return 0


def _sized(name: str, share: int) -> Size:
    size = COMPANIES[name]
    return Size(max(size.skus // share, 1_000), size.movements // share, size.places, size.channels)


def _build_all(url: str, *, share: int) -> dict[str, str]:
    """A copy of the empty company for each, filled by a process of its own, since a process knows one database."""
    import psycopg
    from django.db import connections

    connections.close_all()
    urls = {}
    with psycopg.connect(url.replace("/mamori?", "/postgres?"), autocommit=True) as server:
        for number, name in enumerate(COMPANIES):
            server.execute(f"CREATE DATABASE company{number} TEMPLATE mamori")
            urls[name] = url.replace("/mamori?", f"/company{number}?")
    for name, of_company in urls.items():
        command = [
            sys.executable,
            "-c",
            f"import django; django.setup(); from benchmarks.ledger import *; build({_sized(name, share)})",
        ]
        subprocess.run(command, env={**os.environ, "DATABASE_URL": of_company}, check=True)
    return urls


def measure(urls: dict[str, str], *, rounds: int, seconds: float, share: int = 1) -> tuple[str, list[str]]:
    """The table, and what is missed in it."""
    servants = {name: Servant(url, _sized(name, share).skus) for name, url in urls.items()}
    try:
        times: dict[tuple[str, str], list[float]] = {(act, name): [] for act in ACTS for name in urls}
        for number in range(-1, rounds):
            for act, method in ACTS.items():
                for name in _turned(list(urls), number):
                    found = servants[name].time(method, seconds)
                    if number >= 0:
                        times[act, name].append(found)
    finally:
        for servant in servants.values():
            servant.dismiss()
    others = [name for name in urls if name != BASE]
    lines = [f"| act | {BASE} | {' | '.join(others)} |", f"|---|---|{'---|' * len(others)}"]
    misses = []
    for act in ACTS:
        base = statistics.median(times[act, BASE])
        cells = [f"{base * 1000:.2f} ms"]
        for name in others:
            # Each round against the base of the same round: the machine was the same then.
            more = (
                statistics.median(mine / its for mine, its in zip(times[act, name], times[act, BASE], strict=True)) - 1
            )
            cells.append(f"{more:+.0%}{'' if more <= WANTED else ' **above**'}")
            misses += [f"{act}, {name}: {more:+.0%}"] if more > WANTED else []
        lines.append(f"| {act} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""]), misses


def _turned(names: list[str], number: int) -> list[str]:
    """Nobody always comes first."""
    turn = number % len(names)
    return names[turn:] + names[:turn]


class Servant:
    """A process that serves one company, as a web worker would."""

    def __init__(self, url: str, skus: int) -> None:
        self.orders, self.answers = _context.SimpleQueue(), _context.SimpleQueue()
        os.environ["DATABASE_URL"] = url
        self.process = _context.Process(target=_serve, args=(skus, self.orders, self.answers), daemon=True)
        self.process.start()
        self.answers.get()

    def time(self, act: str, seconds: float) -> float:
        """Seconds that one act takes."""
        self.orders.put((act, seconds))
        found: Any = self.answers.get()
        if isinstance(found, str):
            raise RuntimeError(found)
        return float(found)

    def dismiss(self) -> None:
        self.orders.put(None)
        self.process.join(timeout=10)


def _serve(skus: int, orders: Any, answers: Any) -> None:
    import django

    django.setup()
    from benchmarks.ours import Services

    class Acts(Services):
        def __init__(self) -> None:
            from catalog.models import Sku

            super().__init__(1, skus)
            self.keys_of_skus = range(Sku.objects.order_by("pk").values_list("pk", flat=True)[0], skus)
            self.luck = random.Random(2)

        def reserve(self) -> int:
            self.hot_sku = self.luck.choice(self.keys_of_skus)
            return self.reserve_hot()

        def available(self) -> int:
            from benchmarks.stage import AT
            from erp.inventory.selectors import available_to_promise

            key = self.luck.choice(self.keys_of_skus)
            assert available_to_promise(channel_id=self.channel, sku_ids=[key], at=AT)[key].available > 0
            return 1

    acts = Acts()
    answers.put("ready")
    while (order := orders.get()) is not None:
        method, seconds = order
        act, done, began = getattr(acts, method), 0, time.perf_counter()
        try:
            while time.perf_counter() - began < seconds:
                done += act()
            answers.put((time.perf_counter() - began) / done)
        except Exception as fault:  # the servant must answer, or the benchmark would wait for ever
            answers.put(f"{type(fault).__name__}: {fault}")


if __name__ == "__main__":
    raise SystemExit(main())
