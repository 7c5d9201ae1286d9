"""The nearest tracks are those that a plain calculation over all of them gives."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from madelibrary import MSD, MTT, Made, make

from lean_tagger.errors import ConfigError
from lean_tagger.jobs import TrackInfo
from lean_tagger.library import query
from lean_tagger.library.arithmetic import similar
from lean_tagger.library.likeness import Compared, Likeness, Near, Way, compared_by
from lean_tagger.run.calculation import Calculation
from lean_tagger.store.features import Features
from lean_tagger.store.journal import Key

DIM = 6
MIB = 1 << 20


def library(
    count: int, *, seed: int = 0, lacks: dict[Key, Sequence[int]] | None = None
) -> list[Made]:
    """Return tracks with random embeddings; some lack those of a model."""
    dice = np.random.default_rng(seed)
    lacks = lacks or {}
    return [
        Made(
            path=f"/music/{number:03d}.mp3",
            embeddings={
                key: dice.normal(3, 1 + number % 3, DIM)
                for key in (MSD, MTT)
                if number not in lacks.get(key, ())
            },
        )
        for number in range(count)
    ]


def ask(request: Likeness | Way) -> tuple[Compared, list[Near]]:
    function = similar.nearest if isinstance(request, Likeness) else similar.way
    compared, *nears = function(request)  # type: ignore[arg-type]
    assert isinstance(compared, Compared)
    return compared, [it for it in nears if isinstance(it, Near)]


def names(nears: list[Near]) -> list[str]:
    return [Path(it.files[0].path).stem for it in nears]


def naive(tracks: list[Made], seeds: list[int], against: Sequence[int] = ()) -> dict[str, float]:
    """Return the cosine of each track to what is asked for, straight from the definition."""
    scores: dict[Key, dict[int, np.ndarray]] = {}
    for key in (MSD, MTT):
        rows = {
            n: np.float64(it.embeddings[key]) for n, it in enumerate(tracks) if key in it.embeddings
        }
        every = np.float32(list(rows.values())).astype(np.float64) if rows else np.zeros((0, DIM))
        spread = every.std(axis=0) if len(every) else np.ones(DIM)
        spread[spread < 1e-6] = 1
        scores[key] = {
            n: (np.float64(np.float32(row)) - every.mean(axis=0)) / spread
            for n, row in rows.items()
        }
    zero = np.zeros(DIM)

    def side_by_side(number: int) -> list[np.ndarray]:
        return [scores[key].get(number, zero) for key in (MSD, MTT)]

    wanted = [np.zeros(DIM), np.zeros(DIM)]
    for some, sign in ((seeds, 1), (against, -1)):
        for number in some:
            parts = side_by_side(number)
            length = np.sqrt(sum(part @ part for part in parts)) * len(some)
            wanted = [w + sign * part / length for w, part in zip(wanted, parts, strict=True)]
    found = {}
    for number, track in enumerate(tracks):
        both = [
            (p, w) for p, w in zip(side_by_side(number), wanted, strict=True) if p.any() and w.any()
        ]
        if both and number not in {*seeds, *against}:
            own = np.sqrt(sum(p @ p for p, _ in both) * sum(w @ w for _, w in both))
            found[Path(track.path).stem] = sum(p @ w for p, w in both) / own
    return found


@settings(max_examples=25)
@given(
    count=st.integers(3, 40),
    seed=st.integers(0, 1000),
    lacks=st.fixed_dictionaries(
        {MSD: st.sets(st.integers(0, 39), max_size=8), MTT: st.sets(st.integers(0, 39), max_size=8)}
    ),
    data=st.data(),
)
def test_nearest_is_what_the_definition_says(
    count: int,
    seed: int,
    lacks: dict[Key, set[int]],
    data: DrawFn,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lacks = {MSD: lacks[MSD], MTT: lacks[MTT] - lacks[MSD]}  # a track that nobody heard is none
    tracks = library(count, seed=seed, lacks=lacks)  # type: ignore[arg-type]
    state = make(tmp_path_factory.mktemp("library") / "state", tracks)
    numbers = st.lists(st.integers(0, count - 1), min_size=1, max_size=2, unique=True)
    seeds = data.draw(numbers)
    against = [it for it in data.draw(st.one_of(st.just([]), numbers)) if it not in seeds]
    request = Likeness(
        state=state,
        keys=(MSD, MTT),
        seeds=tuple(tracks[it].audio for it in seeds),
        against=tuple(tracks[it].audio for it in against),
    )
    expected = naive(tracks, seeds, against)
    compared, nears = ask(request)
    assert compared.tracks == len(expected) == len(nears)
    assert {n: near.cosine for n, near in zip(names(nears), nears, strict=True)} == pytest.approx(
        expected, abs=2e-5
    )
    cosines = [near.cosine for near in nears]
    assert cosines == sorted(cosines, reverse=True)


def test_candidates_go_on_after_the_first_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks = library(60)
    state = make(tmp_path / "state", tracks)
    request = Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,))
    _, whole = ask(request)
    monkeypatch.setattr(similar, "MOST", 3)
    _, pieces = ask(request)
    assert pieces == whole
    assert len(whole) == 59


def test_the_same_audio_comes_once_with_all_of_its_files(tmp_path: Path) -> None:
    tracks = library(5)
    copy = Made(path="/music/copy.mp3", digest=tracks[1].audio, embeddings=tracks[1].embeddings)
    state = make(tmp_path / "state", [*tracks, copy])
    _, nears = ask(Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,)))
    assert len(nears) == 4
    assert ["/music/001.mp3", "/music/copy.mp3"] in [[it.path for it in n.files] for n in nears]


def test_audio_that_no_file_has_any_more_is_no_answer(tmp_path: Path) -> None:
    tracks = library(5)
    changed = Made(path=tracks[1].path, digest="other audio", embeddings=tracks[2].embeddings)
    state = make(tmp_path / "state", [*tracks, changed])
    _, nears = ask(Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,)))
    assert sorted(names(nears)) == ["001", "002", "003", "004"]


def test_long_tracks_are_left_out_and_counted(tmp_path: Path) -> None:
    tracks = library(5)
    mix = Made(path="/music/mix.mp3", embeddings=tracks[1].embeddings, seconds=3600)
    state = make(tmp_path / "state", [*tracks, mix])
    request = Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,))
    compared, nears = ask(request)
    assert (compared.tracks, compared.too_long) == (4, 1)
    assert "mix" not in names(nears)
    _, nears = ask(
        Likeness(
            **{n: getattr(request, n) for n in ("state", "keys", "seeds")}, most_seconds=np.inf
        )
    )
    assert "mix" in names(nears)


def test_what_has_no_embedding_is_counted_and_left_out(tmp_path: Path) -> None:
    tracks = library(5)
    bare = Made(path="/music/bare.mp3", embeddings={MSD: np.zeros(0)})
    state = make(tmp_path / "state", [*tracks, bare])
    compared, nears = ask(Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,)))
    assert (compared.tracks, compared.unheard) == (4, 1)
    assert "bare" not in names(nears)


def test_damaged_embeddings_are_no_answer(tmp_path: Path) -> None:
    tracks = library(5)
    odd = [
        Made(path="/music/nan.mp3", embeddings={MSD: np.full(DIM, np.nan)}),
        Made(path="/music/inf.mp3", embeddings={MSD: np.full(DIM, np.inf)}),
        Made(path="/music/longer.mp3", embeddings={MSD: np.ones(2 * DIM)}),
    ]
    state = make(tmp_path / "state", [*tracks, *odd])
    compared, nears = ask(Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,)))
    assert sorted(names(nears)) == ["001", "002", "003", "004"]
    assert compared.unheard == 3


def test_a_condition_chooses_among_all(tmp_path: Path) -> None:
    tracks = [
        Made(path=it.path, embeddings=it.embeddings, genre=("Rock",) if n % 2 else ("Jazz",))
        for n, it in enumerate(library(9))
    ]
    state = make(tmp_path / "state", tracks)
    where = query.parse("genre:rock")
    _, nears = ask(Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,), where=where))
    assert sorted(names(nears)) == ["001", "003", "005", "007"]


def test_a_library_of_one_track_is_told(tmp_path: Path) -> None:
    (track,) = library(1)
    state = make(tmp_path / "state", [track])
    with pytest.raises(ConfigError, match="at least two"):
        ask(Likeness(state=state, keys=(MSD, MTT), seeds=(track.audio,)))


def test_nearly_the_same_recording_is_marked(tmp_path: Path) -> None:
    tracks = library(30)
    almost = {key: row + 0.01 for key, row in tracks[0].embeddings.items()}
    again = Made(path="/music/again.mp3", embeddings=almost, seconds=201.5)
    longer = Made(path="/music/longer.mp3", embeddings=almost, seconds=400)
    state = make(tmp_path / "state", [*tracks, again, longer])
    _, nears = ask(Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,)))
    marked = {n: near.version for n, near in zip(names(nears), nears, strict=True) if near.version}
    assert marked == {"again": tracks[0].audio}


def test_models_are_those_that_heard_most(tmp_path: Path) -> None:
    state = make(tmp_path / "both", library(3))
    with Features(state) as features:
        assert compared_by(features) == (MSD, MTT)
    only = make(tmp_path / "one", library(3, lacks={MSD: range(3)}))
    with Features(only) as features:
        assert compared_by(features) == (MTT,)
    with Features(make(tmp_path / "none", [])) as features:
        assert compared_by(features) == ()


def test_it_runs_in_a_child_that_stays_small(tmp_path: Path) -> None:
    tracks = library(2000)
    state = make(tmp_path / "state", tracks)
    request = Likeness(state=state, keys=(MSD, MTT), seeds=(tracks[0].audio,))
    with Calculation(
        "lean_tagger.library.arithmetic.similar:nearest", request, max_mem_bytes=150 * MIB
    ) as calculation:
        assert len(list(calculation)) == 2000
        assert calculation.peak_bytes < 125 * MIB


# A way


def on_a_line(folder: Path, count: int) -> list[Made]:
    """Return tracks along an arc from the first to the last, and others off it."""
    dice = np.random.default_rng(1)
    angles = np.linspace(0, np.pi / 2, count)
    rows = [np.array([np.cos(a), np.sin(a), 0, 0, 0, 0]) * 4 for a in angles]
    others = [dice.normal(0, 1, DIM) for _ in range(count)]
    opposite = [-row for row in (*rows, *others)]  # so that the middle is at zero
    return [
        Made(path=there(folder / f"{number:03d}.mp3"), embeddings={MSD: row})
        for number, row in enumerate([*rows, *others, *opposite])
    ]


def there(path: Path) -> str:
    """Make a file, and return its name."""
    path.write_bytes(b"")
    return str(path)


def test_a_way_goes_in_even_steps_and_takes_no_track_twice(tmp_path: Path) -> None:
    tracks = on_a_line(tmp_path, 101)
    state = make(tmp_path / "state", tracks)
    request = Way(state=state, keys=(MSD,), first=tracks[0].audio, last=tracks[100].audio, steps=9)
    _, nears = ask(request)
    digests = [it.files[0].digest for it in nears]
    assert len(set(digests)) == 9
    assert not {request.first, request.last} & set(digests)
    places = np.array([it.cosines[1] - it.cosines[0] for it in nears])
    steps = np.diff([-1, *places, 1])
    assert (steps > 0).all()
    assert steps.max() < 1.5 * 0.2  # ten even steps are 0.2 each


def test_a_way_has_as_many_steps_as_there_are_tracks(tmp_path: Path) -> None:
    tracks = [
        Made(path=there(tmp_path / Path(it.path).name), embeddings=it.embeddings)
        for it in library(7)
    ]
    state = make(tmp_path / "state", tracks)
    (tmp_path / "006.mp3").unlink()
    _, nears = ask(
        Way(state=state, keys=(MSD, MTT), first=tracks[0].audio, last=tracks[1].audio, steps=20)
    )
    assert sorted(names(nears)) == ["002", "003", "004", "005"]


def test_versions_need_performer_and_title() -> None:
    from lean_tagger.library.versions import same_song
    from lean_tagger.store.tracks import Track

    def track(artist: str, title: str) -> Track:
        info = TrackInfo(artist=artist, title=title)
        return Track(path="/x", info=info)

    one = track("Nirvana", "About a Girl")
    for title in ("About a Girl (Live)", "About A Girl - Remastered 2009", "about a girl [demo]"):
        assert same_song(one, track("nirvana", title)), title
    assert not same_song(one, track("Nirvana", "About a Boy"))
    assert not same_song(one, track("Nirvana", "About a Girl - Part Two"))
    assert not same_song(one, track("Others", "About a Girl"))
    assert not same_song(track("", "Intro"), track("", "Intro"))
    assert not same_song(track("Nirvana", ""), track("Nirvana", ""))
