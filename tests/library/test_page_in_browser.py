"""A browser shows the page, answers clicks and keys, and asks nobody for anything.

Needs Chromium and its driver (Debian: ``chromium chromium-driver``) and the extra ``browser``.
"""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from madelibrary import LABELS, MSD, MTT, Made, make

from lean_tagger.jobs import TrackInfo
from lean_tagger.library.arithmetic import report
from lean_tagger.library.page import Request

selenium = pytest.importorskip("selenium", reason="needs the extra browser")

from selenium import webdriver  # noqa: E402 - where it is there
from selenium.webdriver.common.by import By  # noqa: E402 - the same
from selenium.webdriver.common.keys import Keys  # noqa: E402 - the same

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")), reason="needs Chromium"
    ),
]

DESKTOP, PHONE = (1280, 900), (390, 844)
MOST_READY_SECONDS = 3.0
GENRES = ("Rock", "Electronic", "Folk", "Jazz")


def library(count: int) -> list[Made]:
    dice = np.random.default_rng(2)
    centres = dice.normal(0, 1, (4, 16))
    return [
        Made(
            path=f"/music/Artist {number % 4}/{number:05d} song.mp3",
            digest=f"{number:032x}",
            embeddings={
                MSD: centres[number % 4] + dice.normal(0, 0.4, 16),
                MTT: centres[number % 4] + dice.normal(0, 0.4, 16),
            },
            scores={LABELS[MSD][number % 4]: 0.8, LABELS[MSD][5]: 0.3},
            track=TrackInfo(
                artist=f"Artist {number % 4}",
                album=f"Album {number // 12}",
                title=f"Song {number} <script>document.title='broken'</script>",
            ),
            genre=(GENRES[number % 4],) if number % 9 else (),
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    request = Request(state=make(folder / "state", library(160)))
    (folder / "page.html").write_text("".join(report.pieces(request)), encoding="utf-8")
    return folder / "page.html"


Open = Callable[..., webdriver.Chrome]


@pytest.fixture
def browser() -> Iterator[Open]:
    """Open pages; at the end nothing may have been complained about or asked for."""
    opened: list[webdriver.Chrome] = []

    def open_page(path: Path, size: tuple[int, int] = DESKTOP) -> webdriver.Chrome:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        opened.append(driver)
        width, height = size
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        # A click would not wait for the end of a smooth scroll.
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [still]})
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        driver.get(path.as_uri())
        return driver

    yield open_page
    try:
        for driver in opened:
            assert driver.get_log("browser") == []
            assert asked(driver) <= {driver.current_url.partition("#")[0]}
            assert "broken" not in driver.title
    finally:
        for driver in opened:
            driver.quit()


def asked(driver: webdriver.Chrome) -> set[str]:
    """Return what the page asked for; pictures within it are no requests."""
    messages = [json.loads(it["message"])["message"] for it in driver.get_log("performance")]
    urls = {
        it["params"]["request"]["url"].partition("#")[0]
        for it in messages
        if it["method"] == "Network.requestWillBeSent"
    }
    return {url for url in urls if not url.startswith(("data:", "chrome:"))}


def text(driver: webdriver.Chrome, css: str) -> str:
    return driver.find_element(By.CSS_SELECTOR, css).text


def place_of_a_point(driver: webdriver.Chrome) -> tuple[int, int]:
    """Return where on the canvas a coloured pixel is."""
    x, y = driver.execute_script(
        """const canvas = document.getElementById("canvas");
        const {width, height} = canvas;
        const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
        for (let n = 0; n < width * height; n++) {
            const [r, g, b, a] = data.subarray(4 * n, 4 * n + 4);
            if (a > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60 && n > 60 * width) {
                return [n % width, Math.floor(n / width) + 2];
            }
        }"""
    )
    return x, y


def on_canvas(driver: webdriver.Chrome, x: int, y: int) -> webdriver.ActionChains:
    canvas = driver.find_element(By.ID, "canvas")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    left, top = canvas.size["width"] // 2, canvas.size["height"] // 2
    return webdriver.ActionChains(driver).move_to_element_with_offset(canvas, x - left, y - top)


def painted(driver: webdriver.Chrome) -> None:
    """Wait for two frames: the first may have been begun before."""
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def test_search_leaves_what_has_all_words(page: Path, browser: Open) -> None:
    driver = browser(page)
    assert text(driver, "#count") == "160 files"
    driver.find_element(By.ID, "search").send_keys("ARTIST jazz 15")
    shown = text(driver, "#count")
    assert shown.endswith("of 160 files")
    rows = driver.find_elements(By.CSS_SELECTOR, "#table tbody tr")
    assert 0 < len(rows) < 20
    assert all("Jazz" in row.text and "15" in row.text for row in rows)


def test_hovering_names_a_track_and_a_click_tells_all_of_it(page: Path, browser: Open) -> None:
    driver = browser(page)
    painted(driver)
    x, y = place_of_a_point(driver)
    on_canvas(driver, x, y).perform()
    tip = driver.find_element(By.ID, "tip")
    assert tip.is_displayed()
    name = tip.text.splitlines()[0]
    assert name.startswith("Song ")
    assert "<script>" in name
    on_canvas(driver, x, y).click().perform()
    assert text(driver, "#detail h3") == name
    assert "80 %" in text(driver, "#detail")


