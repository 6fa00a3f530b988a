"""What a larger company pays for the same acts: 100 times the SKUs, ten times the movements, ten times the places and channels.

python -m benchmarks.scale [--dimension skus|movements|places ...] [--share 10] [--rounds 5] [--seconds 1.0] [--keep FOLDER] [--write FILE]

Companies lie side by side in one cluster, each served by a process of its own. In each round every act is done for a second at every company, one
after the other, so that what else the machine does falls on all of them. What counts is the processor time of the process and of its server, which
does not tell how busy the machine was; beside it stands the clock's. Wanted: at most 20 % more. With ``--keep`` the filled companies stay in a
folder, and are measured again at once; one that was filled half is filled anew.
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
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ledger import Size
from benchmarks.stage import (
    CHANNEL,
    LARGE,
    NOTED,
    Cost,
    cost_of,
    durable_cluster,
    note,
    noted,
    read_all,
    server_process,
)

WANTED = 1.20
BASE = "10 k SKUs, 1 M movements, 1 place and channel"
COMPANIES = {
    "base": Size(),
    "skus": Size(skus=1_000_000),
    "movements": Size(movements=10_000_000),
    "places": Size(places=10, channels=10),
}
ACTS = {
    "place_order, 3 lines": "place",
    "order → shipped → posted, 3 lines": "ship",
    "availability of one SKU": "available_one",
    "availability of 1,000 SKUs of a catalogue in its order": "available_page",
    "availability of any 1,000 SKUs": "available_many",
    "the plain join of the balances of any 1,000 SKUs": "plain_join",
}
# The companies take 5.3 GB together: with less, the largest would drive out the pages of those that were read before it.
ALL_IN_MEMORY = LARGE | {"shared_buffers": "8GB"}
_context = mp.get_context("spawn")


@dataclass(frozen=True)
class View:
    """One channel of one company."""

    title: str
    company: str
    channel: str


VIEWS = [
    View(BASE, "base", CHANNEL),
    View("1 M SKUs", "skus", CHANNEL),
    View("10 M movements", "movements", CHANNEL),
    View("10 places and channels, sold from one of them", "places", CHANNEL),
    View("the same, sold from all ten", "places", COMPANIES["places"].sells_from_all),
]


def main() -> int:
    asked = _arguments()
    names = ["base", *asked.dimension]
    with durable_cluster(masters=False, settings=ALL_IN_MEMORY, keep=asked.keep) as url, ExitStack() as at_work:
        sizes = {name: _sized(name, asked.share) for name in names}
        urls = _build_all(url, sizes)
        views = [view for view in VIEWS if view.company in names]
        servants = {}
        for view in views:
            servants[view] = Servant(urls[view.company], sizes[view.company].skus, view.channel)
            at_work.callback(servants[view].dismiss)
        table = _table(views, _measure(servants, rounds=asked.rounds, seconds=asked.seconds))
    if asked.share > 1:
        table = f"With 1/{asked.share} of these SKUs and movements:\n\n{table}"
    print(table)
    if asked.write:
        asked.write.write_text(table, encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    dimensions = [name for name in COMPANIES if name != "base"]
    parser.add_argument("--dimension", nargs="*", choices=dimensions, default=dimensions)
    parser.add_argument(
        "--share", type=int, default=1, help="so small a part of the SKUs and movements, for a first look"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="leave the filled companies there, and find them there"
    )
    parser.add_argument("--write", type=Path)
    return parser.parse_args()


def _sized(name: str, share: int) -> Size:
    size = COMPANIES[name]
    return Size(max(size.skus // share, 1_000), size.movements // share, size.places, size.channels)


def _build_all(url: str, sizes: dict[str, Size]) -> dict[str, str]:
    """A copy of the empty company for each, filled by a process of its own, since a process knows one database. What was filled before is kept."""
    import psycopg
    from django.db import connections

    connections.close_all()
    urls = {name: url.replace("/mamori?", f"/company_{name}?") for name in sizes}
    for name, size in sizes.items():
        with psycopg.connect(url.replace("/mamori?", "/postgres?"), autocommit=True) as server:
            found = server.execute(NOTED, [f"company_{name}"]).fetchone()
            if found != (f"{size}",):
                server.execute(f"DROP DATABASE IF EXISTS company_{name}")
                server.execute(f"CREATE DATABASE company_{name} TEMPLATE mamori")
        what = "renew()" if found == (f"{size}",) else f"fill({size})"
        command = [sys.executable, "-c", f"from benchmarks.scale import *; {what}"]
        subprocess.run(command, env={**os.environ, "DATABASE_URL": urls[name]}, check=True)
    for of_company in urls.values():
        read_all(of_company)
    return urls


def renew() -> None:
    """The company that this process finds filled, brought to the present schema."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    print(f"found {noted()}", flush=True)
    connection.close()


def fill(size: Size) -> None:
    """The company of this process: masters, ledger, rules and quotas."""
    import django

    django.setup()
    from django.db import connection

    from benchmarks.ledger import build, put_aside

    build(size)
    with connection.cursor() as cursor:
        with put_aside(cursor, "inventory_channelpolicy", "inventory_channelquota", keys=True):
            cursor.execute(_POLICIES)
            cursor.execute(_QUOTAS)
        cursor.execute(
            "INSERT INTO inventory_channelrules (channel_id, version) SELECT id, 1 FROM core_channel ON CONFLICT DO NOTHING"
        )
        cursor.execute("VACUUM ANALYZE")
    note(f"{size}")
    connection.close()


