"""How many statements a piece of work sends: what may be asserted of its cost on any machine, however busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Statements:
    """For ``connection.execute_wrapper``: counts, and keeps no text, so that hundreds of thousands cost nothing."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)
