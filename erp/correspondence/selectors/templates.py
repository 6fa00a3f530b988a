"""The language of templates: text with placeholders in braces, and nothing else. What staff type is never run.

``{注文番号}`` is replaced by its value; ``{{`` and ``}}`` are the braces themselves. A line is left out when it has placeholders and all of them
are empty, so that a label never stands alone. Values are not read again: braces in a customer's name stay braces.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from erp.core.errors import Problem
from erp.correspondence.exceptions import BadTemplate
from erp.correspondence.selectors.writers import Placeholder

# Columns of a line as mail programs show them; a character of Japanese takes two.
LINE_WIDTH = 70
SUBJECT_LENGTH = 200
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")
_BLANK_LINES = re.compile(r"\n{4,}")
# What no line begins with, and what none ends with (禁則).
_NOT_FIRST = frozenset("、。,.,.・:;:;?!?!)])]}」』】〉》〕゛゜ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々…%円点")
_NOT_LAST = frozenset("([([{「『【〈《〔¥¥")
_TOGETHER = re.compile(r"[!-~]+|\s+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Text:
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class _Part:
    """Plain text, or the name of a placeholder."""

    text: str
    is_placeholder: bool = False


def find_problems(subject: str, body: str, known: Sequence[Placeholder]) -> list[Problem]:
    """Every fault of a template, in words for whoever wrote it."""
    by_name = {item.name: item for item in known}
    problems = []
    if "\n" in subject or "\r" in subject:
        problems.append(Problem("/subject", "several_lines", _("A subject is one line.")))
    if len(subject) > SUBJECT_LENGTH:
        problems.append(Problem("/subject", "too_long", _("At most %(most)d characters.") % {"most": SUBJECT_LENGTH}))
    for pointer, text in (("/subject", subject), ("/body", body)):
        if not text.strip():
            problems.append(Problem(pointer, "missing", _("It is empty.")))
        for line in text.splitlines():
            problems += _problems_of_line(pointer, line, by_name)
    return list(dict.fromkeys(problems))


def check(subject: str, body: str, known: Sequence[Placeholder]) -> None:
    """Raises BadTemplate naming every fault."""
    if problems := find_problems(subject, body, known):
        raise BadTemplate(problems)


def fill(subject: str, body: str, values: Mapping[str, str]) -> Text:
    """A template with its values, as it is sent. A placeholder that nobody knows is an error of ours: templates are checked when saved."""
    lines: list[str] = []
    for line in body.replace("\r\n", "\n").split("\n"):
        parts = list(_parts(line))
        names = [part.text for part in parts if part.is_placeholder]
        if names and not any(values[name] for name in names):
            continue
        lines += _filled(parts, values).split("\n")
    text = "\n".join(wrapped for line in lines for wrapped in wrap(line))
    return Text(
        subject=" ".join(_filled(list(_parts(subject)), values).split())[:SUBJECT_LENGTH],
        body=_BLANK_LINES.sub("\n\n\n", text).strip("\n") + "\n",
    )


def wrap(line: str, width: int = LINE_WIDTH) -> list[str]:
    """``line`` broken for programs that do not break Japanese themselves. Addresses and other runs of Latin letters stay whole."""
    if width_of(line) <= width:
        return [line.rstrip()]
    lines, current = [], ""
    for match in _TOGETHER.finditer(line):
        piece = match.group()
        if width_of(current + piece) <= width or not current.strip() or piece in _NOT_FIRST:
            current += piece
            continue
        carried = ""
        while current and current[-1] in _NOT_LAST:
            current, carried = current[:-1], current[-1] + carried
        lines.append(current.rstrip())
        current = carried + piece.lstrip()
    return [*lines, current.rstrip()] if current.strip() else lines


def width_of(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WFA" else 1 for char in text
    )


def one_line(text: object) -> str:
    """A value as it may stand within a line and in a header: no line breaks, no control characters."""
    return " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in str(text)).split())


def _problems_of_line(pointer: str, line: str, by_name: Mapping[str, Placeholder]) -> Iterator[Problem]:
    for match in _TOKEN.finditer(line):
        token, name = match.group(), match.group(1)
        if token in ("{{", "}}"):
            continue
        if name is None:
            told = _("A brace stands alone: “%(line)s”. Write {{ or }} for the sign itself.") % {"line": line.strip()}
            yield Problem(pointer, "lone_brace", told)
        elif name not in by_name:
            yield Problem(pointer, "unknown_placeholder", _unknown(name, by_name))
        elif by_name[name].is_block and pointer == "/subject":
            yield Problem(pointer, "block_in_subject", _("{%(name)s} brings several lines.") % {"name": name})
        elif by_name[name].is_block and line.strip() != token:
            told = _("{%(name)s} brings several lines and needs a line of its own.") % {"name": name}
            yield Problem(pointer, "block_within_a_line", told)


def _unknown(name: str, by_name: Mapping[str, Placeholder]) -> str:
    told = _("There is no placeholder {%(name)s}.") % {"name": name}
    near = difflib.get_close_matches(name, by_name, n=1, cutoff=0.5)
    return told + (" " + _("Did you mean {%(name)s}?") % {"name": near[0]} if near else "")


def _parts(line: str) -> Iterator[_Part]:
    end = 0
    for match in _TOKEN.finditer(line):
        yield _Part(line[end : match.start()])
        token, name = match.group(), match.group(1)
        yield _Part(name, is_placeholder=True) if name is not None else _Part(token[0])
        end = match.end()
    yield _Part(line[end:])


def _filled(parts: Sequence[_Part], values: Mapping[str, str]) -> str:
    return "".join(values[part.text] if part.is_placeholder else part.text for part in parts)
