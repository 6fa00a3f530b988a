"""How a site was set up by hand: its settings and credentials, read field by field. Every fault is named, and whoever connects reads the same way
as the form that takes them, so that nothing is saved that cannot be used."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from ec_gateway.json_reader import JsonReader
from erp.core.errors import InvalidInput, Problem

_VISIBLE = re.compile(r"[\x21-\x7e]{1,2000}")


class SetupReader(JsonReader):
    """Pointers begin with ``/settings`` or ``/credentials``. ``close`` comes last and raises InvalidInput with all faults."""

    def __init__(self, settings: Any, credentials: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        if not isinstance(settings, dict):
            self.problems.append(Problem("/settings", "not_an_object", _("A JSON object is needed.")))
            settings = {}
        self._credentials = credentials
        super().__init__(settings, "/settings", self.problems)

    def whole(self, name: str, *, default: int, least: int, most: int) -> int:
        value = self.integer(name, default=default)
        if not least <= value <= most:
            self._out_of_range(name, least, most)
            return default
        return value

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        value = self._take(name)
        if value is None:
            return default
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not least <= value <= most:
            self._out_of_range(name, least, most)
            return default
        return float(value)

    def word(self, name: str, form: str, *, example: str, required: bool = False) -> str:
        """A text of one form, or none."""
        value = self.text(name, required=required)
        if value and not re.fullmatch(form, value):
            detail = _("A value such as %(example)s is needed.") % {"example": example}
            self._fault(name, "bad_form", detail)
            return ""
        return value

    def secret(self, name: str) -> str:
        """What travels in a header or signs: visible ASCII. Empty where nothing is kept."""
        value = self._credentials.get(name, "")
        if value and not _VISIBLE.fullmatch(value):
            detail = _("Only letters, digits and signs of ASCII are possible, without spaces.")
            self.secret_fault(name, "not_ascii", detail)
            return ""
        return value

    def secret_fault(self, name: str, code: str, detail: str) -> None:
        self.problems.append(Problem(f"/credentials/{name}", code, detail))

    def close(self) -> None:
        for name in self.value:
            if name not in self._asked:
                self._fault(name, "unknown_setting", _("This platform has no such setting."))
        if self.problems:
            raise InvalidInput(self.problems)

    def _out_of_range(self, name: str, least: float, most: float) -> None:
        detail = _("A number from %(least)s to %(most)s is needed.") % {"least": least, "most": most}
        self._fault(name, "out_of_range", detail)


def address_problems(base_url: str) -> list[Problem]:
    """What makes an address one that cannot be called."""
    try:
        parts = urlsplit(base_url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if is_address and not (parts.query or parts.fragment):
        return []
    return [Problem("/base_url", "bad_address", _("An address that begins with https:// or http:// is needed."))]
