"""MP4: whatever moves is still found, and what other structures say is neither lost nor hidden."""

import random
import shutil
import tracemalloc
from pathlib import Path

import av
import mutagen
import pytest
from audiofiles import in_full, make
from conftest import shared
from mp4files import added, heard, led_to, number, of, positions, walk
from mutagen.mp4 import MP4
from thinned import thinned

from lean_tagger import write
from lean_tagger.errors import FileError, WriteError
from lean_tagger.listen.decode import fingerprint
from lean_tagger.listen.decode.packet_finders import Unsteady
from lean_tagger.listen.decode.parts import open_parts

VALUES = {
    "genre": ("Hip-Hop", "Progressive Rock"),
    "mood": ("mellow", "sad"),
    "leantag": ("msd-musicnn 1; " + "Rock=0.52 " * 30,),
}
NOTHING = dict.fromkeys(VALUES, ())
FRAGMENTED = {
    "relative": "frag_keyframe+empty_moov+default_base_moof",
    "absolute": "frag_keyframe+empty_moov",
    "dash": "dash",
    "one_index": "dash+global_sidx",
    "each_packet": "frag_every_frame+empty_moov",
    "music_in_moov": "frag_every_frame",
    "delayed": "frag_keyframe+delay_moov",
    "separate": "frag_keyframe+empty_moov+separate_moof",
}
TOLD = {"\xa9nam": ["Title"], "\xa9ART": ["Artist"]}


def fragmented(path: Path, kind: str = "absolute", *, titled: bool = False) -> Path:
    """Make three seconds of music in fragments, with a title or with no tags at all."""
    options = {"movflags": FRAGMENTED[kind], "frag_duration": "500000"}
    make(path, "m4a", 3.0, options=options)
    if titled:
        plain, target = path.with_suffix(".plain.m4a"), path
        make(plain, "m4a", 3.0)
        copy_with(plain, target, options, {"title": "Title", "artist": "Artist"})
    return path


