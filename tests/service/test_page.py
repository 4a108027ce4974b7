"""The page in a real Chromium: a person pastes a letter and sees what is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.examples import UNPAID_WAGES
from service.problems import KINDS
from service.security.keyring import OfflineKeyring
from service.security.roles import Role
from service.settings import Settings
from tests.service.browser import Page, find_chromium, open_browser
from tests.service.conftest import Running, behind_socket
from tests.service.fixture_router import FixtureRouter

# A browser takes its time to start on a busy machine.
pytestmark = pytest.mark.slow

PAGES = Path(__file__).parents[2] / "service" / "pages"


def test_home_leads_to_the_page(client: TestClient) -> None:
    response = client.get("/", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "docs")
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


def test_page_takes_nothing_from_elsewhere() -> None:
    for file in ("docs.html", "docs.css", "docs.js"):
        text = (PAGES / file).read_text(encoding="utf-8")
        assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text), file
    html = (PAGES / "docs.html").read_text(encoding="utf-8")
    assert "style=" not in html
    assert not re.search(r"\son[a-z]+=", html)
    assert "innerHTML" not in (PAGES / "docs.js").read_text(encoding="utf-8")


def test_parts_are_cached_by_their_content_and_nothing_else_is_served(client: TestClient) -> None:
    for name, media_type in (
        ("docs.css", "text/css"),
        ("docs.js", "text/javascript"),
        ("mark.svg", "image/svg+xml"),
    ):
        response = client.get(f"/docs/{name}")
        assert response.headers["content-type"].startswith(media_type)
        etag = response.headers["etag"]
        assert client.get(f"/docs/{name}", headers={"If-None-Match": etag}).status_code == 304
    for name in ("docs.html", "__init__.py", "..%2F__init__.py", "%2e%2e/settings.py"):
        assert client.get(f"/docs/{name}").status_code == 404


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    """The service with the fixture router, behind a socket."""
    with behind_socket(FixtureRouter(), Settings(timeout_ms=2000)) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A real browser, or a skip that says what to install."""
    if find_chromium() is None:
        pytest.skip("no chromium found: apt-get install -y chromium fonts-noto-cjk")
    with open_browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser: Page, served: Running) -> Page:
    """The page, loaded anew, on a wide screen."""
    browser.complaints.clear()
    browser.look(width=1280, height=900)
    browser.open("about:blank")
    browser.open(f"{served.address}/docs")
    browser.wait_for("document.querySelectorAll('#examples button').length === 6")
    browser.wait_for("document.getElementById('status').dataset.state === 'ready'")
    return browser


def paste(page: Page, letter: str) -> None:
    """Put a letter into the form and send it with Ctrl+Enter."""
    page.evaluate("document.getElementById('content').focus()")
    page.type(letter)
    page.evaluate(
        "document.getElementById('content').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'Enter', ctrlKey: true, bubbles: true}))"
    )


def text_of(page: Page, selector: str) -> str:
    """The visible text of the first element."""
    return str(page.evaluate(f"document.querySelector({selector!r}).innerText"))


def test_pasted_letter_shows_all_that_was_predicted(page: Page, tmp_path: Path) -> None:
    paste(page, "😀 工地夜里打桩，楼道还有煤气味，我电话 13800138000，请来")
    page.wait_for("!!document.querySelector('.seal')")
    assert text_of(page, ".verdict .to").startswith("市生态环境局")
    assert text_of(page, ".seal") == "人工研判"
    assert "须立即由人处理" in text_of(page, ".reasons")
    assert text_of(page, "#answer .pair").split()[:2] == ["紧急程度", "特急规则上调；模型判为一般"]
    assert page.evaluate("document.querySelectorAll('.ranks li').length") == 5
    # The emoji is two units in JavaScript and one character in the answer: the mark must not slip.
    assert page.evaluate("[...document.querySelectorAll('.read mark')].map(each => each.innerText)") == [
        "打桩"
    ]
    assert page.evaluate("[...document.querySelectorAll('.read .rule')].map(each => each.innerText)") == [
        "煤气味"
    ]
    assert text_of(page, ".read .masked") == "手机号"
    assert "13800138000" not in text_of(page, ".read")
    page.screenshot(tmp_path / "answer.png")
    assert page.complaints == []


