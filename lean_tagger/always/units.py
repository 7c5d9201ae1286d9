"""Units for systemd: one that watches folders, and one that a timer starts.

The settings are documented in systemd.exec(5), systemd.resource-control(5) and systemd.timer(5);
the tests check them with ``systemd-analyze verify``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MARGIN_BYTES = 128 * 1024**2
"""Memory above the budget, for the waiting process and pages of files that are read."""

WATCH, ONCE, TIMER = "lean-tag-watch.service", "lean-tag.service", "lean-tag.timer"

_FILTERS = """\
NoNewPrivileges=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @obsolete @keyring
SystemCallFilter=@chown
SystemCallErrorNumber=EPERM
"""
"""Everything that a user's own manager can do without a user namespace. (In one, files of a second
group would belong to nobody.) A copy has to keep the file's group, so ``@chown`` is allowed."""

_SANDBOX = """\
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RemoveIPC=yes
AmbientCapabilities=
KeyringMode=private
"""

_NETWORK = "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
_NO_NETWORK = "RestrictAddressFamilies=AF_UNIX\n"
_ALONE = "PrivateNetwork=yes\nIPAddressDeny=any\n"
_OF_ROOT = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER"  # to keep files with their owners


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a unit does, as which user, and where.

    Attributes
    ----------
    program : sequence of str
        The command and its first arguments, by absolute path.
    options, paths : sequence of str
        Arguments of ``lean-tag``; the paths are absolute folders.
    budget_bytes : int
        Budget of a run.
    writable : sequence of str
        Folders apart from the music that are written: the journal's.
    environment : mapping
        Variables with the paths of these folders.
    system : bool
        For the whole machine, not for the user who logs in.
    user : str
        For a system unit: the owner of the music.
    network : bool
        Whether players are told.
    """

    program: Sequence[str]
    options: Sequence[str]
    paths: Sequence[str]
    budget_bytes: int
    writable: Sequence[str]
    environment: Mapping[str, str]
    system: bool
    user: str = ""
    network: bool = False


def units(service: Service) -> dict[str, str]:
    """Return the text of each unit, by file name."""
    target = "multi-user.target" if service.system else "default.target"
    watch = _service(
        service,
        "Tag music as it arrives",
        ("watch", *service.options),
        "Type=exec\nRestart=on-failure\nRestartSec=60\n",
    )
    once = _service(
        service,
        "Tag music that has no genre yet",
        ("tag", "--pace", "gentle", "--quiet", *service.options),
        "Type=oneshot\nSuccessExitStatus=1\n",  # some failed files are no reason for an alarm
    )
    return {
        WATCH: f"{watch}\n[Install]\nWantedBy={target}\n",
        ONCE: once,
        TIMER: _TIMER,
    }


_TIMER = f"""\
[Unit]
Description=Tag new music every night

[Timer]
OnCalendar=*-*-* 03:00
RandomizedDelaySec=30min
Persistent=yes
Unit={ONCE}

[Install]
WantedBy=timers.target
"""


def quoted(text: str) -> str:
    """Return text as one word of a unit, also with bytes that are not UTF-8."""
    plain = all((it.isalnum() and it.isascii()) or it in "/._-+=:,@" for it in text)
    if plain and text:
        return text
    return '"' + "".join(map(_escaped, text.encode("utf-8", "surrogateescape"))) + '"'


def _escaped(byte: int) -> str:
    if byte == 0x25:  # it begins %h and the like
        return "%%"
    if byte < 0x20 or byte > 0x7E or byte in b'"\\':
        return f"\\x{byte:02x}"
    return chr(byte)


def _service(service: Service, what: str, arguments: Sequence[str], kind: str) -> str:
    words = [*service.program, *arguments, "--", *service.paths]
    # In a command, and only there, a dollar sign begins a variable.
    command = " ".join(quoted(it).replace("$", "$$") for it in words)
    after = "After=network-online.target\nWants=network-online.target\n" if service.network else ""
    mounts = " ".join(map(quoted, service.paths))
    variables = "".join(
        f"Environment={quoted(f'{name}={value}')}\n" for name, value in service.environment.items()
    )
    return (
        f"[Unit]\nDescription={what}\nRequiresMountsFor={mounts}\n{after}\n"
        f"[Service]\n{kind}ExecStart={command}\n"
        f"{_identity(service)}{variables}{_limits(service)}{_FILTERS}"
        f"{_NETWORK if service.network else _NO_NETWORK}{_sandbox(service)}"
    )


def _sandbox(service: Service) -> str:
    """Return the settings that only the machine's manager can apply."""
    if not service.system:
        return ""
    writable = " ".join(map(quoted, (*service.paths, *service.writable)))
    capabilities = _OF_ROOT if service.user in ("root", "0") else ""
    return (
        f"{_SANDBOX}CapabilityBoundingSet={capabilities}\nReadWritePaths={writable}\n"
        f"{'' if service.network else _ALONE}"
    )


def _identity(service: Service) -> str:
    """Return the user of the unit; a user's own unit needs none."""
    if not service.system:
        return "EnvironmentFile=-%E/lean-tag/environment\n" if service.network else ""
    secrets = "EnvironmentFile=-/etc/lean-tag/environment\n" if service.network else ""
    return (
        f"User={service.user}\nUMask=0022\nStateDirectory=lean-tag\nCacheDirectory=lean-tag\n"
        f"{secrets}"
    )


def _limits(service: Service) -> str:
    return (
        f"MemoryMax={service.budget_bytes + MARGIN_BYTES}\nMemorySwapMax=0\n"
        "OOMPolicy=continue\nTasksMax=128\n"
        "Nice=10\nIOSchedulingClass=idle\nCPUWeight=20\nIOWeight=20\n"
    )
