"""Run every benchmark and print each as a ratio: medians of interleaved runs of both sides on one durable cluster.

python -m benchmarks                 everything, as `make bench` does
python -m benchmarks --quick         shorter runs, for a first look
python -m benchmarks --only POST     the cases whose title contains a text
python -m benchmarks --write FILE    also write the table as a page
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import replaying
from benchmarks.crew import Crew
from benchmarks.stage import durable_cluster, prove_sound
from benchmarks.web import web_server

TRYTON_ORDERS_PER_S = 0.37  # order → shipped → posted, one process, measured on a like machine


@dataclass(frozen=True)
class Case:
    title: str
    ours: str
    raw: str
    processes: int
    wanted: float
    side: str = "ours"
    against: str = "raw"


CASES = [
    Case("place_order, 3 lines, reserved, 1,000 SKUs, 8 processes : raw, 8 processes", "place", "place", 8, 0.25),
    Case("place_orders, bulk of 500, 1 process : raw one by one, 1 process", "place_bulk", "place", 1, 1.0),
    Case("order → shipped → posted, 1 process : raw, 1 process", "ship", "ship", 1, 0.15),
    Case("POST /orders, 3 lines, 8 clients : raw, 8 processes", "place", "place", 8, 0.2, side="http"),
    Case("POST /orders/bulk of 500, 1 client : raw one by one, 1 process", "place_bulk", "place", 1, 1.2, side="http"),
    Case(
        "reserve, one SKU wanted by 8 processes : bare one-row UPDATE, 8 processes",
        "reserve_hot",
        "update_hot",
        8,
        0.25,
    ),
    Case(
        "place_order, 1 line, one SKU wanted by 8 processes : bare one-row UPDATE", "place_hot", "update_hot", 8, 0.15
    ),
    Case(
        "availability of 1,000 SKUs with terms, rules and quotas, 1 process : the plain join of their balances",
        "availability",
        "availability",
        1,
        0.5,
    ),
    # As many a second as one client gets is what one answer takes: at most three times as long.
    Case("GET /stock of one SKU, 1 client : an empty view of DRF, 1 client", "stock", "empty", 1, 0.33, "http", "http"),
]


@dataclass(frozen=True)
class Measured:
    title: str
    ours: float
    raw: float
    wanted: float
    spread: str

    @property
    def ratio(self) -> float:
        return self.ours / self.raw


def main() -> int:
    arguments = _arguments()
    runs, seconds = (3, 1.0) if arguments.quick else (5, 2.0)
    with durable_cluster(), web_server():
        crew = Crew(max(case.processes for case in CASES))
        try:
            wanted = [case for case in CASES if arguments.only in case.title]
            measured = [_measure(crew, case, runs=runs, seconds=seconds) for case in wanted]
        finally:
            crew.dismiss()
        prove_sound()
    if not arguments.only:
        measured.append(_against_tryton(measured))
        raw_one = next(item.raw for item in measured if "bulk" in item.title)
        measured.append(replaying.measure(raw_one, runs=1 if arguments.quick else 2))
    table = _table(measured, runs=runs, seconds=seconds)
    if not arguments.only:
        table += _publishing(seconds=10 if arguments.quick else 30)
    print(table)
    if arguments.write:
        arguments.write.write_text(table, encoding="utf-8")
    missed = [item.title for item in measured if item.ratio < item.wanted]
    for title in missed:
        print(f"below what is wanted: {title}", file=sys.stderr)
    return 0


def _measure(crew: Crew, case: Case, *, runs: int, seconds: float) -> Measured:
    crew.rate(case.side, case.ours, processes=case.processes, seconds=1)
    crew.rate(case.against, case.raw, processes=case.processes, seconds=1)
    ours, raw = [], []
    for _run in range(runs):
        raw.append(crew.rate(case.against, case.raw, processes=case.processes, seconds=seconds))
        ours.append(crew.rate(case.side, case.ours, processes=case.processes, seconds=seconds))
    spread = f"{min(ours):,.0f}–{max(ours):,.0f} : {min(raw):,.0f}–{max(raw):,.0f}"
    result = Measured(case.title, statistics.median(ours), statistics.median(raw), case.wanted, spread)
    print(f"{result.title}: {result.ours:,.0f}/s : {result.raw:,.0f}/s = {result.ratio:.2f}", flush=True)
    return result


def _publishing(*, seconds: float) -> str:
    """A latency, no ratio: how long a change takes until the sites have it. Servers of its own, so a process of its own."""
    command = [sys.executable, "-m", "benchmarks.publishing", "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    printed = done.stdout.strip() or done.stderr[-2000:]
    if done.returncode:
        print(f"below what is wanted: {printed}", file=sys.stderr)
    return f"\nFrom the commit of a change to the answer of a site (`python -m benchmarks.publishing`): {printed}\n"


def _against_tryton(measured: list[Measured]) -> Measured:
    shipped = next(item for item in measured if item.title.startswith("order →"))
    title = "order → shipped → posted, 1 process : Tryton on a like machine (0.37/s)"
    return Measured(title, shipped.ours, TRYTON_ORDERS_PER_S, 60, "reference figure, not of this run")


def _table(measured: list[Measured], *, runs: int, seconds: float) -> str:
    lines = [
        "# Benchmarks",
        "",
        f"{dt.datetime.now().astimezone():%Y-%m-%d}, {_machine()}.",
        f"Medians of {runs} interleaved runs of {seconds:g} s, durability on, made by `make bench`.",
        "Ratios are the result; rates depend on the machine. The raw side is `benchmarks/raw.py`: psycopg, one PL/pgSQL call per order,",
        "the same rows in the same tables, with no validation, tax arithmetic or replay.",
        "Of the two cases on one hot SKU, “reserve” is `erp.inventory.services.reserve` alone, each call a document of its own; “place_order” is",
        "the whole order of one line around it. The other side of both writes one row and nothing else.",
        "",
        "| ours : other side | ours /s | other /s | ratio | wanted | spread ours : other |",
        "|---|---|---|---|---|---|",
    ]
    for item in measured:
        sign = "" if item.ratio >= item.wanted else " **below**"
        lines.append(
            f"| {item.title} | {item.ours:,.1f} | {item.raw:,.1f} | {item.ratio:.2f}{sign} | ≥ {item.wanted:g} | {item.spread} |"
        )
    return "\n".join([*lines, ""])


def _machine() -> str:
    processor = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.machine(),
    ) if Path("/proc/cpuinfo").exists() else platform.machine()  # fmt: skip
    return f"{os.cpu_count()} cores {processor}, Python {platform.python_version()}, PostgreSQL 18"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Mamori's benchmarks")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="cases whose title contains this text")
    parser.add_argument("--write", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