def test_example_is_filled_in_and_answered(page: Page) -> None:
    page.evaluate("document.querySelector('#examples button').click()")
    page.wait_for("!!document.querySelector('.seal')")
    assert page.evaluate("document.getElementById('content').value") == UNPAID_WAGES.ticket["content"]
    assert text_of(page, ".seal") == "自动分派"
    assert "3月2日周一 18:00 前首次响应" in text_of(page, ".due")
    assert page.complaints == []


def test_markup_in_a_letter_stays_text(page: Page) -> None:
    letter = (
        "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>打桩 [PHONE]"
    )
    paste(page, letter)
    page.wait_for("!!document.querySelector('.seal')")
    assert "<script>" in text_of(page, ".read")
    assert page.evaluate("document.querySelectorAll('#answer img, #answer script').length") == 0
    assert page.evaluate("document.title") == "分拨 · 接口"


def test_full_explanation_is_asked_for(page: Page, served: Running) -> None:
    page.evaluate("document.querySelector('input[value=full]').click()")
    paste(page, "公园的树倒了")
    page.wait_for("!!document.querySelector('.seal')")
    assert served.router.explained[-1] == "full"
    assert "逐段遮盖" in text_of(page, ".legend")


def test_refusal_is_shown_with_its_reasons(page: Page) -> None:
    paste(page, "字" * 100_001)
    page.wait_for("!!document.querySelector('.problem')")
    shown = text_of(page, ".problem")
    assert "content" in shown
    assert "最多 100000 个字符" in shown
    assert "字字字" not in shown


def test_reference_shows_the_contract(page: Page, served: Running) -> None:
    paths = served.client.get("/openapi.json").json()["paths"].values()
    operations = sum(len(verbs) for verbs in paths)
    assert page.evaluate("document.querySelectorAll('.operation').length") == operations
    page.evaluate("document.getElementById('predict').open = true")
    shown = text_of(page, "#predict")
    for expected in ("location.longitude", "-180 … 180", "second_department", "X-Timeout-Ms", "curl -s"):
        assert expected in shown
    assert page.evaluate("document.querySelectorAll('#problem-table tbody tr').length") == len(KINDS)


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_sticks_out_sideways(page: Page, width: int) -> None:
    page.look(width=width, height=800)
    page.evaluate("document.querySelector('#examples button').click()")
    page.wait_for("!!document.querySelector('.seal')")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_theme_follows_the_system_and_the_button(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.look(width=1280, height=900, scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.evaluate("document.getElementById('theme').click()")
    assert page.evaluate(ground) == light
    page.evaluate("localStorage.clear()")


def test_key_is_asked_for_kept_for_the_tab_and_never_shown(browser: Page, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", timeout_ms=2000)
    keyring = OfflineKeyring(settings)
    key = keyring.make(name="desk", role=Role.REVIEWER, per_second=None, by="test").text
    keyring.close()
    with behind_socket(FixtureRouter(), settings, dev=False) as closed:
        browser.open(f"{closed.address}/docs")
        browser.wait_for("document.querySelectorAll('#examples button').length === 6")
        paste(browser, "公园的树倒了")
        browser.wait_for("!!document.querySelector('.problem')")
        assert "密钥" in text_of(browser, ".problem")
        assert browser.evaluate("document.activeElement.id") == "key"
        browser.type(key)
        browser.evaluate("document.getElementById('form').requestSubmit()")
        browser.wait_for("!!document.querySelector('.seal')")
        assert key not in browser.evaluate("document.documentElement.innerHTML + location.href")
