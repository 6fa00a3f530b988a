"""What stands behind a name on a paper: 御中 for a company, 様 for people."""

from __future__ import annotations

import re

_LEGAL_FORMS = re.compile(r"(?:株式|有限|合同|合資|合名)会社|[㈱㈲]|[(（][株有同][)）]|[一-龠]{2,8}法人")


def honorific_of(name: str, *, is_company: bool = False) -> str:
    """Nothing behind a name that says it itself. A company is known by its legal form where nobody knows better."""
    if not name or name.endswith(("様", "御中", "殿")):
        return ""
    if is_company:
        return " 御中"
    bare, forms = _LEGAL_FORMS.subn(" ", name)
    # Whoever is named behind a company is a person.
    return " 御中" if forms and len(bare.split()) == 1 else " 様"
