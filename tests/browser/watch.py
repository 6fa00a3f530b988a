"""A page that is watched: whatever it opens must be quiet, whole, Japanese and usable without a mouse or eyes.

Every page that a test opens is looked at by ``Desk.look``; what is wrong is told all at once, with the address it was found at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Response

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "manual" / "images"
# Pictures of the manual are made when asked for only, so that nothing hangs on a pixel.
WANTS_IMAGES = os.environ.get("MAMORI_MANUAL_IMAGES", "").lower() in ("1", "true", "yes")
MOST_BYTES = 150_000
AXE = Path(find_spec("axe_playwright_python").origin).with_name("axe.min.js")
# What makes a page unusable for somebody. Best practices that are no rule of WCAG 2.2 AA are left to taste.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

# Words in Latin letters that a Japanese page of ours may hold: names, and what staff themselves say in Latin letters.
_NAMES = """
Mamori English Google Microsoft Authenticator Password Chrome Firefox Safari Edge Linux Windows Android HeadlessChrome
Shopify Webhook Excel Yahoo Amazon iPhone iPad esc
"""
# What is data on pages: commands, carriers, segments, user names; and keys of a keyboard.
_CODES = """
admin juchu soko keiri tenpo keiei system hanako misaki backup restore Control Command yamato sagawa champions loyal promising new lost others
sleeping
"""
ALLOWED = frozenset(f"{_NAMES} {_CODES}".split())
# Where texts are data, not ours: what a machine says of itself, a message as it came, an address of a page.
DATA = "code, pre, textarea, .material-symbols-outlined, script, style, noscript, [lang=en], .field-path, .field-agent, .field-device"
_WORD = re.compile(r"(?<![\w@./:#=_-])[A-Z]?[a-z]{3,}(?![\w@/=_*]|[.:-]\w)")

_TEXTS = """
data => {
  const seen = [], ours = element => !element.closest(data);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), parent = walker.currentNode.parentElement;
    if (text && parent && ours(parent)) seen.push(text);
  }
  for (const name of ['title', 'placeholder', 'aria-label', 'alt'])
    for (const element of document.querySelectorAll(`[${name}]`)) if (ours(element)) seen.push(element.getAttribute(name));
  for (const button of document.querySelectorAll('input[type=submit], input[type=button]')) seen.push(button.value);
  seen.push(document.title);
  return seen;
}
"""
_AXE = """
async rules => {
  const found = await axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']});
  return found.violations.map(each => [each.id, each.help, each.nodes.map(node => node.html.slice(0, 200))]);
}
"""


class Desk:
    """Somebody at work: one browser context, signed in as one user, every page watched."""

    def __init__(self, browser: Browser, address: str, looked: set[str] | None = None) -> None:
        self.browser, self.address = browser, address.rstrip("/")
        self.others: list[Desk] = []
        self.context = browser.new_context(
            viewport={"width": 1280, "height": 900}, locale="ja-JP", timezone_id="Asia/Tokyo", accept_downloads=True
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.faults: list[str] = []
        self.looked: set[str] = set() if looked is None else looked
        self._watch()

    def _watch(self) -> None:
        self.page.on(
            "console", lambda said: self._note(said.type, said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self._note("script", str(error)))
        self.page.on("requestfailed", lambda asked: self._failed(asked))
        self.page.on("response", self._answered)

    def _failed(self, asked: Any) -> None:
        # A page that is left, and a file that is saved instead of shown, end their requests by themselves.
        if asked.failure and "ERR_ABORTED" not in asked.failure:
            self._note("request", f"{asked.url}: {asked.failure}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self._note("answer", f"{answer.status} {answer.url}")
        if not answer.url.startswith((self.address, "data:", "blob:")):
            self._note("foreign", answer.url)

    def _note(self, kind: str, told: str) -> None:
        self.faults.append(f"{self.page.url.removeprefix(self.address)}: {kind}: {told[:300]}")

    def sign_in(self, name: str, password: str) -> None:
        self.open("/admin/login/")
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", password)
        self.press("ログイン")
        assert self.page.url == f"{self.address}/admin/", self.page.url

    def beside(self) -> Desk:
        """Another browser at the next desk, nobody signed in yet. Closed and judged with this one."""
        self.others.append(Desk(self.browser, self.address, self.looked))
        return self.others[-1]

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path if path.startswith("/") else path, wait_until="load")
        self.look()
        return self.page

    def press(self, name: str, *, within: str = "body") -> Page:
        """Press the button or link of this name and look at where it leads."""
        where = self.page.locator(within)
        button = where.get_by_role("button", name=name, exact=True)
        (button if button.count() else where.get_by_role("link", name=name, exact=True)).first.click()
        self.page.wait_for_load_state("load")
        self.look()
        return self.page

    def act(self, action: str, **beside: str) -> Page:
        """Choose an action for the rows that are marked, fill in what stands beside it, and do it."""
        bar = self.page.locator("#changelist-form")
        bar.locator("select[name=action]").select_option(label=action)
        for name, value in beside.items():
            bar.locator(f"[name={name}]").first.fill(value)
        bar.locator("button[name=index]:visible").first.click()
        self.page.wait_for_load_state("load")
        self.look()
        return self.page

    def mark(self, *keys: object) -> None:
        for key in keys:
            self.page.locator(f"#changelist-form input[name=_selected_action][value='{key}']").first.check()

    @property
    def text(self) -> str:
        return self.page.inner_text("body")

    def look(self) -> None:
        """What a person would stumble over. The same page of a list is judged once."""
        kind = self.kind_of(self.page.url)
        for word in self._english():
            self._note("English", word)
        if kind not in self.looked:
            self.looked.add(kind)
            for rule, told, nodes in self._unusable():
                self._note("axe", f"{rule} ({told}) {len(nodes)}: {nodes[0]}")

    def kind_of(self, url: str) -> str:
        return re.sub(r"\d+", "0", url.removeprefix(self.address)).partition("?")[0]

    def links(self, selector: str) -> list[str]:
        """Where links lead, from the root, each once."""
        found = self.page.locator(selector).evaluate_all("all => all.map(each => each.href)")
        inside = [each.removeprefix(self.address) for each in found if each.startswith(f"{self.address}/admin/")]
        return list(dict.fromkeys(inside))

    def _english(self) -> Iterator[str]:
        if not (self.page.get_attribute("html", "lang") or "").startswith("ja"):
            yield "the page says that it is not Japanese"
        for text in self.page.evaluate(_TEXTS, DATA):
            if words := [word for word in _WORD.findall(text) if word not in ALLOWED]:
                yield f"{' '.join(words[:8])} [{text[:80]}]"

    def _unusable(self) -> list[tuple[str, str, list[str]]]:
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        return [tuple(each) for each in self.page.evaluate(_AXE, RULES)]

    def picture(self, name: str) -> None:
        """Keep this page for the manual, if pictures are wanted."""
        if not WANTS_IMAGES:
            return
        IMAGES.mkdir(parents=True, exist_ok=True)
        file = IMAGES / f"{name}.png"
        # A dense page is shown down to where it still fits.
        for height in (900, 720, 560, 420):
            clip = {"x": 0, "y": 0, "width": 1280, "height": height}
            self.page.screenshot(path=file, animations="disabled", scale="css", clip=clip)
            if file.stat().st_size <= MOST_BYTES:
                return
        raise AssertionError(f"{file.name} takes {file.stat().st_size} bytes, more than {MOST_BYTES}")

    def close(self) -> None:
        """Raises AssertionError naming everything that was wrong on any page."""
        self.context.close()
        for other in self.others:
            other.context.close()
        told = list(dict.fromkeys([*self.faults, *(fault for other in self.others for fault in other.faults)]))
        assert not told, f"{len(told)} faults:\n" + "\n".join(told)
