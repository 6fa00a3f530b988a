"""The Japanese catalogue: extracts what our apps say, keeps the translations, compiles them. Needs no GNU gettext.

``update`` rewrites ``locale/ja/LC_MESSAGES/django.po``, ``check`` fails on anything a Japanese user would see in
English, ``compile`` writes the ``.mo`` file Django reads.
"""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from erp.runtime.installation import PROJECT

APPS = ["erp", "accounting", "catalog", "customers", "ec_gateway", "templates"]
CATALOGUE = PROJECT / "locale" / "ja" / "LC_MESSAGES" / "django.po"
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}


def main(arguments: list[str]) -> int:
    match arguments:
        case ["update"]:
            update()
            return 0
        case ["compile"]:
            compile_if_changed()
            return 0
        case ["check"]:
            problems = missing_translations()
            sys.stdout.writelines(f"{problem}\n" for problem in problems)
            return 1 if problems else 0
    sys.stderr.write("usage: catalogue update|compile|check\n")
    return 2


def said_by_the_apps(project: Path = PROJECT) -> Catalog:
    """Every text that our Python files and templates mark for translation."""
    found = Catalog(locale="ja")
    for file in _sources(project):
        source = _as_python(file)
        for _line, text, comments, context in extract("python", source, KEYWORDS, comment_tags=["Translators:"]):
            place = (str(file.relative_to(project)), 0)
            found.add(text, locations=[place], auto_comments=comments, context=context)
    return found


def update() -> None:
    """Add what is new and drop what nobody says any more; translations are kept as they are."""
    kept = _read()
    kept.update(said_by_the_apps(), no_fuzzy_matching=True, update_creation_date=False)
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    text = io.BytesIO()
    # No line numbers and a fixed order: a moved function must not touch the catalogue.
    write_po(text, kept, width=120, sort_output=True, ignore_obsolete=True, include_lineno=False, omit_header=True)
    _replace(CATALOGUE, _header() + text.getvalue())


def missing_translations() -> list[str]:
    """What keeps the catalogue from being complete, one line each."""
    translated = _read()
    problems = []
    for said in said_by_the_apps():
        if not said.id:
            continue
        name = said.id if isinstance(said.id, str) else said.id[0]
        known = translated.get(name, said.context)
        where = ", ".join(sorted({path for path, _line in said.locations}))
        if known is None or not _is_complete(known):
            problems.append(f"{where}: no Japanese for {name!r}")
        elif known.fuzzy:
            problems.append(f"{where}: the Japanese for {name!r} is marked fuzzy")
        else:
            problems += [f"{where}: the Japanese for {name!r} is wrong: {error}" for error in known.check(translated)]
    return problems


def compile_if_changed() -> None:
    """Write the ``.mo`` file when the ``.po`` file is newer. Repeatable, and safe beside another process doing it."""
    compiled = CATALOGUE.with_suffix(".mo")
    if not CATALOGUE.exists():
        return
    if compiled.exists() and compiled.stat().st_mtime >= CATALOGUE.stat().st_mtime:
        return
    binary = io.BytesIO()
    write_mo(binary, _read())
    _replace(compiled, binary.getvalue())


def _sources(project: Path) -> Iterator[Path]:
    for app in APPS:
        for pattern in ("*.py", "*.html", "*.txt"):
            for file in sorted((project / app).rglob(pattern)):
                if "migrations" not in file.parts and (file.suffix == ".py" or "templates" in file.parts):
                    yield file


def _as_python(file: Path) -> io.BytesIO:
    if file.suffix == ".py":
        return io.BytesIO(file.read_bytes())
    from django.utils.translation.template import templatize

    return io.BytesIO(templatize(file.read_text(encoding="utf-8"), origin=str(file)).encode())


def _is_complete(message: Message) -> bool:
    texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return bool(texts) and all(text.strip() for text in texts)


def _read() -> Catalog:
    if not CATALOGUE.exists():
        return Catalog(locale="ja")
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="ja")


def _header() -> bytes:
    lines = ["Content-Type: text/plain; charset=utf-8", "Language: ja", "Plural-Forms: nplurals=1; plural=0;"]
    quoted = "\n".join(f'"{line}\\n"' for line in lines)
    comment = "# Japanese texts of Mamori. `make messages` keeps this file up to date."
    return f'{comment}\nmsgid ""\nmsgstr ""\n{quoted}\n\n'.encode()


def _replace(file: Path, content: bytes) -> None:
    if file.exists() and file.read_bytes() == content:
        os.utime(file)
        return
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(file)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
