"""Words on a page that are no words: actors and codes as they stand in tables."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# Where codes are what is shown: the code of a master, a path, a message as it came.
_AS_KEPT = ("field-code", "field-path", "field-table_name", "field-source", "material-symbols-outlined")
_EMPTY = {"input", "br", "img", "meta", "link", "hr", "col", "source", "wbr"}
_UNREAD = {"script", "style", "code", "pre", "textarea", "noscript"}
_RAW = re.compile(r"\b(?:staff|job|command|channel|database):\w[\w.@-]*|(?<![\w-])[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _EMPTY:
            classes = dict(attrs).get("class") or ""
            self.open.append((tag, tag in _UNREAD or any(name in classes for name in _AS_KEPT)))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(unread for _tag, unread in self.open):
            self.texts.append(data)


def raw_words(page: str) -> list[str]:
    """Actors in their short form and codes in capitals that a person reads on this page."""
    reader = _Reader()
    reader.feed(page)
    return sorted({word for text in reader.texts for word in _RAW.findall(text)})
