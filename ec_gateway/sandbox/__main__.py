"""Starts one practice site and serves until it is stopped."""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import signal
import sys
from pathlib import Path

from ec_gateway.sandbox import project, shop
from ec_gateway.sandbox.control import read_products
from ec_gateway.sandbox.past import load_past
from ec_gateway.sandbox.sender import Sender
from ec_gateway.sandbox.server import Server
from ec_gateway.sandbox.site import Options, Site

SAMPLE = Path(__file__).parent / "assortment.json"
LOOPBACK = "127.0.0.1"


def main(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    options = Options(
        name=given.name,
        data=given.data,
        host=LOOPBACK,
        port=given.port,
        mamori=given.mamori,
        channel=given.channel,
        secret=given.secret or f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
        token=given.token or secrets.token_urlsafe(24),
        control_token=given.control_token or secrets.token_urlsafe(24),
        api_key=given.api_key,
        seed=given.seed,
    )
    site = Site.open(options)
    application = project.application(site)
    if given.products or not shop.products(site):
        shop.load_products(site, read_products((given.products or SAMPLE).read_text(encoding="utf-8")))
    if given.past:
        load_past(site, given.past.read_text(encoding="utf-8"))
    server = Server(site, application)
    Sender(site).start()
    # Whatever is asked of the site is one transaction: it may be ended at any moment.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _say(given, options)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    return 0


def _say(given: argparse.Namespace, options: Options) -> None:
    """Where it is, and what nobody knows yet: secrets that were made up."""
    lines = [
        f"{options.name}: http://{options.host}:{options.port}/  (操作パネル: http://{options.host}:{options.port}/panel)"
    ]
    made_up = [name for name in ("secret", "token", "control_token") if not getattr(given, name)]
    lines += [f"  {name}: {getattr(options, name)}" for name in made_up]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sandbox_ec", description="A practice EC site on the generic platform.")
    parser.add_argument("--name", default="練習ストア", help="what the shop is called")
    parser.add_argument("--port", type=int, default=8101)
    parser.add_argument("--data", type=Path, default=Path("var/sandbox/standalone"), help="folder of its SQLite file")
    parser.add_argument("--mamori", default="http://127.0.0.1:8000", help="address of Mamori")
    parser.add_argument("--channel", default="PRACTICE", help="code of the sales channel in Mamori")
    parser.add_argument("--products", type=Path, help="what the shop offers (JSON); without it a small assortment")
    parser.add_argument("--past", type=Path, help="orders it took before it kept this memory (JSON), see past.py")
    seed = int(os.environ.get("SANDBOX_SEED", "1"))
    parser.add_argument("--seed", type=int, default=seed, help="of the chance by which faults strike")
    # In the environment nobody else on the machine reads them; on the command line everybody does.
    for name, what in (
        ("secret", "signs webhooks (whsec_…)"),
        ("token", "of calls from Mamori"),
        ("control-token", "of the JSON switches below /control/"),
        ("api-key", "writes orders to Mamori's API at once"),
    ):
        variable = f"SANDBOX_{name.replace('-', '_').upper()}"
        parser.add_argument(f"--{name}", default=os.environ.get(variable, ""), help=f"{what}; or {variable}")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
