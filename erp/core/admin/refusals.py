"""What the house refuses, told to people."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext

from erp.core.errors import DomainError


def for_people(refusal: DomainError) -> str:
    """Every problem without the codes and pointers that are for machines; of a pointer only the line, the number
    of the item, or the name it ends in."""
    told = [str(refusal.detail)]
    for problem in refusal.problems:
        parts = problem.pointer.split("/")
        number = next((int(part) + 1 for part in parts if part.isdecimal() and "lines" in parts), None)
        if "items" in parts and parts[-1].isdecimal():
            told.append(gettext("No. %(number)s: %(problem)s") % {"number": parts[-1], "problem": problem.detail})
        elif number is not None:
            told.append(gettext("Line %(number)d: %(problem)s") % {"number": number, "problem": problem.detail})
        elif parts[-1].isdecimal() or parts[-1].replace("_", "").islower() or not parts[-1]:
            told.append(problem.detail)
        else:
            told.append(f"{parts[-1]}: {problem.detail}")
    return _in_a_row(text for text in told if text) or str(refusal)


def _in_a_row(texts: Iterable[str]) -> str:
    """A sentence that has ended needs no other sign behind it."""
    told = ""
    for text in texts:
        told += text if not told or told.endswith("。") else f"; {text}"
    return told
