"""Every kind of task that code can open is explained to staff and listed for developers, and neither page knows one that nobody opens."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User

from erp.back_office.roles import ROLES
from erp.core import task_kinds
from erp.runtime.installation import PROJECT

PACKAGES = ["erp", "accounting", "catalog", "customers", "ec_gateway"]
A_BROKEN_PROMISE = "VERIFY_"
KIND = re.compile(r"[A-Z][A-Z_]{5,}")


def test_both_pages_name_every_kind_of_task_and_no_other():
    used = {kind for path in sources() for kind in kinds_opened_in(parsed(path))}

    assert {"OVERSOLD", "STOCKTAKE", "INBOX_FAILED", "LISTINGS_DIFFER", A_BROKEN_PROMISE} <= used
    assert kinds_told("docs/models/core.md", r"^Kinds of tasks: .*?\n\n") == used
    assert kinds_told("docs/manual/ja/README.md", r"^## 要対応の種別\n.*", cell=True) == used


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def sources():
    return [
        path for package in PACKAGES for path in (PROJECT / package).rglob("*.py") if "migrations" not in path.parts
    ]


def kinds_opened_in(module: ast.Module) -> Iterator[str]:
    """The first words of every ``Finding(…)``. A name stands for the module's constant; a kind computed elsewhere for its ``TASK_…`` or ``KIND``."""
    constants = dict(constants_imported_by(module)) | dict(constants_of(module))
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] == "Finding":
            for told in branches(call.args[0]):
                if isinstance(told, ast.Constant):
                    yield str(told.value)
                elif isinstance(told, ast.Name) and told.id in constants:
                    yield constants[told.id]
                else:
                    tasks = [value for name, value in constants.items() if name.startswith("TASK")]
                    candidates = tasks or [value for name, value in constants.items() if name == "KIND"]
                    assert candidates, f"which kinds may {ast.unparse(call)} open?"
                    yield from candidates


def constants_imported_by(module: ast.Module, *, within: str = "") -> Iterator[tuple[str, str]]:
    """From modules, or from packages that have them from modules ``within`` themselves."""
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(within):
            place = PROJECT / node.module.replace(".", "/")
            names = {each.name for each in node.names}
            found: list[tuple[str, str]] = []
            if (path := place.with_suffix(".py")).is_file():
                found += constants_of(parsed(path))
            elif (path := place / "__init__.py").is_file() and not within:
                there = parsed(path)
                found += [*constants_of(there), *constants_imported_by(there, within=f"{node.module}.")]
            yield from (each for each in found if each[0] in names)


def constants_of(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name, value in zip(parts(target), parts(node.value), strict=False):
                    if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield name.id, value.value


def parts(told: ast.expr) -> list[ast.expr]:
    return told.elts if isinstance(told, ast.Tuple) else [told]


def branches(told: ast.expr) -> list[ast.expr]:
    return [told.body, told.orelse] if isinstance(told, ast.IfExp) else [told]


def kinds_told(page: str, part: str, *, cell: bool = False) -> set[str]:
    text = re.search(part, (PROJECT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert text is not None
    lines = re.findall(r"^\| ([^|]*) \|", text[0], re.MULTILINE) if cell else [text[0]]
    return {kind for line in lines for kind in KIND.findall(line)}


@pytest.mark.django_db
def test_every_kind_is_the_work_of_some_role_that_may_close_it():
    workers = [role for role in ROLES if "core.change_stafftask" in role.permissions]
    users = [User.objects.create_user(role.login) for role in workers]
    for user, role in zip(users, workers, strict=True):
        user.groups.add(Group.objects.get(name=role.name))

    known = set(task_kinds.registered())
    own = [known - set(task_kinds.others_than_of(User.objects.get(pk=user.pk))) for user in users]

    assert set().union(*own) == known
    # And nobody is shown everything: a list of everybody's work is nobody's.
    assert known not in own
