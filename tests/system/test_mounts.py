"""Which file system a path is on, by made-up tables."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_tagger.system import mounts
from lean_tagger.system.mounts import Mount

TABLE = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
40 27 0:40 / /mnt/nas rw,relatime - nfs4 nas:/export rw,vers=4.2
41 27 0:41 / /mnt/My\\040Music\\134old ro,relatime - cifs //nas/music rw
42 40 0:42 / /mnt/nas/usb rw,relatime - vfat /dev/sda1 ro
43 27 0:43 / /media rw - autofs systemd-1 rw
44 43 0:44 / /media rw - fuse.sshfs me@host: rw
half a line
"""


@pytest.fixture
def table(tmp_path: Path) -> list[Mount]:
    file = tmp_path / "mountinfo"
    file.write_text(TABLE)
    return mounts.table(file)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me/Music", "ext4"),
        ("/proc/1", "proc"),
        ("/mnt/nas", "nfs4"),
        ("/mnt/nas/Music/a.mp3", "nfs4"),
        ("/mnt/nas2/Music", "ext4"),
        ("/mnt/nas/usb/Music", "vfat"),
        ("/mnt/My Music\\old/a.mp3", "cifs"),
        ("/media/x", "fuse.sshfs"),
    ],
)
def test_a_path_is_on_the_nearest_mount_above_it_and_of_two_on_the_later(table, path, kind):
    found = mounts.find(path, table)
    assert found is not None
    assert found.kind == kind


def test_either_option_makes_a_mount_read_only(table):
    read_only = {mount.point for mount in table if mount.read_only}
    assert read_only == {"/mnt/My Music\\old", "/mnt/nas/usb"}


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.rclone", "davfs"),
        *("afs", "ceph", "glusterfs", "fuse.glusterfs", "lustre"),
    ],
)
def test_what_another_machine_keeps_is_on_a_network(kind):
    assert Mount("/", kind, read_only=False).network


@pytest.mark.parametrize(
    "kind", ["ext4", "btrfs", "zfs", "xfs", "tmpfs", "overlay", "vfat", "fuse.mergerfs", "fuseblk"]
)
def test_what_this_machine_keeps_is_not(kind):
    assert not Mount("/", kind, read_only=False).network


@pytest.mark.parametrize(
    ("kind", "keeps"), [("ext4", True), ("nfs4", True), ("exfat", False), ("vfat", False)]
)
def test_where_files_have_no_number_of_their_own_is_known(kind, keeps):
    assert Mount("/music", kind, read_only=False).keeps_inodes is keeps


def test_where_nothing_is_known_nothing_is_said(tmp_path):
    assert mounts.table(tmp_path / "missing") == []
    assert mounts.find("/anything", []) is None


@given(st.binary(max_size=200))
def test_no_table_can_raise(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("mounts") / "mountinfo"
    file.write_bytes(content + b"\n1 2 0:3 / /\xff rw - ext4 x rw\n")
    assert mounts.table(file)[-1].kind == "ext4"


def test_this_machine_s_own_root_is_found():
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("needs /proc")
    assert mounts.find("/", mounts.table()) is not None