def test_more_like_this_leads_to_tracks_of_the_same_kind(page: Path, browser: Open) -> None:
    driver = browser(page)
    driver.find_element(By.CSS_SELECTOR, "#table tbody tr:nth-child(3) button").click()
    near = driver.find_elements(By.CSS_SELECTOR, "#detail li button")
    assert len(near) == 12
    artist = text(driver, "#table tbody tr:nth-child(3) td:nth-child(2)")
    assert sum(artist in it.text for it in near) >= 11
    name = near[0].text.partition(" \N{EN DASH} ")[0]
    near[0].click()
    assert text(driver, "#detail h3") == name
    assert name in driver.find_element(By.ID, "said").get_attribute("textContent")


def test_the_keyboard_reaches_tracks_and_what_is_alike(page: Path, browser: Open) -> None:
    driver = browser(page)
    canvas = driver.find_element(By.ID, "canvas")
    canvas.send_keys(Keys.ARROW_RIGHT)
    first = text(driver, "#detail h3")
    canvas.send_keys(Keys.ARROW_LEFT)
    assert text(driver, "#detail h3") != first
    canvas.send_keys("+", Keys.ENTER)
    assert driver.switch_to.active_element == driver.find_element(By.CSS_SELECTOR, "#detail button")
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert driver.switch_to.active_element.tag_name == "button"
    canvas.send_keys(Keys.ESCAPE)
    assert "Choose a track" in text(driver, "#detail")


def test_a_press_on_a_colour_shows_it_alone(page: Path, browser: Open) -> None:
    driver = browser(page)
    button = driver.find_element(By.CSS_SELECTOR, "#legend button")
    button.click()
    name, count = button.text.split()
    assert driver.find_element(By.CSS_SELECTOR, "#legend button").get_attribute("aria-pressed")
    assert text(driver, "#count") == f"{count} of 160 files"
    assert name in text(driver, "#table tbody tr")


def test_the_map_zooms_and_comes_back(page: Path, browser: Open) -> None:
    driver = browser(page)
    picture = "return document.getElementById('canvas').toDataURL()"
    painted(driver)
    before = driver.execute_script(picture)
    driver.find_element(By.ID, "in").click()
    painted(driver)
    assert driver.execute_script(picture) != before
    driver.find_element(By.ID, "all").click()
    painted(driver)
    assert driver.execute_script(picture) == before


def test_a_column_sorts_up_and_down(page: Path, browser: Open) -> None:
    driver = browser(page)
    by_genre = driver.find_element(By.CSS_SELECTOR, "#table th:nth-child(4) button")
    for expected in (GENRES[1], GENRES[0]):
        by_genre.click()
        assert text(driver, "#table tbody tr td:nth-child(4)") == expected


def test_a_narrow_screen_has_all_of_it_without_scrolling_sideways(
    page: Path, browser: Open
) -> None:
    driver = browser(page, PHONE)
    width = driver.execute_script("return document.documentElement.scrollWidth")
    assert width <= PHONE[0]
    driver.find_element(By.CSS_SELECTOR, "#table tbody tr button").click()
    assert text(driver, "#detail h3").startswith("Song ")
    canvas = driver.find_element(By.ID, "canvas")
    assert canvas.size["width"] > 0.9 * PHONE[0] - 24


def test_without_tracks_nothing_breaks(tmp_path: Path, browser: Open) -> None:
    for count in (0, 1):
        request = Request(state=make(tmp_path / str(count), library(count)))
        path = tmp_path / f"{count}.html"
        path.write_text("".join(report.pieces(request)), encoding="utf-8")
        driver = browser(path)
        assert text(driver, "#count") == f"{count} files"


def test_25_000_tracks_are_usable_in_three_seconds(
    page: Path, tmp_path: Path, browser: Open
) -> None:
    large = tmp_path / "large.html"
    large.write_text(enlarged(page.read_text(encoding="utf-8"), 25_000), encoding="utf-8")
    driver = browser(large)
    assert text(driver, "#count") == "25,000 files"
    # CPU seconds of the page's own thread: the machine may be busy with something else.
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    spent = {it["name"]: it["value"] for it in metrics}
    assert spent["ScriptDuration"] + spent["LayoutDuration"] <= MOST_READY_SECONDS
    driver.find_element(By.ID, "search").send_keys("jazz")
    assert text(driver, "#count").endswith("of 25,000 files")


def enlarged(page: str, count: int) -> str:
    """Return a page in which its tracks come again and again, each with a place of its own."""
    head, middle, rest = page.partition('id="data">')
    packed, end, tail = rest.partition("</script>")
    data: dict[str, Any] = json.loads(packed)
    tracks = len(data["names"])
    which = np.arange(count) % tracks
    rows = np.array(data["sound"])[which]
    for name, column in data.items():
        if isinstance(column, list) and len(column) == tracks and name != "sounds":
            data[name] = [column[number] for number in which]
    data["sound"] = list(range(count))
    data["sounds"] = [data["sounds"][row] for row in rows]
    for name, kind in (("vectors", np.int8), ("heard", np.uint8), ("places", np.uint16)):
        array = np.frombuffer(base64.b64decode(data[name]), kind).reshape(tracks, -1)[rows].copy()
        if name == "places":
            array = np.random.default_rng(0).integers(0, 65_535, array.shape).astype(np.uint16)
        data[name] = base64.b64encode(array.tobytes()).decode()
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return f"{head}{middle}{text}{end}{tail}"