def copy_with(source: Path, target: Path, options: dict[str, str], told: dict[str, str]) -> None:
    """Copy packets into a file with texts and options of FFmpeg's."""
    with (
        av.open(str(source)) as old,
        av.open(str(target), "w", format="mp4", options=options) as new,
    ):
        stream = new.add_stream_from_template(old.streams.audio[0])
        new.metadata.update(told)
        for packet in old.demux(old.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                new.mux(packet)


def shown(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return dict(container.metadata)


def others(path: Path) -> dict[str, object]:
    ours = ("\xa9gen", "----:com.apple.iTunes:MOOD", "----:com.apple.iTunes:LEANTAG")
    tags = MP4(path).tags or {}
    return {key: value for key, value in tags.items() if key not in ours}


def written(path: Path) -> None:
    """Write into a file and take it back; check all that can be."""
    before, packets = path.read_bytes(), heard(path)
    theirs, place = others(path), led_to(before)
    was = write.read(str(path))
    for changes in (VALUES, {"genre": ("Jazz",)}, {"leantag": ("x" * 3000,)}):
        write.write(str(path), changes, fingerprint=fingerprint)
        read = {field: write.read(str(path))[field] for field in changes}
        assert read == changes
        genre = MP4(path).tags["\xa9gen"]
        assert genre == list(changes.get("genre", ("Jazz",)))
        assert shown(path)["genre"] in genre
        assert others(path) == theirs
        assert led_to(path.read_bytes()) == place
        assert heard(path) == packets
    write.write(str(path), NOTHING | was, fingerprint=fingerprint)
    assert write.read(str(path)) == was
    assert others(path) == theirs
    assert led_to(path.read_bytes()) == place
    assert heard(path) == packets


def refused(path: Path, reason: str) -> None:
    before = path.read_bytes()
    with pytest.raises(WriteError, match=reason):
        write.write(str(path), VALUES, fingerprint=fingerprint)
    assert path.read_bytes() == before


# --- Fragments ------------------------------------------------------------------------------


@thinned(
    ("kind", "titled"),
    [
        *((kind, True) for kind in FRAGMENTED),
        ("absolute", False),
        *(pytest.param(it, False, marks=pytest.mark.slow) for it in FRAGMENTED if it != "absolute"),
    ],
    fast=3,
)
def test_a_fragmented_file_plays_and_seeks_as_before(
    tmp_path: Path, kind: str, titled: bool
) -> None:
    path = fragmented(tmp_path / "a.m4a", kind, titled=titled)
    before = path.read_bytes()
    assert b"moof" in before
    written(path)
    if titled:
        assert others(path) == {**TOLD, "\xa9too": others(path)["\xa9too"]}
        assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["13_dash.m4a", "j_dash_fragments.m4a"])
def test_what_downloads_look_like_is_written(tmp_path: Path, name: str) -> None:
    path = Path(shutil.copy(shared("clips") / "celtic.m4a", tmp_path / "source.m4a"))
    options = {"movflags": "dash"} if name[0] == "j" else {"movflags": "dash+empty_moov"}
    copy_with(path, tmp_path / name, {**options, "frag_duration": "2000000"}, {"title": "x"})
    written(tmp_path / name)


def test_a_fragmented_file_is_heard_whole_before_and_after(tmp_path: Path) -> None:
    path = fragmented(tmp_path / "a.m4a")
    audio = fingerprint(str(path))
    for _ in range(2):
        with pytest.raises(Unsteady), open_parts(str(path)):
            pass
        write.write(str(path), VALUES, fingerprint=fingerprint, expected=audio)


@pytest.mark.parametrize("where", ["behind moov", "in moov", "in udta"])
def test_free_space_is_used_and_nothing_moves(tmp_path: Path, where: str) -> None:
    path = fragmented(tmp_path / "a.m4a", "relative")
    data, free = path.read_bytes(), of(b"free", bytes(900))
    size = len(data) + len(free)
    if where == "behind moov":
        moov_end = next(stop for name, _, stop in walk(data) if name == b"moov")
        data = data[:moov_end] + free + data[moov_end:]
    else:
        data = added(data, [b"moov"] if where == "in moov" else [b"moov", b"udta"], free)
    path.write_bytes(data[: data.index(b"mfra") - 4])  # it was made for other places
    size = path.stat().st_size
    tail = path.read_bytes()[data.index(b"moof") :]
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert path.stat().st_size == size
    assert path.read_bytes().endswith(tail)
    assert MP4(path).tags["\xa9gen"] == list(VALUES["genre"])


def test_an_index_in_front_of_moov_tells_how_far_the_music_is(tmp_path: Path) -> None:
    path = fragmented(tmp_path / "a.m4a", "relative")
    data = path.read_bytes()
    data = data[: data.index(b"mfra") - 4]
    moov, moof = data.index(b"moov") - 4, data.index(b"moof") - 4
    for version, width in ((0, 4), (1, 8)):
        head = bytes([version, 0, 0, 0]) + bytes(3) + b"\1" + (44100).to_bytes(4, "big")
        times = bytes(width) + (moof - moov).to_bytes(width, "big")
        parts = b"\0\0\0\1" + (len(data) - moof).to_bytes(4, "big") + bytes(8)
        path.write_bytes(data[:moov] + of(b"sidx", head, times, parts) + data[moov:])
        (place,) = positions(path.read_bytes())
        assert path.read_bytes()[place[1] + 4 :][:4] == b"moof"
        written(path)
        # One that begins at once counts moov as part of the music.
        whole = of(b"sidx", head, bytes(2 * width), parts)
        path.write_bytes(data[:moov] + whole + data[moov:])
        refused(path, "index")


@pytest.mark.parametrize("path_to", [[], [b"moof"], [b"moof", b"traf"], [b"mfra"]])
def test_a_fragment_with_something_unknown_is_refused(tmp_path: Path, path_to: list[bytes]) -> None:
    path = fragmented(tmp_path / "a.m4a", "relative")
    data, unknown = path.read_bytes(), of(b"wh4t", bytes(16))
    path.write_bytes(added(data, path_to, unknown) if path_to else data + unknown)
    refused(path, "atom 'wh4t' may hold offsets that are not known")


def test_a_place_that_does_not_fit_any_more_is_refused(tmp_path: Path) -> None:
    path = fragmented(tmp_path / "a.m4a", "relative")
    data = path.read_bytes()
    table = bytes(4) + b"\0\0\0\1" + bytes(4) + b"\0\0\0\1" + bytes(4) + b"\xff\xff\xff\xf0"
    mfra = of(b"mfra", of(b"tfra", table, bytes(3)))
    path.write_bytes(data[: data.index(b"mfra") - 4] + mfra)
    refused(path, "32-bit offsets")


def many_fragments(path: Path, count: int) -> bytes:
    """Make a file of very many fragments, each with a position in it; return what it holds."""
    data = fragmented(path, "each_packet").read_bytes()
    start = data.index(b"moof") - 4
    one = data[start : start + number(data, start)]
    at = one.index(b"tfhd") + 12
    with path.open("wb") as file:
        file.write(data[:start])
        for _ in range(count):
            place = file.tell().to_bytes(8, "big")
            file.write(one[:at] + place + one[at + 8 :] + of(b"mdat", b"music"))
    return path.read_bytes()


@pytest.mark.slow
def test_fragments_without_number_need_no_memory(tmp_path: Path) -> None:
    """Collected, each would need hundreds of bytes. (mutagen may load 768 KiB of any file.)"""
    path, counts, peaks = tmp_path / "a.m4a", (6_000, 9_000), []
    for count in counts:
        before = many_fragments(path, count)
        assert len(positions(before)) == count
        tracemalloc.start()
        write.write(str(path), VALUES, fingerprint=lambda _: "", expected="")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert led_to(path.read_bytes()) == led_to(before)
    assert peaks[1] - peaks[0] < 60 * (counts[1] - counts[0])


@pytest.mark.parametrize("count", [30, pytest.param(120, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["absolute", "dash"])
def test_a_damaged_fragment_never_changes_what_is_heard(
    tmp_path: Path, kind: str, count: int
) -> None:
    path = fragmented(tmp_path / "a.m4a", kind, titled=True)
    whole, chance, done = path.read_bytes(), random.Random(7), 0
    atoms = [body for name, body, _ in walk(whole) if name != b"mdat"]
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = min(chance.choice(atoms) + chance.randint(-8, 24), len(data) - 1)
            data[at] = chance.choice([0, 1, 255, data[at] ^ 1 << chance.randrange(8)])
        path.write_bytes(data)
        try:
            audio = fingerprint(str(path))
        except FileError:
            continue
        try:
            write.write(str(path), VALUES, fingerprint=fingerprint, expected=audio)
            done += 1
        except FileError:
            assert path.read_bytes() == data
        assert fingerprint(str(path)) == audio
    assert done > count / 6


# --- Positions outside of fragments ---------------------------------------------------------


def saio(version: int, place: int, *, kind: bytes = b"") -> bytes:
    head = bytes([version, 0, 0, bool(kind)]) + kind + b"\0\0\0\1"
    return of(b"saio", head, place.to_bytes(8 if version else 4, "big"))


def iloc(version: int, base: int, offset: int, place: int, *, method: int = 0) -> bytes:
    """Return the place of one item, with fields of so many bytes for its base and its offset."""
    data = bytes([version, 0, 0, 0, offset << 4 | 4, base << 4]) + b"\0\1\0\1"
    data += bytes([0, method]) * bool(version) + b"\0\0"
    data += (0 if offset else place).to_bytes(base, "big") + b"\0\1"
    data += place.to_bytes(offset, "big") if offset else b""
    return of(b"iloc", data, b"\0\0\0\5")


PLACES = {
    "saio": lambda place: ([b"trak", b"mdia", b"minf", b"stbl"], saio(0, place)),
    "long saio": lambda place: (
        [b"trak", b"mdia", b"minf", b"stbl"],
        saio(1, place, kind=b"cenc\0\0\0\0"),
    ),
    "iloc": lambda place: ([], of(b"meta", HANDLER, iloc(0, 0, 4, place))),
    "iloc by base": lambda place: ([], of(b"meta", HANDLER, iloc(1, 8, 0, place))),
    "iloc of a track": lambda place: ([b"trak"], of(b"meta", HANDLER, iloc(1, 4, 8, place))),
}
HANDLER = bytes(4) + of(b"hdlr", bytes(8), b"pict", bytes(13))


@pytest.mark.parametrize("kind", PLACES)
def test_what_lies_behind_moov_is_still_found(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path / "a.m4a", "m4a")
    data, mark = path.read_bytes(), b"here it is"
    inside, atom = PLACES[kind](0)
    place = len(data) + len(atom) + 8
    inside, atom = PLACES[kind](place)
    data = added(data, [b"moov", *inside], atom) + of(b"mdat", mark)
    assert data[place:] == mark
    path.write_bytes(data)
    write.write(str(path), VALUES, fingerprint=fingerprint)
    after = path.read_bytes()
    moved = after.index(mark)
    assert moved > place
    assert PLACES[kind](moved)[1] in after
    assert atom not in after


def test_an_item_inside_its_own_atom_stays(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "m4a")
    atom = of(b"meta", HANDLER, iloc(1, 0, 4, 1 << 20, method=1))
    path.write_bytes(added(path.read_bytes(), [b"moov"], atom) + of(b"mdat", b"music"))
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert atom in path.read_bytes()


@pytest.mark.parametrize("size", ["mdat to the end", "moov to the end", "moov of 64 bits"])
def test_sizes_of_other_kinds_stay_as_they_are(tmp_path: Path, size: str) -> None:
    front = size == "mdat to the end"
    path = make(tmp_path / "a.m4a", "m4a", options={"movflags": "faststart"} if front else {})
    data = path.read_bytes()
    start = data.index(b"mdat" if front else b"moov") - 4
    if size == "moov of 64 bits":
        data = data[:start] + of(b"moov", data[start + 8 :], wide=True)
    else:
        data = data[:start] + bytes(4) + data[start + 4 :]
    path.write_bytes(data)
    for changes in (VALUES, {"leantag": ("x" * 4000,)}, NOTHING):
        write.write(str(path), changes, fingerprint=fingerprint)
        after = path.read_bytes()
        head = after[after.index(data[start + 4 : start + 8]) - 4 :][:4]
        assert head == data[start : start + 4]
        assert led_to(after) == led_to(data)
        assert write.read(str(path)) == {
            field: values for field, values in (VALUES | changes).items() if values
        }


# --- Other tags -----------------------------------------------------------------------------


def ape(*items: bytes) -> bytes:
    body = b"".join(items)
    head = b"".join(n.to_bytes(4, "little") for n in (2000, len(body) + 32, len(items)))
    ends = (flags.to_bytes(4, "little") + bytes(8) for flags in (0xA0000000, 0x80000000))
    start, end = (b"APETAGEX" + head + flags for flags in ends)
    return start + body + end


ITEM = b"\1\0\0\0" + bytes(4) + b"Title\0x"
ID3V1 = b"TAG" + b"Title".ljust(124, b"\0") + b"\x10"
LYRICS = b"LYRICSBEGININD0000200" + b"000021LYRICS200"
TRAILERS = {
    "APE": ape(ITEM),
    "ID3v1": ID3V1,
    "all": ape(ITEM, ITEM.replace(b"Title", b"Album")) + LYRICS + ID3V1,
    "APE without header": ape(ITEM)[32:-12] + bytes(12),
}


@pytest.mark.parametrize("kind", TRAILERS)
@pytest.mark.parametrize("movflags", ["faststart", "", "frag_keyframe+empty_moov"])
def test_a_tag_behind_the_last_atom_stays_behind_it(
    tmp_path: Path, kind: str, movflags: str
) -> None:
    path = make(tmp_path / "a.m4a", "m4a", 2.0, options={"movflags": movflags} if movflags else {})
    data, trailer = path.read_bytes(), TRAILERS[kind]
    path.write_bytes(data + trailer)
    was = heard(path)
    for changes in (VALUES, {"genre": ("Jazz",)}, NOTHING):
        write.write(str(path), changes, fingerprint=fingerprint)
        after = path.read_bytes()
        assert after.endswith(trailer)
        assert led_to(after[: -len(trailer)]) == led_to(data)
        assert heard(path) == was
        # No common reader shows what it says; so it is not in the way.
        assert shown(path).get("genre") in (None, *changes["genre"])


def test_anything_else_behind_the_last_atom_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "m4a")
    path.write_bytes(path.read_bytes() + ape(ITEM) + b"junk of some kind")
    refused(path, "damaged")


def keyed(path: Path, **told: str) -> Path:
    """Make a file with QuickTime's metadata, as FFmpeg writes it, and nothing of iTunes'."""
    plain = make(path.with_suffix(".plain.m4a"), "m4a", 2.0)
    copy_with(plain, path, {"movflags": "use_metadata_tags"}, told)
    assert b"mdta" in path.read_bytes()
    return path


def test_metadata_with_keys_stays_and_ours_is_found(tmp_path: Path) -> None:
    path = keyed(tmp_path / "a.m4a", title="Title", mykey="hello")
    before = path.read_bytes()
    texts = shown(path)
    written(path)
    assert path.read_bytes() == before
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert shown(path) == texts | {
        "genre": VALUES["genre"][0],
        "MOOD": VALUES["mood"][0],
        "LEANTAG": VALUES["leantag"][0],
    }


def test_a_genre_in_metadata_with_keys_is_there_and_can_be_replaced(tmp_path: Path) -> None:
    path = keyed(tmp_path / "a.m4a", genre="Rock", title="Title")
    before = path.read_bytes()
    assert write.read(str(path)) == {"genre": ("Rock",)}
    write.write(str(path), {"leantag": ["x"]}, fingerprint=fingerprint)
    assert shown(path)["genre"] == "Rock"
    assert "\xa9gen" not in MP4(path).tags
    _, previous = in_full(path, {"genre": ["Jazz"]})
    write.write(str(path), {"genre": ["Jazz"]}, fingerprint=fingerprint)
    assert shown(path)["genre"] == "Jazz"
    assert MP4(path).tags["\xa9gen"] == ["Jazz"]
    write.write(str(path), previous | {"leantag": ()}, fingerprint=fingerprint)
    assert path.read_bytes() == before


def keys(key: bytes, text: bytes) -> bytes:
    """Return QuickTime's metadata, as telephones write it: right in moov."""
    return of(
        b"meta",
        of(b"hdlr", bytes(8), b"mdta", bytes(13)),
        of(b"keys", bytes(4), b"\0\0\0\1", of(b"mdta", key)),
        of(b"ilst", of(b"\0\0\0\1", of(b"data", b"\0\0\0\1", bytes(4), text))),
    )


def replaced_and_put_back(path: Path) -> None:
    """Overwrite a genre that stands in another tag, and undo that."""
    before = shown(path)
    _, previous = in_full(path, VALUES)
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert shown(path)["genre"] == VALUES["genre"][0]
    assert b"Rock" in path.read_bytes()  # with a name that nobody reads
    assert write.read(str(path))["genre"] == VALUES["genre"]
    write.write(str(path), {"genre": ("Other",)}, fingerprint=fingerprint)  # not into its room
    write.write(str(path), previous, fingerprint=fingerprint)
    assert write.read(str(path)) == {"genre": ("Rock",)}
    assert shown(path) == before


def test_a_genre_of_another_tag_that_readers_prefer_gives_way(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "m4a")
    MP4(path).save()
    plain = path.read_bytes()
    path.write_bytes(added(plain, [b"moov"], keys(b"com.apple.quicktime.genre", b"Rock")))
    assert write.read(str(path)) == {"genre": ("Rock",)}
    replaced_and_put_back(path)
    path.write_bytes(added(plain, [b"moov"], keys(b"com.apple.quicktime.title", b"Title")))
    assert write.read(str(path)) == {}
    write.write(str(path), VALUES, fingerprint=fingerprint)
    assert mutagen.File(path).tags["\xa9gen"] == list(VALUES["genre"])


def test_of_two_lists_the_first_is_written_as_readers_take_it(tmp_path: Path) -> None:
    path = keyed(tmp_path / "a.m4a", title="Title")
    item = of(b"\xa9alb", of(b"data", b"\0\0\0\1", bytes(4), b"Album"))
    second = of(b"meta", bytes(4) + HANDLER[4:].replace(b"pict", b"mdir") + of(b"ilst", item))
    path.write_bytes(added(path.read_bytes(), [b"moov", b"udta"], second))
    assert shown(path)["album"] == "Album"
    written(path)
    assert shown(path)["album"] == "Album"
    assert path.read_bytes().endswith(second)
    genre = of(b"ilst", of(b"\xa9gen", of(b"data", b"\0\0\0\1", bytes(4), b"Rock")))
    second = of(b"meta", bytes(4) + HANDLER[4:].replace(b"pict", b"mdir") + genre)
    path.write_bytes(added(path.read_bytes(), [b"moov", b"udta"], second))
    assert write.read(str(path)) == {"genre": ("Rock",)}
    replaced_and_put_back(path)


def test_a_genre_in_a_fragment_counts(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "m4a", options={"movflags": FRAGMENTED["relative"]})
    data = path.read_bytes()
    path.write_bytes(added(data, [b"moof"], of(b"udta", of(b"\xa9gen", b"\0\4\0\0Rock"))))
    assert write.read(str(path)) == {"genre": ("Rock",)}
    refused(path, "offsets that are not known|would still show the genre")


@pytest.mark.parametrize(
    "text",
    [
        of(b"\xa9gen", b"\0\5\x55\xc4R\xc3\xb6ck"),
        of(b"\xa9gen", b"\0\4\0\0R\x9ack"),
        of(b"gnre", bytes(4), b"\x55\xc4R\xc3\xb6ck\0"),
        of(b"gnre", bytes(4), b"\x55\xc4\xfe\xff\0R\0\xf6\0c\0k\0\0"),
    ],
    ids=["UTF-8", "Mac", "3GPP", "3GPP in UTF-16"],
)
def test_a_genre_right_in_the_user_data_is_there(tmp_path: Path, text: bytes) -> None:
    path = make(tmp_path / "a.m4a", "m4a")
    data = path.read_bytes()
    start = data.index(b"udta") - 4
    moov = data.index(b"moov") - 4
    size = number(data, moov) - number(data, start)
    bare = data[:moov] + size.to_bytes(4, "big") + data[moov + 4 : start]
    path.write_bytes(added(bare, [b"moov"], of(b"udta", text)))
    if text[4:8] == b"\xa9gen":
        assert shown(path)["genre"] == "Röck"
    assert write.read(str(path)) == {"genre": ("Röck",)}
    write.write(str(path), {"genre": ["Jazz"]}, fingerprint=fingerprint)
    assert shown(path)["genre"] == MP4(path).tags["\xa9gen"][0] == "Jazz"
