"""The Japanese catalogue: extracts what our apps say, keeps the translations, compiles them. Needs no GNU gettext.

``update`` rewrites ``locale/ja/LC_MESSAGES/django.po``, ``check`` fails on anything a Japanese user would see in
English, ``compile`` writes the ``.mo`` file Django reads.
"""

import ast
import importlib.util
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
# Packages whose pages our staff see and that bring no Japanese of their own: what they say is translated in our catalogue. Of the theme
# only its own pages; those that it makes for other packages are not installed.
BORROWED = {"unfold": ("contrib", "unfold_crispy")}
# Where Django keeps the Japanese that all packages share.
DJANGO = ("django.conf", "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes")
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
    """Every text that our Python files and templates mark for translation, and those of ``BORROWED`` that nobody else translates."""
    found = Catalog(locale="ja")
    for file in _sources(project):
        _add_texts(found, file, str(file.relative_to(project)))
    shared = said_by_django()
    for package, left_out in BORROWED.items():
        borrowed = Catalog(locale="ja")
        folder = _folder(package)
        for file in _files(folder):
            if file.relative_to(folder).parts[0] not in left_out:
                _add_texts(borrowed, file, package)
        for message in borrowed:
            known = shared.get(_name(message), message.context)
            if message.id and not (known and _is_complete(known)):
                found.add(message.id, locations=[(package, 0)], context=message.context)
    return found


def said_by_django() -> Catalog:
    """The Japanese of Django itself."""
    found = Catalog(locale="ja")
    for package in DJANGO:
        with (_folder(package) / "locale" / "ja" / "LC_MESSAGES" / "django.po").open("rb") as file:
            for message in read_po(file, locale="ja"):
                if message.id:
                    found.add(message.id, message.string, context=message.context)
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
        name = _name(said)
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
        yield from _files(project / app)


def _files(folder: Path) -> Iterator[Path]:
    for pattern in ("*.py", "*.html", "*.txt"):
        for file in sorted(folder.rglob(pattern)):
            if "migrations" not in file.parts and (file.suffix == ".py" or "templates" in file.parts):
                yield file


def _folder(package: str) -> Path:
    """Where a package is installed; it is not imported."""
    parent, _dot, name = package.rpartition(".")
    spec = importlib.util.find_spec(parent or name)
    assert spec is not None, f"{package} is not installed"
    folder = Path(str(spec.origin)).parent
    return folder / name if parent else folder


def _add_texts(found: Catalog, file: Path, place: str) -> None:
    source = _as_python(file)
    for _line, text, comments, context in extract("python", source, KEYWORDS, comment_tags=["Translators:"]):
        found.add(text, locations=[(place, 0)], auto_comments=comments, context=context)


def _name(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _as_python(file: Path) -> io.BytesIO:
    if file.suffix == ".py":
        source = file.read_text(encoding="utf-8")
        return io.BytesIO("\n".join([source, *_within_f_strings(source)]).encode())
    from django.utils.translation.template import templatize

    code = templatize(file.read_text(encoding="utf-8"), origin=str(file))
    # A page is indented as it likes, which no Python may be.
    return io.BytesIO("\n".join(map(str.lstrip, code.split("\n"))).encode())


def _within_f_strings(source: str) -> Iterator[str]:
    """The extractor reads tokens, and only from Python 3.12 on are the parts of an f-string tokens of their own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue):
            yield ast.unparse(node.value)


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
