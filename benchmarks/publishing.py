"""How long a change takes until the sites have acknowledged it: real processes, real sockets, three practice sites, 50 changes a second.

python -m benchmarks.publishing [--seconds N] [--rate N]

A change is an order of another channel that takes one piece, committed by this process. It is acknowledged when the answer of a site to a push that
contains it was written down, see the message log. The gateway's worker, beat, Valkey, PostgreSQL and the sites are processes of their own.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime as dt
import json
import os
import secrets
import socket
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.stage import CHANNEL, WAREHOUSE, durable_cluster
from erp.runtime import leash, scratch, valkey

SITES = 3
LISTED = 300
RATE = 50.0
WANTED_P50_S, WANTED_P95_S = 1.0, 5.0


@dataclass(frozen=True)
class Site:
    code: str
    port: int
    token: str
    secret: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Result:
    """Seconds from commit to acknowledgement, over all changes and sites."""

    changes: int
    rate: float
    latencies: list[float]
    missing: int
    requests: int

    def quantile(self, share: float) -> float:
        return sorted(self.latencies)[min(int(len(self.latencies) * share), len(self.latencies) - 1)]

    def __str__(self) -> str:
        return (
            f"publishing, {self.rate:.0f} changes/s on {SITES} sites: p50 {statistics.median(self.latencies):.2f} s"
            f" (wanted < {WANTED_P50_S:g}), p95 {self.quantile(0.95):.2f} s (wanted < {WANTED_P95_S:g}),"
            f" slowest {max(self.latencies):.2f} s; {self.changes} changes, {self.missing} never acknowledged, {self.requests} requests"
        )

    @property
    def is_good(self) -> bool:
        return (
            not self.missing and statistics.median(self.latencies) < WANTED_P50_S and self.quantile(0.95) < WANTED_P95_S
        )


def measure(*, seconds: float = 20.0, rate: float = RATE) -> Result:
    """Start everything, change stock for so long, and wait until all of it is acknowledged."""
    with scratch.folder() as folder, valkey.Broker(folder / "valkey", socket_dir=folder) as broker:
        # Settings are read once, by whoever imports Django first.
        os.environ["REDIS_URL"] = broker.url
        with durable_cluster():
            sites = [_site(number) for number in range(1, SITES + 1)]
            codes = _build(sites)
            with contextlib.ExitStack() as processes:
                _start(processes, sites, codes, folder)
                began_at = _wait_for_the_first_figures(len(codes))
                made = _change(codes, seconds=seconds, rate=rate)
                _wait_until_nothing_waits()
                return _result(made, seconds, began_at)


def _site(number: int) -> Site:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    return Site(f"EC{number}", port, secrets.token_urlsafe(24), secret)


def _build(sites: list[Site]) -> list[str]:
    """Sites that sell the same pieces as the channel whose orders change them. Returns the codes that they list."""
    from catalog.models import Sku
    from ec_gateway import credentials
    from ec_gateway.models import EcSite, Listing
    from ec_gateway.services.sites import ensure_rows
    from erp.core.models import Channel
    from erp.inventory.models import ChannelLocation, Location

    place = Location.objects.get(code=WAREHOUSE)
    skus = list(Sku.objects.order_by("pk")[:LISTED])
    for site in sites:
        channel = Channel.objects.create(code=site.code, name=site.code, kind="EC_SITE")
        ChannelLocation.objects.create(channel=channel, location=place, rank=1)
        sealed = credentials.seal({"token": site.token, "webhook_secret": site.secret})
        made = EcSite.objects.create(
            channel=channel, platform="generic", base_url=site.url, sealed_credentials=sealed, settings={"burst": 100}
        )
        ensure_rows(site_ids=[made.pk])
        Listing.objects.bulk_create([Listing(site=made, sku=sku, external_code=sku.code) for sku in skus])
    return [sku.code for sku in skus]


def _start(processes: contextlib.ExitStack, sites: list[Site], codes: list[str], folder: Path) -> None:
    products = folder / "products.json"
    products.write_text(json.dumps([_product(code) for code in codes]), encoding="utf-8")
    for site in sites:
        command = ["-m", "ec_gateway.sandbox", "--port", str(site.port), "--data", str(folder / site.code)]
        command += ["--channel", site.code, "--products", str(products)]
        _run(
            processes,
            command,
            folder / f"{site.code}.log",
            {"SANDBOX_TOKEN": site.token, "SANDBOX_SECRET": site.secret},
        )
    celery = ["-m", "celery", "-A", "erp.celery"]
    worker = [
        "worker",
        "--queues",
        "ec_gateway",
        "--pool",
        "threads",
        "--concurrency",
        "8",
        "--without-gossip",
        "--without-mingle",
    ]
    _run(processes, [*celery, *worker], folder / "worker.log", {})
    _run(processes, [*celery, "beat", "--pidfile=", "--schedule", str(folder / "beat")], folder / "beat.log", {})
    for site in sites:
        _wait(lambda site=site: _answers(site))


def _run(processes: contextlib.ExitStack, command: list[str], log: Path, variables: dict[str, str]) -> None:
    with log.open("wb") as output:
        process = leash.start([sys.executable, *command], env={**os.environ, **variables}, output=output)
    processes.callback(process.wait)
    processes.callback(process.kill)


def _product(code: str) -> dict[str, Any]:
    return {
        "sku": code, "style": "BENCH", "style_name": "Bench", "description": "", "shape": "tee", "color_code": code, "color": code,
        "hex": "#ffffff", "size": "M", "price": 1100, "tax_rate": 10, "cost": 420, "pieces": 0, "components": {},
    }  # fmt: skip


def _answers(site: Site) -> bool:
    request = urllib.request.Request(f"{site.url}/mamori/webhooks", headers={"Authorization": f"Bearer {site.token}"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _wait_for_the_first_figures(listed: int) -> dt.datetime:
    """Every site shows every figure; from then on only changes are measured."""
    from ec_gateway.models import SitePush

    _wait(lambda: SitePush.objects.filter(shown__isnull=False, dirty_since__isnull=True).count() == SITES * listed)
    return dt.datetime.now(dt.UTC)


def _change(codes: list[str], *, seconds: float, rate: float) -> list[tuple[str, int, float]]:
    """(code, pieces left after it, when it was committed) of each change, at an even pace."""
    from ec_gateway.models import SitePush
    from erp.core.actors import Actor
    from erp.orders.services import LineInput, OrderInput, PaymentInput, place_order

    left = dict(SitePush.objects.filter(site__channel__code="EC1").values_list("sku__code", "shown"))
    by, made = Actor.channel(CHANNEL, "bench"), []
    begin = time.monotonic()
    for number in range(int(seconds * rate)):
        time.sleep(max(begin + number / rate - time.monotonic(), 0))
        code, now = codes[number * 7 % len(codes)], dt.datetime.now(dt.UTC)
        line = LineInput(line_id="1", sku=code, quantity=1, unit_price=Decimal(1100))
        paid = (PaymentInput("CARD", Decimal(1100), "AUTHORIZED"),)
        sent = OrderInput(f"P-{number}", now, (line,), payments=paid, total=Decimal(1100))
        place_order(channel=CHANNEL, order=sent, at=now, by=by)
        left[code] -= 1
        made.append((code, left[code], time.time()))
    return made


def _wait_until_nothing_waits() -> None:
    from ec_gateway.models import Activity, SiteActivity, SitePush
    from erp.core import changes

    end = changes.current_cursor()
    publishing = SiteActivity.objects.filter(activity=Activity.PUBLISH)

    def is_told() -> bool:
        read = [changes.Cursor.parse(cursor).xid for cursor in publishing.values_list("cursor", flat=True)]
        # Nothing is written any more, so a cursor that saw the last change stays where that was read.
        return min(read) >= end.xid - 1 and not SitePush.objects.filter(dirty_since__isnull=False).exists()

    _wait(is_told)


def _result(made: list[tuple[str, int, float]], seconds: float, began_at: dt.datetime) -> Result:
    from erp.core.models import MessageLog

    told: dict[tuple[int, str], list[tuple[float, int]]] = {}
    requests = 0
    sent = MessageLog.objects.filter(direction="OUT", kind="stock", recorded_at__gte=began_at).order_by(
        "recorded_at", "pk"
    )
    for channel_id, body, recorded_at in sent.values_list("channel_id", "body", "recorded_at"):
        requests += 1
        for item in body:
            if item["outcome"] == "done":
                told.setdefault((channel_id, item["external_code"]), []).append(
                    (recorded_at.timestamp(), item["quantity"])
                )
    channels = sorted({channel for channel, _code in told})
    latencies, missing = [], 0
    for code, left, committed_at in made:
        for channel in channels:
            heard = next((moment for moment, figure in told.get((channel, code), ()) if figure <= left), None)
            if heard is None:
                missing += 1
            else:
                latencies.append(max(heard - committed_at, 0.0))
    missing += len(made) * (SITES - len(channels))
    return Result(len(made), len(made) / seconds, latencies, missing, requests)


def _wait(condition: Any, *, timeout_s: float = 120) -> None:
    for _moment in _moments(timeout_s):
        if condition():
            return
    raise TimeoutError("the benchmark waited in vain")


def _moments(timeout_s: float) -> Iterator[float]:
    end = time.monotonic() + timeout_s
    while (now := time.monotonic()) < end:
        yield now
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=RATE)
    given = parser.parse_args()
    result = measure(seconds=given.seconds, rate=given.rate)
    print(result)
    return 0 if result.is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
