"""Each import contract is seen failing: a contract nobody has seen fail may contain nothing."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from erp.runtime.installation import PROJECT

PACKAGES = ["erp", "accounting", "catalog", "customers", "ec_gateway"]
LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]

VIOLATIONS = [
    ("apps", "erp.core.reaching_up", "import ec_gateway"),
    ("apps", "catalog.models", "import customers.models"),
    ("apps", "accounting.models", "import erp.orders.models"),
    ("apps", "erp.inventory.models", "import erp.orders.models"),
    ("inside-an-app", "accounting.models", "import accounting.services"),
    ("inside-an-app", "catalog.services", "import catalog.admin"),
    ("inside-an-app", "customers.utils", ""),
    ("gateway", "ec_gateway.services", "import ec_gateway.api"),
    ("stock-tables", "erp.orders.services", "import erp.inventory.models"),
    ("ledger-tables", "erp.inventory.postings", "import accounting.models"),
    ("edges", "erp.orders.services", "import rest_framework"),
    ("edges", "erp.core.reaching_out", "import httpx"),
    ("edges", "accounting.services", "import celery"),
    ("runtime", "catalog.services", "import erp.settings"),
    ("practice-site", "ec_gateway.sandbox.shop", "import ec_gateway.models"),
    ("practice-site", "ec_gateway.sandbox.shop", "import erp.core.money"),
    ("knows-no-practice-site", "ec_gateway.platforms", "import ec_gateway.sandbox.events"),
]


@pytest.fixture
def copied_tree(tmp_path):
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def write_into(tree: Path, module: str, line: str) -> None:
    """Append to the module, or make it."""
    path = tree.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    with file.open("a") as text:
        text.write(f"\n{line}\n")


@pytest.mark.parametrize(("contract", "module", "line"), VIOLATIONS)
def test_a_forbidden_import_breaks_its_contract(copied_tree, contract, module, line):
    for other in line.removeprefix("import ").split():
        if other.split(".")[0] in PACKAGES:
            write_into(copied_tree, other, "")
    write_into(copied_tree, module, line)

    linted = subprocess.run([*LINT, "--contract", contract], cwd=copied_tree, capture_output=True, text=True)

    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert "1 broken" in linted.stdout


def test_every_contract_is_seen_failing():
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert {contract["id"] for contract in contracts} == {contract for contract, _module, _line in VIOLATIONS}