# Each channel has a rule for everything, one of its own for every fifth SKU, and a quota of every twentieth, of others than its neighbour.
_POLICIES = """
INSERT INTO inventory_channelpolicy (channel_id, sku_id, buffer, buffer_percent)
SELECT id, NULL, 1, NULL FROM core_channel
UNION ALL SELECT channel.id, sku.id, NULL, 10 FROM core_channel channel CROSS JOIN catalog_sku sku WHERE (sku.id + channel.id) % 5 = 0
"""
_QUOTAS = """
INSERT INTO inventory_channelquota (channel_id, sku_id, quantity, is_binding, used, version)
SELECT channel.id, sku.id, 5, false, 0, 1 FROM core_channel channel CROSS JOIN catalog_sku sku WHERE (sku.id + channel.id) % 20 = 0
"""


def _measure(servants: dict[View, Servant], *, rounds: int, seconds: float) -> dict[tuple[str, View], list[Cost]]:
    """What each act cost in each round. One round goes before them, for plans and caches."""
    costs: dict[tuple[str, View], list[Cost]] = {(act, view): [] for act in ACTS for view in servants}
    for number in range(-1, rounds):
        turn = number % len(servants)
        for act, method in ACTS.items():
            for view in [*list(servants)[turn:], *list(servants)[:turn]]:
                cost = servants[view].do(method, seconds)
                if number >= 0:
                    costs[act, view].append(cost)
    return costs


def _table(views: list[View], costs: dict[tuple[str, View], list[Cost]]) -> str:
    lines = [f"| act | {' | '.join(view.title for view in views)} |", f"|---|{'---|' * len(views)}"]
    for act in ACTS:
        of_base = costs[act, views[0]]
        cells = [f"{_median(cost.cpu_s for cost in of_base) * 1000:.2f} ms"]
        for view in views[1:]:
            # Each round against the base of the same round: the machine was the same then.
            pairs = list(zip(costs[act, view], of_base, strict=True))
            ratio = _median(mine.cpu_s / its.cpu_s for mine, its in pairs)
            by_clock = _median(mine.clock_s / its.clock_s for mine, its in pairs)
            cells.append(f"{ratio:.2f}{' **above**' if ratio > WANTED else ''} ({by_clock:.2f})")
        lines.append(f"| {act} | {' | '.join(cells)} |")
    against = []
    for view in views:
        both = zip(
            costs["availability of any 1,000 SKUs", view],
            costs["the plain join of the balances of any 1,000 SKUs", view],
            strict=True,
        )
        against.append(f"{_median(ours.cpu_s / plain.cpu_s for ours, plain in both):.2f}")
    lines.append(
        f"| availability of any 1,000 SKUs against the plain join of the same company | {' | '.join(against)} |"
    )
    return "\n".join([*lines, ""])


def _median(numbers: Any) -> float:
    return statistics.median(numbers)


class Servant:
    """A process that serves one company, as a web worker would."""

    def __init__(self, url: str, skus: int, channel: str) -> None:
        os.environ["DATABASE_URL"] = url
        self.line, other_end = _context.Pipe()
        self.process = _context.Process(target=_serve, args=(skus, channel, other_end), daemon=True)
        self.process.start()
        # So that the line is dead where the servant is.
        other_end.close()
        self.line.recv()

    def do(self, act: str, seconds: float) -> Cost:
        self.line.send((act, seconds))
        found: Cost = self.line.recv()
        return found

    def dismiss(self) -> None:
        self.line.close()
        self.process.join(timeout=10)


def _serve(skus: int, channel: str, line: Any) -> None:
    import django

    django.setup()
    acts = _acts(skus, channel)
    line.send("ready")
    with suppress(EOFError):
        while True:
            method, seconds = line.recv()
            line.send(_cost(getattr(acts, method), seconds))


def _cost(act: Any, seconds: float) -> Cost:
    done = 0

    def again() -> None:
        nonlocal done
        until = time.perf_counter() + seconds
        while not done or time.perf_counter() < until:
            done += act()

    whole = cost_of(again, server=server_process())
    return Cost(whole.cpu_s / done, whole.clock_s / done)


def _acts(skus: int, channel: str) -> Any:
    from django.db import connection

    from benchmarks.ours import Services
    from benchmarks.raw import PLAIN_JOIN
    from benchmarks.stage import AT
    from erp.inventory.selectors import available_to_promise

    class Acts(Services):
        """Other SKUs of the company each time, so that none is warmer than the others."""

        luck = random.Random(2)

        def available_one(self) -> int:
            return self._available(self.luck.sample(self.all_skus, 1))

        def available_page(self) -> int:
            first = self.luck.randrange(len(self.all_skus) - 1_000)
            return self._available(self.all_skus[first : first + 1_000])

        def available_many(self) -> int:
            return self._available(self.luck.sample(self.all_skus, 1_000))

        def plain_join(self) -> int:
            with connection.cursor() as cursor:
                cursor.execute(PLAIN_JOIN, [self.channel, self.luck.sample(self.all_skus, 1_000)])
                assert cursor.fetchall()
            return 1

        def _available(self, skus: list[int]) -> int:
            found = available_to_promise(channel_id=self.channel, sku_ids=skus, at=AT)
            assert all(figure.available > 0 for figure in found.values())
            return 1

    return Acts(1, skus, channel)


if __name__ == "__main__":
    raise SystemExit(main())
