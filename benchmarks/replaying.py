"""The speed of ``manage.py replay`` on the shipped month: one process, from an empty durable database each time."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from erp.runtime import postgres

MONTH = "2010-12"
ROOT = Path(__file__).resolve().parent.parent
RATE = re.compile(r"([\d,]+) rows per second")
PEAK = re.compile(r"peak memory ([\d,]+) MiB")


def rate_and_peak() -> tuple[float, int]:
    """Rows of the file booked per second (without start-up, survey and proof), and peak memory in MB."""
    with postgres.throw_away_cluster(durable=True) as cluster:
        environment = {
            **os.environ,
            "DATABASE_URL": cluster.url,
            "SECRET_KEY": "bench",
            "LOG_LEVEL": "ERROR",
            "LANGUAGE_CODE": "en",
        }
        _manage("migrate", "--verbosity=0", environment=environment)
        printed = _manage("replay", MONTH, environment=environment)
    rate, peak = RATE.search(printed), PEAK.search(printed)
    assert rate, printed
    assert peak, printed
    return float(rate[1].replace(",", "")), int(peak[1].replace(",", ""))


def measure(raw_orders_per_s: float, *, runs: int):
    from benchmarks.__main__ import Measured

    results = [rate_and_peak() for _run in range(runs)]
    rates = [rate for rate, _peak in results]
    spread = f"{min(rates):,.0f}–{max(rates):,.0f} rows/s, peak memory {max(peak for _rate, peak in results):,} MB"
    title = f"replay of {MONTH}, order lines per second, 1 process : raw orders per second, 1 process"
    return Measured(title, statistics.median(rates), raw_orders_per_s, 1.0, spread)


def _manage(*arguments: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout
