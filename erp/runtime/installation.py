"""What belongs to one installation: its data folder, its secrets, and where its embedded servers listen.

Everything lives below one folder that is readable by its owner only.
"""

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import environ

PROJECT = Path(__file__).resolve().parents[2]
# PostgreSQL appends "/.s.PGSQL.5432.lock" to the folder of its socket, and the kernel takes 107 bytes.
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432.lock")


def read_env_file() -> None:
    """Take what ``.env`` says for variables the environment does not set. ``MAMORI_ENV_FILE`` names another file."""
    file = os.environ.get("MAMORI_ENV_FILE", str(PROJECT / ".env"))
    if file and Path(file).exists():
        environ.Env.read_env(file)


@dataclass(frozen=True)
class Installation:
    """The files of one installation; ``var`` is made when first needed."""

    var: Path

    @classmethod
    def of_environment(cls) -> "Installation":
        configured = os.environ.get("MAMORI_VAR", "").strip()
        return cls((PROJECT / configured).absolute() if configured else PROJECT / "var")

    @property
    def postgres_data(self) -> Path:
        return self.var / "postgresql"

    @property
    def run(self) -> Path:
        """Sockets, locks and the state of what runs now."""
        return self.var / "run"

    @property
    def log(self) -> Path:
        return self.var / "log"

    def folder(self, path: Path) -> Path:
        """``path``, created and private."""
        self.var.parent.mkdir(parents=True, exist_ok=True)
        for part in (self.var, path):
            part.mkdir(exist_ok=True, mode=0o700)
        return path

    def secret(self, name: str, *, length: int = 50) -> str:
        """A random text made once per installation, in a file only its owner can read."""
        file = self.folder(self.var) / name
        fresh = file.with_name(f".{name}.{os.getpid()}")
        if not file.exists():
            fresh.touch(mode=0o600)
            fresh.write_text(secrets.token_urlsafe(length)[:length] + "\n")
            try:
                # A link, unlike a rename, never replaces the secret another process made meanwhile.
                os.link(fresh, file)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return file.read_text().strip()

    @property
    def socket_dir(self) -> Path:
        """Where the embedded servers listen: our own folder, or a temporary one when its path is too long."""
        if len(os.fsencode(self.run)) <= LONGEST_SOCKET_FOLDER:
            return self.run
        pointer = self.run / "socket_folder"
        return Path(pointer.read_text()) if pointer.exists() else self.run

    def make_socket_dir(self) -> Path:
        """``socket_dir``, made ready for servers to start."""
        self.folder(self.run)
        if not self.socket_dir.is_dir() or self.socket_dir.stat().st_uid != os.geteuid():
            (self.run / "socket_folder").unlink(missing_ok=True)
        if len(os.fsencode(self.socket_dir)) > LONGEST_SOCKET_FOLDER:
            (self.run / "socket_folder").write_text(tempfile.mkdtemp(prefix="mamori-"))
        return self.socket_dir

    @property
    def database_url(self) -> str:
        """The embedded PostgreSQL, whether it runs or not."""
        return f"postgresql://mamori@/mamori?host={quote(str(self.socket_dir), safe='/')}"

    @property
    def redis_url(self) -> str:
        """The embedded Valkey, whether it runs or not."""
        return f"unix://{self.socket_dir}/valkey.sock"
