"""The file: one archive (ZIP, nothing compressed twice) with ``database.dump``, pg_dump's own format, and ``manifest.json`` behind it.

It is written under another name and renamed when it is whole and on the disk, so a file of the right name is a whole backup.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from erp.backup.contents import Rows
from erp.core.errors import Problem
from erp.runtime import heir

FORMAT = 1
DUMP, MANIFEST = "database.dump", "manifest.json"
PART = ".mamori-part"
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. ``run_id`` is its row in the table of runs, ``key_check`` tells one SECRET_KEY from another."""

    mamori: str
    database: str
    server: int
    database_bytes: int
    next_xid: int
    migrations: list[tuple[str, str]]
    tables: dict[str, Rows]
    started_at: dt.datetime
    ended_at: dt.datetime
    run_id: int | None
    key_check: str
    dump_bytes: int
    dump_sha256: str

    @property
    def row_count(self) -> int:
        return sum(rows.count for rows in self.tables.values())


@dataclass(frozen=True, slots=True)
class Written:
    """What went into the archive as the dump."""

    dump_bytes: int
    dump_sha256: str


class Writer:
    """An archive that is being written."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def write_dump(self, chunks: Iterable[bytes]) -> Written:
        digest, size = hashlib.sha256(), 0
        with self._archive.open(DUMP, "w", force_zip64=True) as entry:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                entry.write(chunk)
        return Written(size, digest.hexdigest())

    def write_manifest(self, manifest: Manifest) -> None:
        content = {"format": FORMAT, **asdict(manifest)}
        text = json.dumps(content, indent=1, ensure_ascii=False, default=_written)
        self._archive.writestr(MANIFEST, text, zipfile.ZIP_DEFLATED)


def _written(value: Any) -> str:
    assert isinstance(value, dt.datetime)
    return value.isoformat()


@contextmanager
def new_archive(path: Path) -> Iterator[Writer]:
    """An archive that is there, whole, when the block ends well, and not at all otherwise."""
    with new_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        yield Writer(archive)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the name ``path`` when the block ends well. Only its owner can read it.

    Whoever is killed meanwhile leaves a heir that removes the half; what remained without one goes as well.
    """
    clear_what_others_left(path.parent)
    # Containers that share a folder have processes of the same number.
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{PART}")
    # Locked before it has the name by which others find it, so that nobody takes it for a leftover in between.
    fresh = part.with_suffix(f"{PART}-new")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            fresh.rename(part)
            with heir.of(file, part):
                try:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
        _keep_the_name(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def _keep_the_name(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear_what_others_left(folder: Path) -> int:
    """Remove half files whose writer is gone: the kernel dropped its lock. Gives their number."""
    removed = 0
    for path in folder.glob(f".*{PART}") if folder.is_dir() else ():
        with suppress(OSError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            removed += 1
    return removed


@contextmanager
def dump_of(path: Path) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive, archive.open(DUMP) as entry:
        yield entry


def examine(path: Path) -> tuple[Manifest | None, list[Problem]]:
    """Read a whole archive. Gives what it says of itself, or every reason why it cannot be used."""
    try:
        with zipfile.ZipFile(path) as archive:
            missing = {DUMP, MANIFEST} - set(archive.namelist())
            if missing:
                return None, [_problem("no_backup", f"it is no backup of Mamori: {', '.join(sorted(missing))} missing")]
            content = json.loads(archive.read(MANIFEST))
            if content.get("format") != FORMAT:
                detail = f"it has format {content.get('format')!r}; this version of Mamori reads format {FORMAT}"
                return None, [_problem("unknown_format", detail)]
            manifest = _manifest(content)
            return manifest, list(_dump_problems(archive, manifest))
    except OSError as fault:
        return None, [_problem("unreadable", f"it cannot be read: {fault.strerror or fault}")]
    except (zipfile.BadZipFile, json.JSONDecodeError, UnicodeDecodeError) as fault:
        return None, [_problem("damaged", f"it is damaged or no backup of Mamori: {fault}")]
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        return None, [_problem("bad_manifest", f"its manifest cannot be understood: {type(fault).__name__}: {fault}")]


def _manifest(content: Mapping[str, Any]) -> Manifest:
    fields = {name: content[name] for name in Manifest.__dataclass_fields__}
    fields["tables"] = {
        name: Rows(int(rows["count"]), str(rows["fingerprint"])) for name, rows in fields["tables"].items()
    }
    fields["migrations"] = [(str(app), str(name)) for app, name in fields["migrations"]]
    for name in ("started_at", "ended_at"):
        fields[name] = dt.datetime.fromisoformat(fields[name])
    for name in ("server", "database_bytes", "next_xid", "dump_bytes"):
        fields[name] = int(fields[name])
    return Manifest(**fields)


def _dump_problems(archive: zipfile.ZipFile, manifest: Manifest) -> Iterator[Problem]:
    digest, size = hashlib.sha256(), 0
    with archive.open(DUMP) as entry:
        while chunk := entry.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    if size != manifest.dump_bytes:
        yield _problem("wrong_size", f"its dump has {size:,} bytes instead of {manifest.dump_bytes:,}")
    if digest.hexdigest() != manifest.dump_sha256:
        yield _problem("wrong_checksum", "its dump is not what was saved: the checksum differs")


def _problem(code: str, detail: str) -> Problem:
    return Problem("", code, detail)
