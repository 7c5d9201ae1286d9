"""What watching consists of: settling, looking, arriving, an end that was set, a gentle pace."""

import datetime
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import disks
import psutil
import pytest
from command import Run
from conftest import DATA
from hypothesis import given
from hypothesis import strategies as st
from pace import comes_true
from processes import children
from thinned import thinned

from lean_tagger.always import kernel, polling, settling
from lean_tagger.always.roots import Root
from lean_tagger.jobs import Job, Skipped
from lean_tagger.run import arriving
from lean_tagger.run.find_files import walk
from lean_tagger.run.until import next_time, until
from lean_tagger.run.within import Within

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
FOLDERS = st.text("ab", min_size=1, max_size=2)


# Which folders


def names(found: object) -> set[str]:
    return {item.path for item in found if isinstance(item, Job)}


def library(top: Path) -> None:
    for name in ("x.mp3", "A/1.mp3", "A/CD 1/2.mp3", "B/3.mp3", "B/C/D/4.mp3"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        ([""], ["x.mp3"]),
        (["A"], ["A/1.mp3"]),
        (["A/"], ["A/1.mp3", "A/CD 1/2.mp3"]),
        (["B/C/D"], ["B/C/D/4.mp3"]),
        (["B/C/"], ["B/C/D/4.mp3"]),
        (["/"], ["x.mp3", "A/1.mp3", "A/CD 1/2.mp3", "B/3.mp3", "B/C/D/4.mp3"]),
        (["Gone/", "elsewhere"], []),
        ([], []),
    ],
)
def test_a_walk_is_kept_to_some_folders_below_the_given_ones(folders, found, tmp_path):
    library(tmp_path)
    within = Within(
        f"{tmp_path}/{it}".replace("//", "/") if it else str(tmp_path) for it in folders
    )
    assert names(walk([tmp_path], within=within)) == {str(tmp_path / it) for it in found}
    assert not [it for it in walk([tmp_path], within=within) if isinstance(it, Skipped)]


def test_what_is_excluded_stays_so_in_a_folder_that_is_asked_for(tmp_path):
    library(tmp_path)
    (tmp_path / "B/.leantagignore").write_text("C/\n")
    within = Within([f"{tmp_path}/B/C/D", f"{tmp_path}/A"])
    assert names(walk([tmp_path], within=within, exclude=["/A/1.mp3"])) == set()


