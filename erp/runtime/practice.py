"""The practice EC sites of ``make run``: where they listen, what both sides must know, and the programs they are.

A new installation gets two of them. A company that was not begun with them never sees any.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from erp.runtime.installation import Installation

NAMES = ("練習ストア 表参道", "練習ストア 心斎橋", "練習ストア 天神")
FIRST_PORT = 8101
VARIABLE = "MAMORI_PRACTICE_SITES"


@dataclass(frozen=True)
class PracticeSite:
    """What Mamori is told of a site."""

    channel_code: str
    name: str
    base_url: str
    token: str
    webhook_secret: str


def is_wanted() -> bool:
    return os.environ.get("MAMORI_PRACTICE", "true").lower() not in ("false", "0", "no", "off")


def plan(installation: Installation, ports: Sequence[int], host: str) -> list[PracticeSite]:
    """The sites on these ports. Their secrets are made once per installation."""
    sites = []
    for number, (name, port) in enumerate(zip(NAMES[: len(ports)], ports, strict=True), 1):
        key = installation.secret(f"practice_{number}_webhook_secret", length=32)
        sites.append(
            PracticeSite(
                channel_code=f"PRACTICE-{number}",
                name=name,
                base_url=f"http://{host}:{port}",
                token=installation.secret(f"practice_{number}_token", length=32),
                webhook_secret=f"whsec_{base64.b64encode(key.encode()).decode()}",
            )
        )
    return sites


def as_variable(sites: Sequence[PracticeSite]) -> dict[str, str]:
    """How ``prepare`` is told: in the environment, where nobody else reads the secrets."""
    return {VARIABLE: json.dumps([asdict(site) for site in sites])}


def joined_file(installation: Installation) -> Path:
    """Where ``prepare`` writes which of the sites belong to the company."""
    return installation.run / "practice_sites"


def joined(installation: Installation, sites: Sequence[PracticeSite]) -> list[PracticeSite]:
    file = joined_file(installation)
    codes = file.read_text().split() if file.exists() else []
    return [site for site in sites if site.channel_code in codes]


def folder(installation: Installation) -> Path:
    """Where the practice sites keep their data, each in a folder of its channel's code in lower case."""
    return installation.folder(installation.var / "sandbox")


def command(installation: Installation, site: PracticeSite, *, mamori: str) -> list[str]:
    its = folder(installation) / site.channel_code.lower()
    port = site.base_url.rpartition(":")[2]
    place = ["--data", str(its), "--port", port, "--name", site.name]
    # What the demo company sells there and has sold; without it the site brings an assortment of its own.
    shelves = [
        part
        for name in ("products", "past")
        if (its / f"{name}.json").exists()
        for part in (f"--{name}", str(its / f"{name}.json"))
    ]
    return ["-m", "ec_gateway.sandbox", *place, *shelves, "--channel", site.channel_code, "--mamori", mamori]


def secrets_of(installation: Installation, site: PracticeSite) -> dict[str, str]:
    return {
        "SANDBOX_TOKEN": site.token,
        "SANDBOX_SECRET": site.webhook_secret,
        "SANDBOX_CONTROL_TOKEN": control_token(installation),
    }


def control_token(installation: Installation) -> str:
    """Opens the switches of all practice sites to programs."""
    return installation.secret("practice_control_token", length=32)
