"""The service's page in a real Chromium, driven by Playwright, and what has to hold of it whatever it shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser import CONTRAST, find_chromium

WAIT_MS = 60_000
"""How long anything may take on a machine that is busy."""

SMALL = """
() => [...document.querySelectorAll("button, .button, select, summary, input, .choice, .chooser, .segment, a")]
  .filter((e) => e.checkVisibility() && !e.closest(".visually-hidden, svg, .skip") && !e.matches(".segment input"))
  .map((e) => [e, e.matches("[type=checkbox], [type=radio]") && e.closest("label, .check") || e])
  .map(([e, whole]) => [e, whole.getBoundingClientRect()])
  .filter(([e, box]) => box.width > 0 && (box.height < 43.5 || box.width < 43.5))
  .map(([e, box]) => `${e.tagName} ${e.className} ${e.textContent.trim()} ${box.width}x${box.height}`)
"""
"""What can be pressed and is smaller than 44 × 44 pixels (WCAG 2.2, 2.5.5)."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium: the system's own, so that nothing is downloaded."""
    executable = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Driver:
    """A window with the page of a server, and what it complained about."""

    page: Page
    url: str
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, fragment: str = "") -> Driver:
        """Show the page, at a job where ``fragment`` names one."""
        self.page.goto(f"{self.url}/{fragment}")
        return self

    def title(self, words: Any) -> None:
        """Wait until the result's heading has these words."""
        expect(self.page.locator("#result-title")).to_contain_text(words)

    def weak_texts(self) -> list[Any]:
        """Texts of too little contrast."""
        return [(round(ratio, 2), text) for ratio, text in self.page.evaluate(CONTRAST) if ratio < 4.5]

    def wider(self) -> bool:
        """Whether the page can be scrolled sideways."""
        return bool(self.page.evaluate("() => document.documentElement.scrollWidth > innerWidth"))

    def focused(self) -> str:
        """What has the focus, in words: its id, or what it is and says."""
        said: str = self.page.evaluate(
            "() => { const e = document.activeElement;"
            " return e.id || e.getAttribute('aria-label') || e.value || e.textContent.trim().slice(0, 40); }"
        )
        return said

    def tab_to(self, wanted: str, most: int = 80) -> None:
        """Press Tab until the element with this selector has the focus."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(s) => document.activeElement?.matches(s)", wanted):
                return
        raise AssertionError(f"{wanted} cannot be reached by keyboard")


@contextmanager
def window(
    browser: Browser,
    url: str,
    *,
    width: int = 1200,
    height: int = 900,
    dark: bool = False,
    expected: tuple[str, ...] = (),
) -> Iterator[Driver]:
    """A window; at its end nothing may have been asked of others, and nothing complained about but ``expected``."""
    phone = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", has_touch=phone,
        is_mobile=phone, reduced_motion="reduce", accept_downloads=True,
    )  # fmt: skip
    context.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    page = context.new_page()
    driver = Driver(page, url, context)
    ours = urlsplit(url).netloc
    context.on("request", lambda r: driver.foreign.append(r.url) if _foreign(r.url, ours) else None)
    page.on("console", lambda m: driver.complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: driver.complaints.append(str(error)))
    try:
        yield driver
    finally:
        context.close()
    assert not driver.foreign
    assert not [text for text in driver.complaints if not any(one in text for one in expected)]


def _foreign(url: str, ours: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in {"blob", "data", "about"} and parts.netloc != ours
