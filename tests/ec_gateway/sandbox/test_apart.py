"""The practice site is another house: it runs where nothing of Mamori is imported."""

import subprocess
import sys

from erp.runtime.installation import PROJECT

LOAD_ALL = """
import pkgutil, sys, importlib
import ec_gateway.sandbox
names = [found.name for found in pkgutil.iter_modules(ec_gateway.sandbox.__path__, "ec_gateway.sandbox.")]
for name in names:
    importlib.import_module(name)
ours = ("erp", "accounting", "catalog", "customers", "ec_gateway")
print(len(names), sorted(n for n in sys.modules if n.split(".")[0] in ours and not n.startswith("ec_gateway.sandbox") and n != "ec_gateway"))
"""


def test_all_of_it_loads_without_anything_of_mamori():
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD_ALL], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )

    count, _space, strangers = loaded.stdout.strip().partition(" ")
    assert (int(count) > 10, strangers) == (True, "[]")


def test_the_command_becomes_the_site():
    asked = subprocess.run(
        [sys.executable, "manage.py", "sandbox_ec", "--help"], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )

    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith("usage: sandbox_ec")
