"""The report, for whoever wants to buy the house and not read its code: what was tried, what struck, what must be true, and whether it is."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from erp.core.version import VERSION
from erp.proof.hands import SURPRISE, WEIGHTS
from erp.proof.running import Proof

MOST_FAULTS = 20


def lines(proof: Proof) -> Iterator[str]:
    """Markdown."""
    yield "# " + _("Is the same unit sold twice? A proof")
    yield ""
    yield _("Mamori %(version)s, %(day)s UTC, seed %(seed)s, %(hands)s processes, %(seconds)s s") % {
        "version": VERSION, "day": f"{proof.begun:%Y-%m-%d %H:%M}", "seed": proof.seed, "hands": proof.hands,
        "seconds": f"{proof.seconds:g}",
    }  # fmt: skip
    yield f"PostgreSQL {proof.server}, Python {platform.python_version()}, {os.cpu_count()} CPU, {platform.machine()}"
    yield ""
    yield "**" + (_("Not one unit was sold twice.") if proof.is_kept else _("The promise was NOT kept.")) + "**"
    yield ""
    yield from _verdicts(proof)
    yield from _acts(proof)
    yield from _strikes(proof)
    yield from _pieces(proof)


def _verdicts(proof: Proof) -> Iterator[str]:
    yield "## " + _("What must be true")
    yield ""
    for verdict in proof.verdicts:
        yield f"- {'✓' if not verdict.faults else '✗'} {verdict.what}"
        for fault in verdict.faults[:MOST_FAULTS]:
            yield "    - " + fault.strip().replace("\n", "\n      ")
    yield ""


def _acts(proof: Proof) -> Iterator[str]:
    tried: dict[str, Counter[str]] = {act: Counter() for act in WEIGHTS}
    for entries in proof.diaries.values():
        for entry in entries:
            kind = entry.outcome if entry.outcome in ("done", SURPRISE, "") else "refused"
            tried[entry.act][kind] += 1
    yield "## " + _("What was tried")
    yield ""
    yield (
        "| "
        + " | ".join(
            [
                pgettext("proof", "act"),
                pgettext("proof", "done"),
                pgettext("proof", "refused in words"),
                pgettext("proof", "unexpected"),
            ]
        )
        + " |"
    )
    yield "|---|---:|---:|---:|"
    for act, counts in [*tried.items(), (pgettext("proof", "all"), sum(tried.values(), Counter[str]()))]:
        unexpected = counts[SURPRISE] + counts[""]
        yield f"| {act} | {counts['done']:,} | {counts['refused']:,} | {unexpected:,} |"
    yield ""


def _strikes(proof: Proof) -> Iterator[str]:
    repeats, conflicts, refusals = Counter[str](), Counter[str](), Counter[str]()
    for entries in proof.diaries.values():
        for entry in entries:
            repeats.update(entry.repeats)
            conflicts[entry.act] += entry.repeats.get("conflict", 0)
            if entry.outcome not in ("done", SURPRISE, ""):
                refusals[entry.outcome] += 1
    yield "## " + _("What struck")
    yield ""
    yield "- " + _("processes killed with -9: %(count)s") % {"count": proof.kills["hand"]}
    yield "- " + _("PostgreSQL killed with -9: %(count)s") % {"count": proof.kills["PostgreSQL"]}
    yield "- " + _("calls that were repeated because the database was away: %(count)s") % {"count": repeats["away"]}
    yield "- " + _("calls that the database broke off for another one, and that were repeated: %(count)s") % {
        "count": _named(conflicts)
    }
    yield "- " + _("refusals, by reason: %(named)s") % {"named": _named(refusals)}
    yield "- " + _("parcels sent at the end with what was promised: %(count)s") % {
        "count": f"{proof.sent_at_the_end:,}"
    }
    yield ""


def _named(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common() if count) or "0"


def _pieces(proof: Proof) -> Iterator[str]:
    yield "## " + _("Where the pieces went")
    yield ""
    names = [
        "SKU",
        pgettext("proof", "opening"),
        pgettext("proof", "received"),
        pgettext("proof", "counted, corrected, lost"),
        pgettext("proof", "beyond the books"),
        pgettext("proof", "before a count, told later"),
        pgettext("proof", "came back"),
        pgettext("proof", "sent"),
        pgettext("proof", "sold at the till"),
        pgettext("proof", "on hand"),
        "",
    ]
    yield "| " + " | ".join(names) + " |"
    yield "|---|" + "---:|" * 9 + "---|"
    for row in proof.balances:
        figures = (
            row.opening, row.received, row.corrected, row.provisional, row.counted, row.came_back, -row.sent, -row.sold_at_till, row.on_hand
        )  # fmt: skip
        yield (
            f"| {row.sku} | " + " | ".join(f"{figure:,}" for figure in figures) + f" | {'✓' if row.is_even else '✗'} |"
        )
    yield ""


def write(folder: Path, proof: Proof, words: Sequence[str]) -> Path:
    """Keep ``words``, the lines of the proof, under its date and seed."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"no-oversell-{proof.begun:%Y-%m-%dT%H%M%SZ}-seed-{proof.seed}.md"
    file.write_text("\n".join(words) + "\n", encoding="utf-8")
    return file