def test_folders_that_were_given_relative_are_the_same(tmp_path, monkeypatch):
    library(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert names(walk(["."], within=Within([f"{tmp_path}/A"]))) == {"./A/1.mp3"}


# Settling


def test_an_album_is_at_rest_when_nothing_came_into_any_of_its_discs():
    waiting = settling.Settling(10)
    waiting.touch("/m/Album/CD 1", 0)
    waiting.touch("/m/Album/CD 2", 8)
    waiting.touch("/m/Other", 1)
    assert waiting.take(11) == ["/m/Other"]
    assert (waiting.take(17), waiting.due()) == ([], 18)
    assert sorted(waiting.take(18)) == ["/m/Album/CD 1", "/m/Album/CD 2"]
    assert (bool(waiting), waiting.due()) == (False, None)


def test_an_album_that_never_rests_is_done_in_the_end():
    waiting = settling.Settling(1)
    for moment in range(settling.PATIENCE):
        waiting.touch("/m/A", moment)
        assert waiting.take(moment) == []
    assert waiting.take(settling.PATIENCE) == ["/m/A"]


@given(st.lists(st.tuples(FOLDERS, st.floats(0, 100))))
def test_no_folder_is_lost_and_none_comes_twice(touched):
    waiting = settling.Settling(5)
    for folder, moment in sorted(touched, key=lambda it: it[1]):
        waiting.touch(f"/m/{folder}", moment)
    taken = waiting.take(1000)
    assert sorted(taken) == sorted({f"/m/{folder}" for folder, _ in touched})


def test_too_many_folders_are_remembered_as_everything():
    waiting = settling.Settling(1)
    for number in range(settling.MOST_FOLDERS + 10):
        waiting.touch(f"/m/{number}", 0)
    assert waiting.overflowed
    waiting.clear()
    assert (waiting.overflowed, bool(waiting)) == (False, False)


# Looking


def test_a_look_tells_where_music_came_and_nothing_else(tmp_path):
    library(tmp_path)
    look = polling.Look(str(tmp_path))
    assert look.changed() == []
    assert look.changed() == []
    (tmp_path / "A/cover.jpg").write_bytes(b"x")
    (tmp_path / "A/.hidden.mp3").write_bytes(b"x")
    assert look.changed() == []
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/B/\xff.mp3")).write_bytes(b"x")
    (tmp_path / "A/1.mp3").write_bytes(b"longer")
    assert sorted(look.changed()) == [str(tmp_path / "A"), str(tmp_path / "B")]
    assert look.changed() == []


def test_a_share_that_is_gone_for_a_while_is_no_library_that_is_new(tmp_path):
    library(tmp_path / "share")
    look = polling.Look(str(tmp_path / "share"))
    look.changed()
    (tmp_path / "share").rename(tmp_path / "away")
    with pytest.raises(OSError, match="share"):
        look.changed()
    (tmp_path / "away").rename(tmp_path / "share")
    assert look.changed() == []


@pytest.mark.slow
@LINUX
def test_of_fifty_thousand_files_at_once_no_folder_is_lost(tmp_path):
    arrived: set[str] = set()
    lost: list[bool] = []
    events = kernel.KernelEvents(lambda folder, *_: arrived.add(folder), lambda: lost.append(True))
    events.add(str(tmp_path))
    folders = [tmp_path / str(number) for number in range(500)]
    for folder in folders:
        folder.mkdir()
        for number in range(100):
            os.close(os.open(folder / f"{number}.mp3", os.O_CREAT | os.O_WRONLY))
    events.read()
    events.close()
    assert lost or arrived == set(map(str, folders))


@LINUX
def test_a_library_of_too_many_folders_is_not_watched(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel, "MOST_FOLDERS", 3)
    for number in range(5):
        (tmp_path / str(number)).mkdir()
    events = kernel.KernelEvents(lambda *_: None, lambda: None)
    with pytest.raises(kernel.TooManyFoldersError):
        events.add(str(tmp_path))
    events.close()


def test_a_folder_that_was_gone_came_back(tmp_path):
    folder = tmp_path / "share"
    folder.mkdir()
    root = Root(str(folder))
    assert (root.came_back(), root.here) == (False, True)
    folder.rename(tmp_path / "away")
    assert (root.came_back(), root.here) == (False, False)
    (tmp_path / "away").rename(folder)
    assert (root.came_back(), root.here) == (True, True)
    assert root.came_back() is False


@LINUX
def test_a_folder_with_a_mount_in_user_space_inside_is_looked_at(tmp_path):
    disks.have("mkfs.exfat", "mount.exfat-fuse")
    image = disks.make(tmp_path / "image", 16, "mkfs.exfat")
    music = tmp_path / "music"
    music.mkdir()
    assert Root(str(music)).kernel_tells
    how = ("-t", "exfat-fuse", "-o", "loop", image)
    with disks.mounted(*how, at=music / "stick", may_skip=True):
        assert not Root(str(music)).kernel_tells
    (tmp_path / "music 2").mkdir()
    with disks.mounted(*how, at=tmp_path / "music 2" / "stick", may_skip=True):
        assert Root(str(music)).kernel_tells


# Arriving


@LINUX
def test_a_file_that_is_open_to_write_is_still_arriving_however_old(tmp_path):
    song = Path(shutil.copy(DATA / "west.flac", tmp_path))
    assert not arriving.is_arriving(str(song), 0)
    with song.open("ab"):
        assert arriving.is_arriving(str(song), 0)
    assert not arriving.is_arriving(str(song), 0)
    assert arriving.is_arriving(str(song), 3600)
    assert not arriving.is_arriving(str(tmp_path / "gone"), 3600)


def test_a_file_that_changed_just_now_is_left_alone_and_told(tmp_path):
    song = Path(shutil.copy(DATA / "west.flac", tmp_path))
    before = song.read_bytes()
    run = Run("--settle", "3600", song)
    assert (run.code, run.statuses(), song.read_bytes()) == (0, {"west.flac": "skipped"}, before)
    assert run.error("west.flac")[0] == "arriving"


# An end that was set


def test_no_file_is_begun_after_the_end():
    end = datetime.datetime(2026, 1, 2, 6, 0)
    moments = iter([end - datetime.timedelta(minutes=1), end])
    said: list[str] = []
    jobs = [Job(str(number), 1) for number in range(3)]
    outcome = Skipped(path="x", kind="k", message="m")
    done = list(until([outcome, *jobs], end, said.append, now=lambda: next(moments)))
    assert done == [outcome, jobs[0]]
    assert "06:00" in said[0]


@given(st.times(), st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2100, 1, 1)))
def test_the_end_is_within_a_day(clock, now):
    end = next_time(clock, now)
    assert datetime.timedelta() < end - now <= datetime.timedelta(days=1)
    assert end.time() == clock


@thinned("text", ["24:00", "6", "6:0", "", "06:60", "-1:00", "\u0660\u0666:00", "06:00:00"], fast=2)
def test_a_time_of_day_that_is_none_is_refused(text):
    run = Run(f"--until={text}", DATA / "west.flac")
    assert (run.code, "time of day" in run.said) == (2, True)


# A gentle pace


@LINUX
def test_gentle_workers_let_others_go_first(tmp_path):
    for number in range(8):
        shutil.copy(DATA / "skyvibe.mp3", tmp_path / f"{number}.mp3")
    process = subprocess.Popen(
        [sys.executable, "-m", "lean_tagger", "-n", "--pace", "gentle", "--jobs", "1", tmp_path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        assert comes_true(lambda: bool(children(process.pid)), within=60)
        worker = psutil.Process(children(process.pid)[0])
        assert worker.nice() >= 10
        assert worker.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
        most = 0
        while process.poll() is None and worker.is_running():
            try:
                busy = [it for it in worker.threads() if it.user_time + it.system_time > 0.2]
            except psutil.Error:
                break
            most = max(most, len(busy))
            time.sleep(0.2)
        assert most <= 2  # the network's one, and the one that decodes ahead
    finally:
        process.terminate()
        process.wait()
