"""A page shows what is on record, and nothing in a name or tag can do harm in it."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from madelibrary import MSD, MTT, Made, make

from lean_tagger.errors import StateError
from lean_tagger.jobs import Identity, TrackInfo
from lean_tagger.library.arithmetic import report
from lean_tagger.library.heat_map import HeatMap
from lean_tagger.library.markup import escaped, packed, plain, without_folders
from lean_tagger.library.page import Extra, Request, gather
from lean_tagger.store.journal import Journal

NASTY = "</script><script>alert(1)</script><!-- <b>\"'& \u2028\u2029 \x00 \u202e \udcff"


def library(count: int, *, keys: Iterable[Any] = (MSD, MTT), folder: str = "/music") -> list[Made]:
    dice = np.random.default_rng(1)
    return [
        Made(
            path=f"{folder}/Artist {number % 3}/{number:03d}.mp3",
            embeddings={key: dice.normal(number % 4, 1, 8) for key in keys},
            scores={"rock": 0.5 + number / 1000, "jazz": 0.25},
            track=TrackInfo(artist=f"Artist {number % 3}", title=f"Song {number}"),
            genre=("Rock",) if number % 2 else (),
        )
        for number in range(count)
    ]


def page_of(state: Path, **asked: Any) -> str:
    return "".join(report.pieces(Request(state=state, **asked)))


def data_of(page: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    data: dict[str, Any] = json.loads(found[0])
    return data


class Parsed(HTMLParser):
    """What a browser makes of a page: its elements, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self._within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, _: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            self.scripts.append(data)
        elif self._within == "style":
            self.styles.append(data)
        else:
            self.text += data


def test_every_track_is_in_the_table_with_what_is_known(tmp_path: Path) -> None:
    data = data_of(page_of(make(tmp_path / "state", library(12))))
    folders, genres = data["texts"]["folders"], data["texts"]["genres"]
    assert [f"{folders[f]}/{n}" for f, n in zip(data["folders"], data["names"], strict=True)] == [
        f"Artist {n % 3}/{n:03d}.mp3" for n in sorted(range(12), key=lambda n: (n % 3, n))
    ]
    assert data["titles"][0] == "Song 0"
    assert [genres[number] for number in data["genres"][:2]] == ["", "Rock"]
    assert sorted(data["sound"]) == list(range(12))
    assert set(data["seconds"]) == {200}


def test_vectors_places_and_labels_are_there_for_each_track(tmp_path: Path) -> None:
    data = data_of(page_of(make(tmp_path / "state", library(12))))
    vectors = np.frombuffer(base64.b64decode(data["vectors"]), np.int8).reshape(12, data["axes"])
    places = np.frombuffer(base64.b64decode(data["places"]), "<u2").reshape(12, 2)
    assert len({tuple(row) for row in vectors.tolist()}) == 12
    assert len({tuple(row) for row in places.tolist()}) == 12
    heard = base64.b64decode(data["heard"])
    first = int.from_bytes(heard[:2], "little")
    assert (data["labels"][first], heard[2]) == ("rock", 50)
    assert {data["labels"][number] for number in data["sounds"]} == {"rock"}


def test_numbers_of_the_summary_need_no_script(tmp_path: Path) -> None:
    tracks = [*library(5), Made(path="/music/broken.mp3")]
    text = Parsed(page_of(make(tmp_path / "state", tracks))).text
    assert "6 files on record" in text
    assert "5 heard" in text
    assert "1 set aside: decode" in text
    assert "broken.mp3: its audio is damaged" in text


