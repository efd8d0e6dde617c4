"""The built site in Chromium, page by page: on a phone and a desktop, light and dark, from disk.

    python3 run.py --group docs python docs/build.py
    python3 run.py pytest -m slow reference_tests/test_site.py

Slow, and skipped where the site has not been built or there is no Chromium.
"""

from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from reference_tests.library.browser import CHROMIUM, Browser
from reference_tests.library.command_line import ROOT

pytestmark = pytest.mark.slow

SITE = ROOT / "docs" / "_build" / "html"
PAGES = sorted(page for page in SITE.rglob("*.html") if "_static" not in page.parts and page != SITE / "index.html")
PHONE, DESKTOP = (390, 844), (1300, 900)
LEAST_CONTRAST = 3.0
"""What WCAG 2.1 asks of large text. Code in colours is between that and the 4.5 of small text."""

LOOK = """(() => {
    const numbers = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
    const behind = element => {
        for (; element; element = element.parentElement) {
            const [r, g, b, alpha = 1] = numbers(getComputedStyle(element).backgroundColor);
            if (alpha > 0.9) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const contrast = element => {
        const [a, b] = [numbers(getComputedStyle(element).color), behind(element)].map(light);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    const size = element => element.getBoundingClientRect();
    const begin = element => element.outerHTML.slice(0, 80);
    const all = selector => [...document.querySelectorAll(selector)].filter(element => element.checkVisibility());
    const says = element => [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    const words = all('main *, .sidebar-tree *').filter(says);
    return {
        width: document.documentElement.scrollWidth,
        wide: all('main *').filter(e => size(e).right > innerWidth + 1).slice(0, 3).map(begin),
        pale: words.filter(e => contrast(e) < LEAST_CONTRAST).slice(0, 5).map(begin),
        empty: all('main img, main math').filter(e => !(size(e).width && size(e).height)).map(begin),
        broken: [...document.images].filter(e => e.complete && !e.naturalWidth).map(begin),
        bare: all('main article img').filter(e => numbers(getComputedStyle(e).backgroundColor)[3] === 0).map(begin),
        raw: all('merror, .problematic').map(begin),
        undrawn: all('.cell_output pre').filter(e => e.textContent.includes('<Figure size')).map(begin),
    };
})()""".replace("LEAST_CONTRAST", str(LEAST_CONTRAST))
"""What a page looks like; all but the first two must be empty."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not PAGES:
        pytest.skip("the site has not been built")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def on_desktop(browser):
    browser.resize(*DESKTOP)
    browser.prefer(dark=False)
    browser.errors.clear()
    browser.open(SITE / "README.html")
    browser.run("localStorage.clear()")
    browser.open(SITE / "README.html")
    return browser


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(SITE).as_posix())
def test_every_page_on_a_phone_and_a_desktop_in_light_and_dark(browser, page):
    browser.errors.clear()
    browser.open(page)
    for width, height in (PHONE, DESKTOP):
        browser.resize(width, height, phone=width < 500)
        for dark in (False, True):
            browser.prefer(dark=dark)
            seen = browser.run(LOOK)
            wide = seen.pop("wide")  # what scrolls by itself may be
            assert seen.pop("width") <= width, wide
            assert not any(seen.values()), (width, "dark" if dark else "light", seen)
    assert browser.errors == []


def test_the_pages_ask_for_nothing_from_elsewhere(on_desktop):
    on_desktop.requests.clear()
    on_desktop.open(SITE / "learn" / "strides.html")
    assert on_desktop.requests
    assert {request.partition(":")[0] for request in on_desktop.requests} <= {"file", "data"}


@pytest.mark.parametrize(("word", "found"), [("stride", "Strides"), ("conv2d_transpose", "Transposed convolution")])
def test_a_search_from_disk(on_desktop, word, found):
    on_desktop.run("document.querySelector('.sidebar-search').focus()")
    on_desktop.type(word)
    on_desktop.press("Enter")
    on_desktop.wait("location.pathname.endsWith('/search.html')")
    results = "[...document.querySelectorAll('#search-results li a')]"
    on_desktop.wait(f"{results}.some(a => a.textContent === '{found}')", 10)
    assert on_desktop.errors == []


def test_the_switch_between_light_and_dark(on_desktop):
    themes = {}
    for _ in range(3):
        on_desktop.click(".theme-toggle-content .theme-toggle")
        theme = on_desktop.run("document.body.dataset.theme")
        themes[theme] = on_desktop.run("getComputedStyle(document.body).backgroundColor")
    assert set(themes) == {"light", "dark", "auto"}
    assert themes["light"] == themes["auto"] != themes["dark"]


class Links(HTMLParser):
    """The ids of a page and what its links and pictures name."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.targets = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids.update(value for name, value in attrs if name in ("id", "name") and value)
        self.targets.update(value for name in ("href", "src") if (value := given.get(name)))


def test_every_link_leads_to_a_file_and_a_place_in_it():
    if not PAGES:
        pytest.skip("the site has not been built")
    found = {page: Links(page.read_text(encoding="utf-8")) for page in PAGES}
    missing = []
    for page, own in found.items():
        for target in own.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            fragment = unquote(parts.fragment)
            there = file.exists() and (not fragment or file not in found or fragment in found[file].ids)
            missing += [] if there else [f"{page.relative_to(SITE)}: {target}"]
    assert not missing


def test_every_learn_page_opens_as_a_notebook():
    import json

    if not PAGES:
        pytest.skip("the site has not been built")
    names = {page.stem for page in (ROOT / "docs" / "learn").glob("*.md")}
    notebooks = {file.stem: json.loads(file.read_text()) for file in SITE.rglob("_downloads/**/*.ipynb")}
    assert names <= set(notebooks)
    for name in names:
        code = [cell for cell in notebooks[name]["cells"] if cell["cell_type"] == "code"]
        assert all(cell["outputs"] or cell["source"] for cell in code)
        assert any(cell["outputs"] for cell in code), name
