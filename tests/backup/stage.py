"""A house that is sound, a backup of it, and databases beside it to restore into."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from django.core.management import call_command
from django.utils import timezone

from accounting.services import seal_entries
from catalog.models import Sku
from ec_gateway.models import EcSite
from ec_gateway.services.practice import PracticeSite, bring_practice_goods, join_practice_sites, read_assortment
from erp.backup import archive, programs
from erp.backup.archive import Manifest
from erp.backup.making import make_backup
from erp.backup.programs import Database
from erp.core.actors import Actor
from tests.orders.factories import line, order, placed, shipped

NOON = dt.datetime(2026, 11, 23, 3, 0, tzinfo=dt.UTC)
BY = Actor.command("test")
CODE = "PRACTICE-1"


def house(*, base_url: str = "http://127.0.0.1:9") -> EcSite:
    """The company to practise with: goods in stock and in the books, an order that waits, one that was shipped, sealed entries. Gives its site."""
    [site_id] = join_practice_sites(sites=[PracticeSite(CODE, "練習", base_url, "token", "whsec_MQ==")], at=NOON, by=BY)
    bring_practice_goods(articles=read_assortment(), site_ids=[site_id], at=NOON, by=BY)
    site = EcSite.objects.select_related("channel").get(pk=site_id)
    first, second = Sku.objects.filter(is_kit=False).order_by("pk")[:2]
    placed(site.channel, order(line(first, 1), external_id="A-1"))
    shipped(placed(site.channel, order(line(first, 1), line(second, 2), external_id="A-2")))
    assert seal_entries(at=NOON, by=BY) > 0
    return site


def saved(path: Path) -> Manifest:
    return make_backup(path=path, replaces=False, clock=timezone.now, by=BY)


@contextmanager
def empty_database() -> Iterator[Database]:
    """A database of its own on the test's server."""
    here = Database.of_django()
    name = f"beside_{secrets.token_hex(4)}"
    with here.connect() as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield here.named(name)
        finally:
            session.execute(f"DROP DATABASE {name}")


def schema(database: Database) -> list[str]:
    """Every definition that pg_dump knows, without the token that it makes up anew each time."""
    with programs.running(
        "pg_dump", ["--schema-only", "--no-owner"], database=database, feeds=False, tells=True
    ) as dump:
        text = b"".join(dump.chunks()).decode()
        dump.end()
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def without_casts(definitions: list[str]) -> list[str]:
    """As they mean it: PostgreSQL writes the casts of a list in a check otherwise once the check was read from its own writing."""
    return [re.sub(r"::[a-z ]+(\[\])?|[()]", "", definition) for definition in definitions]


def sequences(database: Database) -> dict[str, int | None]:
    with database.connect() as session:
        return dict(session.execute("SELECT sequencename, last_value FROM pg_sequences").fetchall())


def restored_over(path: Path) -> str:
    """Restore over the test's own database by the command; gives what it says."""
    said = StringIO()
    try:
        call_command("restore", str(path), replace=True, yes=True, stdout=said, no_color=True)
    except SystemExit as stop:
        # Which promise is broken is told in words, not by a number.
        raise AssertionError(said.getvalue()) from stop
    return said.getvalue()


def damaged(path: Path) -> Path:
    """The same archive with one byte of its dump changed, in the middle."""
    with archive.dump_of(path) as dump:
        start = path.read_bytes().index(dump.read(64))
    content = bytearray(path.read_bytes())
    content[start + 2_000] ^= 0xFF
    other = path.with_name("damaged.zip")
    other.write_bytes(content)
    return other
