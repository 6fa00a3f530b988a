import ast
import os
import re
import subprocess
import sys

import pytest

from erp.runtime.installation import PROJECT

PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "k7Zq" * 15 + "-only-for-this-test",
    "ALLOWED_HOSTS": "mamori.example.co.jp",
    "CSRF_TRUSTED_ORIGINS": "https://mamori.example.co.jp",
    "DATABASE_URL": "postgresql://mamori:secret@db.example.internal:5432/mamori",
    "REDIS_URL": "redis://broker.example.internal:6379/0",
}


def run_manage(*arguments: str, var, **environment: str) -> subprocess.CompletedProcess[str]:
    """``manage.py`` with these variables only, as on a machine of its own."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=inherited | {"MAMORI_ENV_FILE": "", "MAMORI_VAR": str(var)} | environment,
        capture_output=True,
        text=True,
    )


def variables_read_by_the_code() -> set[str]:
    """First arguments of ``env.str("X")``, ``os.environ.get("X")``, ``environment.get("X")`` and their like."""
    found = set()
    for file in [*(PROJECT / "erp").glob("*.py"), *(PROJECT / "erp" / "runtime").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    source = ast.unparse(node.func.value)
                    if source in {"env", "os.environ", "self.environment", "environment"}:
                        found.add(first.value)
    return found


def test_env_example_names_every_variable_and_no_other():
    named = re.findall(r"^# ([A-Z][A-Z_0-9]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE)

    assert len(named) == len(set(named))
    set_for_programs = {"DJANGO_SETTINGS_MODULE", "MAMORI_READY_FILE", "CI", "MAMORI_CHROMIUM"}
    assert set(named) == variables_read_by_the_code() - set_for_programs


def test_deployment_check_is_clean_under_the_documented_variables(tmp_path):
    checked = run_manage("check", "--deploy", "--fail-level", "WARNING", var=tmp_path, **PRODUCTION)

    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


@pytest.mark.parametrize("environment", [{"DEBUG": "false"}, {"DATABASE_URL": PRODUCTION["DATABASE_URL"]}])
def test_production_without_a_key_refuses_to_start(tmp_path, environment):
    refused = run_manage("check", var=tmp_path, **environment)

    assert refused.returncode != 0
    assert "Set SECRET_KEY" in refused.stderr
    assert not (tmp_path / "secret_key").exists()


def test_development_makes_a_key_of_its_own_that_only_its_owner_can_read(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for var in (first, second, first):
        assert run_manage("check", var=var).returncode == 0

    assert (first / "secret_key").stat().st_mode & 0o777 == 0o600
    assert len((first / "secret_key").read_text().strip()) == 50
    assert (first / "secret_key").read_text() != (second / "secret_key").read_text()


def test_only_the_web_server_pools_connections(monkeypatch):
    from erp.settings import database_from_url

    url = "postgresql://mamori:p%40ss@db.example.internal:6432/shop?sslmode=require"
    without = database_from_url(url)
    monkeypatch.setenv("DATABASE_POOL_SIZE", "4")
    pooled = database_from_url(url)

    assert "pool" not in without["OPTIONS"]
    assert pooled["OPTIONS"]["pool"]["max_size"] == 4
    assert without["PASSWORD"] == "p@ss"
    assert (without["HOST"], without["PORT"], without["NAME"]) == ("db.example.internal", "6432", "shop")
    assert without["OPTIONS"]["sslmode"] == "require"
    assert without["CONN_MAX_AGE"] == 0
    assert "transaction_timeout=30000" in without["OPTIONS"]["options"]


def test_a_url_may_name_a_socket_folder():
    from erp.settings import broker_from_url, database_from_url

    assert database_from_url("postgresql://mamori@/mamori?host=/Some/Folder")["HOST"] == "/Some/Folder"
    assert broker_from_url("unix:///run/valkey.sock") == "redis+socket:///run/valkey.sock"
    assert broker_from_url("redis://broker:6379/0") == "redis://broker:6379/0"
