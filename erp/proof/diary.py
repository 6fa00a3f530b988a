"""What one hand tried and was told, line by line on disk: it survives the kill -9 of the hand.

Every act is written down before it is tried, with all that is needed to try the same again. So a hand that was killed in the middle does, when
it comes back, what an edge does after a lost answer: it repeats the act with the same content.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass(slots=True)
class Entry:
    """One act. ``outcome`` is empty while nobody knows it; ``told`` is what the service answered; ``repeats`` says why it had
    to be asked again, and how often."""

    number: int
    act: str
    content: dict[str, Any]
    outcome: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    repeats: dict[str, int] = field(default_factory=dict)


class Diary:
    """Written by one process, read by it when it comes back, and by the judge at the end."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.entries = list(read(file))
        self._open = file.open("a", encoding="utf-8")
        if self._open.tell():
            # Whatever a kill cut off stays a line of its own.
            self._open.write("\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def unfinished(self) -> Entry | None:
        return self.entries[-1] if self.entries and not self.entries[-1].outcome else None

    def begin(self, act: str, content: dict[str, Any]) -> Entry:
        entry = Entry(len(self.entries), act, content)
        self.entries.append(entry)
        self._write({"begin": entry.number, "act": act, "content": content})
        return entry

    def end(self, entry: Entry, outcome: str, told: dict[str, Any]) -> None:
        entry.outcome, entry.told = outcome, told
        self._write({"end": entry.number, "outcome": outcome, "told": told, "repeats": entry.repeats})

    def _write(self, line: dict[str, Any]) -> None:
        self._open.write(json.dumps(line, separators=(",", ":")) + "\n")
        self._open.flush()


def read(file: Path) -> Iterator[Entry]:
    """The entries of a file, the last one perhaps unfinished. A line that a kill cut off never happened."""
    entries: dict[int, Entry] = {}
    if file.exists():
        for text in filter(None, file.read_text(encoding="utf-8").splitlines()):
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if "begin" in line:
                entries[line["begin"]] = Entry(line["begin"], line["act"], line["content"])
            else:
                entry = entries[line["end"]]
                entry.outcome, entry.told, entry.repeats = line["outcome"], line["told"], line["repeats"]
    yield from entries.values()