def test_genres_before_are_those_before_the_first_write_that_stands(tmp_path: Path) -> None:
    state = make(tmp_path / "state", library(2))
    with Journal(state) as journal:
        run = journal.begin_run("tag", version="", model="", options={"max_mem_bytes": 1 << 30})
        for previous, written in (({"genre": ("Polka",)}, "Rock"), ({"genre": ("Rock",)}, "Pop")):
            write = journal.intend(
                "/music/Artist 1/001.mp3",
                run=run,
                identity=Identity(1, 1, 1),
                previous=previous,
                written={"genre": (written,)},
            )
            journal.settle(write, "done")
        journal.end_run(run, counts={"tagged": 1}, ending="done", peak_bytes=100 << 20)
    page = page_of(state)
    data = data_of(page)
    before = [data["texts"]["genres"][number] for number in data["before"]]
    assert before == ["", "Polka"]
    assert "100 MiB of 1024 MiB" in page
    assert f"lean-tag undo --run {run}" in page


def test_nothing_is_asked_of_anybody(tmp_path: Path) -> None:
    page = page_of(make(tmp_path / "state", library(3)))
    parsed = Parsed(page)
    data, script = parsed.scripts
    assert json.loads(data)
    policy = next(
        it["content"]
        for tag, it in parsed.elements
        if tag == "meta" and it.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    (style,) = parsed.styles
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    for _, attributes in parsed.elements:
        assert not {"src", "srcset", "action", "style", "ping"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")


def test_nothing_in_a_name_or_tag_becomes_markup(tmp_path: Path) -> None:
    tag = NASTY.replace("\udcff", "")
    tracks = [
        replace(
            it,
            path=f"/music/{NASTY.replace(chr(0), '').replace('/', '')}/{number}.mp3",
            digest=f"{number}",
            track=TrackInfo(artist=tag, title=tag, album=tag),
            genre=(tag,),
        )
        for number, it in enumerate(library(3))
    ]
    pictures = (HeatMap(title=NASTY, labels=(NASTY,), rows=(b"\1",), seconds=1.0),)
    harmless = (replace(pictures[0], title="a", labels=("b",)),)
    usual = Parsed(page_of(make(tmp_path / "usual", library(3)), heat_maps=harmless))
    page = page_of(make(tmp_path / "state", tracks), heat_maps=pictures)
    page.encode()  # no surrogates are left
    parsed = Parsed(page)
    assert len(parsed.scripts) == 2
    assert [tag for tag, _ in parsed.elements].count("script") == 2
    assert {tag for tag, _ in parsed.elements} == {tag for tag, _ in usual.elements}
    assert "\u2028" not in parsed.scripts[0]
    assert data_of(page)["titles"][0].startswith("</script><script>alert(1)")


def test_sections_that_not_every_page_has_are_linked_at_its_top(tmp_path: Path) -> None:
    state = make(tmp_path / "state", library(4))
    assert "Second by second" not in page_of(state)
    extras = (Extra(title=NASTY, text="", head=("a",), rows=(("b",),)),)
    pictures = (HeatMap(title="t", labels=("l",), rows=(b"\1",), seconds=1.0),)
    elements = Parsed(page_of(state, extras=extras, heat_maps=pictures)).elements
    linked = {it["href"] for name, it in elements if name == "a"}
    assert {"#taggrams", "#extra-0"} <= linked
    assert linked <= {f"#{it['id']}" for _, it in elements if "id" in it}


def test_no_folder_above_the_library_is_named(tmp_path: Path) -> None:
    folder = "/home/secretive/private/music"
    state = make(tmp_path / "state", library(4, folder=folder))
    with Journal(state) as journal:
        run = journal.begin_run("tag", version="", model="", options={"rules": "/home/secretive/r"})
        journal.record(
            f"{folder}/Artist 1/broken.mp3",
            run=run,
            key=MSD,
            identity=Identity(1, 1, 1),
            status="failed",
            kind="unreadable",
            message=f"{folder}/Artist 1/broken.mp3 and /home/secretive/else/file.mp3: no",
        )
    page = page_of(state)
    assert "secretive" not in page
    assert str(tmp_path) not in page
    assert "Artist 1/broken.mp3 and file.mp3: no" in page


def test_with_a_root_only_what_is_in_it_is_shown(tmp_path: Path) -> None:
    state = make(tmp_path / "state", [*library(4), *library(3, folder="/elsewhere")])
    page = page_of(state, root="/music")
    data = data_of(page)
    assert len(data["names"]) == 4
    assert "elsewhere/" not in page
    assert "3 more files on record are elsewhere" in page
    assert len(data_of(page_of(state))["names"]) == 7


def test_of_too_many_tracks_an_even_choice_is_shown(tmp_path: Path) -> None:
    page = page_of(make(tmp_path / "state", library(30)), most_tracks=10)
    data = data_of(page)
    assert len(data["names"]) == 10
    assert len(base64.b64decode(data["places"])) == 40
    assert "show 10 of 30 files" in page
    assert "30</b> files on record" in page


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_tracks_make_a_page(count: int, tmp_path: Path) -> None:
    data = data_of(page_of(make(tmp_path / "state", library(count))))
    assert len(data["names"]) == count
    assert len(data["sounds"]) == count


def test_an_empty_journal_says_what_to_do(tmp_path: Path) -> None:
    Journal(tmp_path / "state").close()
    assert "Nothing is on record yet" in page_of(tmp_path / "state")


def test_a_missing_journal_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no journal yet"):
        page_of(tmp_path / "nothing")


def test_tracks_without_an_embedding_are_counted_and_listed(tmp_path: Path) -> None:
    tracks = library(6)
    tracks[2] = replace(tracks[2], embeddings={MSD: np.zeros(0), MTT: np.zeros(0)})
    page = page_of(make(tmp_path / "state", tracks))
    assert sorted(data_of(page)["sound"]) == [-1, 0, 1, 2, 3, 4]
    assert "1 files are not on the map" in page


def test_models_may_be_mixed(tmp_path: Path) -> None:
    tracks = [*library(4), *library(4, keys=[MSD], folder="/music/more")]
    data = data_of(page_of(make(tmp_path / "state", tracks)))
    assert sorted(data["sound"]) == list(range(8))
    only = data_of(page_of(tmp_path / "state", models=("mtt-musicnn",)))
    assert sorted(only["sound"])[:4] == [-1] * 4


def test_one_audio_in_two_files_has_one_place(tmp_path: Path) -> None:
    tracks = library(4)
    tracks.append(replace(tracks[0], path="/music/copy.mp3", digest=tracks[0].audio))
    data = data_of(page_of(make(tmp_path / "state", tracks)))
    assert len(data["names"]) == 5
    assert len(data["sounds"]) == 4


@given(st.text())
def test_packed_text_ends_no_element_and_comes_back(text: str) -> None:
    inside = packed({"text": text})
    assert not set("<>&\u2028\u2029") & set(inside)
    assert json.loads(inside) == {"text": text}


@given(st.text())
def test_escaped_text_can_be_encoded_and_has_no_markup(text: str) -> None:
    inside = escaped(text)
    inside.encode()
    assert not set("<>\"'") & set(inside)


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert plain("caf\udce9.mp3") == "caf\\xe9.mp3"
    assert plain("a\nb\ud800") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


def test_folders_go_from_messages() -> None:
    assert without_folders("cannot read /a/b/c.mp3: /x/y.mp3, 3/4", "/a") == (
        "cannot read b/c.mp3: y.mp3, 3/4"
    )


@given(
    pairs=st.lists(st.tuples(st.binary(max_size=2), st.integers())),
    names=st.sets(st.binary(max_size=2)),
)
def test_values_are_found_in_step_with_the_names(
    pairs: list[tuple[bytes, int]], names: set[bytes]
) -> None:
    ordered = sorted(pairs, key=lambda pair: pair[0])
    in_step = gather._InStep(ordered)
    found = {name: in_step.at(name, -1) for name in sorted(names)}
    assert found == {name: dict(ordered).get(name, -1) for name in names}
