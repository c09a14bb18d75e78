# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guest trees: the files of tests/guests/*.yml as a directory that the real probe.sh and apply.sh run on.

A :class:`Tree` is a root directory with stand-ins for the guest's commands. Scripts run with ROOT set to it and a PATH that
holds the stand-ins and harmless tools only, so that nothing of the machine that runs the tests can be reached by name;
where the tests run as root, the rest of the file system is read-only to them besides. tests/guests/README.md describes
the format.
"""

from __future__ import annotations

import atexit
import ctypes
import fnmatch
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.assess import assess
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import REMEDIABLE, Finding, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Plan, make_plan
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import Policy, resolve_policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.receipts import ApplyOutput, parse_apply, receipts
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS, RECOMMENDATIONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import parse
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import probe_payload
from ansible_collections.vmguest.linux.tests.unit import tuned_daemon
from ansible_collections.vmguest.linux.tests.unit.boot_image import boot_image

GUESTS = Path(__file__).resolve().parent.parent / "guests"
COMMANDS = GUESTS / "commands"
NONCE = "0123456789abcdef0123456789abcdef"
#: Where a tree keeps what is no file of the guest: stand-ins, packages to install, what systemd has loaded.
STATE = ".state"
#: The day on which every test runs.
TODAY = date(2026, 11, 24)
SHELLS = ("dash", "bash", "busybox", "mksh")

#: Programs of the machine that a guest's shell finds: they do what they are told to named files, and nothing else.
TOOLS = [
    "[",
    "awk",
    "base64",
    "basename",
    "bzip2",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cksum",
    "cmp",
    "comm",
    "cp",
    "cut",
    "date",
    "diff",
    "dirname",
    "du",
    "egrep",
    "env",
    "expr",
    "false",
    "fgrep",
    "find",
    "getopt",
    "grep",
    "gzip",
    "head",
    "id",
    "join",
    "kill",
    "ln",
    "ls",
    "lz4",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "nice",
    "nl",
    "nohup",
    "od",
    "paste",
    "printf",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "setsid",
    "sha1sum",
    "sha256sum",
    "sleep",
    "sort",
    "stat",
    "tail",
    "tar",
    "tee",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "truncate",
    "tty",
    "uniq",
    "wc",
    "which",
    "whoami",
    "xargs",
    "xz",
    "zstd",
]

#: Commands that would change the machine: no shell of a tree may find any but a stand-in.
DANGEROUS = frozenset(
    [
        "apt",
        "apt-get",
        "blockdev",
        "chattr",
        "chkconfig",
        "dd",
        "dnf",
        "dpkg",
        "dpkg-query",
        "ethtool",
        "dracut",
        "fallocate",
        "grub-mkconfig",
        "grub-script-check",
        "grub2-mkconfig",
        "grub2-script-check",
        "grubby",
        "halt",
        "initctl",
        "insmod",
        "insserv",
        "losetup",
        "mkinitramfs",
        "mkinitrd",
        "mkswap",
        "modprobe",
        "mount",
        "poweroff",
        "reboot",
        "restorecon",
        "rmmod",
        "rpm",
        "service",
        "setfacl",
        "setfattr",
        "shutdown",
        "start",
        "stop",
        "swapoff",
        "swapon",
        "sync",
        "sysctl",
        "systemctl",
        "tdnf",
        "telinit",
        "umount",
        "update-grub",
        "update-initramfs",
        "update-rc.d",
        "udevadm",
        "udevtrigger",
        "vmware-uninstall-tools.pl",
        "vmware-config-tools.pl",
        "yum",
        "zypper",
    ]
)


# ---- what a guest is -------------------------------------------------------------------------------------------------


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``base``: mappings key by key, lists one after the other, all else replaced; a null takes out what
    was inherited."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _merged(result[key], value)
        elif isinstance(value, Mapping):
            result[key] = _merged({}, value)
        elif isinstance(value, list):
            result[key] = [*result.get(key, []), *value]
        else:
            result[key] = value
    return result


@cache
def _read(name: str) -> dict[str, Any]:
    """One file of tests/guests on top of those it inherits, in their order."""
    own = yaml.safe_load((GUESTS / name).read_text(encoding="utf-8"))
    result: dict[str, Any] = {}
    for base in own.get("inherits", []):
        result = _merged(
            result,
            {key: value for key, value in _read(base).items() if key not in ("name", "about", "origin", "variants")},
        )
    result = _merged(result, {key: value for key, value in own.items() if key not in ("inherits", "variants")})
    # Variants stay as they are written: their nulls take out what the guest has.
    return {**result, "variants": own.get("variants", {})}


@dataclass(frozen=True)
class Guest:
    """A guest, or a variant of one, as its file describes it."""

    name: str
    variant: str
    data: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name}-{self.variant}"

    @property
    def expect(self) -> Mapping[str, str]:
        """Status of each recommendation, at the first audit."""
        if "expect_all" in self.data:
            return dict.fromkeys(RECOMMENDATIONS, self.data["expect_all"])
        return self.data.get("expect", {})  # type: ignore[no-any-return]

    @property
    def after(self) -> Mapping[str, str]:
        """Status after everything was enforced, where it is not what the first audit and the remedies promise."""
        return self.data.get("after", {})  # type: ignore[no-any-return]

    @property
    def variables(self) -> Mapping[str, Any]:
        """Variables that the variant sets, beside the test's own."""
        return self.data.get("variables", {})  # type: ignore[no-any-return]

    def edited(self, edits: Mapping[str, Any], variant: str = "edited") -> Guest:
        """The guest with further edits, in the format of a variant."""
        return replace(self, data=_merged(self.data, edits), variant=variant)


def is_remedied(guest: Guest) -> bool:
    """Whether the whole loop is run on a guest: not on a variant that is told by nothing that can be remedied. What would be
    remedied there is what its base has."""
    if guest.variant == "base":
        return True
    own = _read(f"{guest.name}.yml")["variants"][guest.variant]
    return "after" in own or any(Status(status) in REMEDIABLE for status in own.get("expect", {}).values())


def names() -> list[str]:
    """All guests, without the bases."""
    return sorted(path.stem for path in GUESTS.glob("[!_]*.yml"))


def variants(name: str) -> list[str]:
    """A guest's variants, ``base`` (as the distribution ships it) first."""
    return ["base", *_read(f"{name}.yml")["variants"]]


def load(name: str, variant: str = "base") -> Guest:
    """A guest by the name of its file; :raises KeyError: for a variant that it has not."""
    data = {key: value for key, value in _read(f"{name}.yml").items() if key != "variants"}
    if variant != "base":
        data = _merged(data, _read(f"{name}.yml")["variants"][variant])
    return Guest(name, variant, data)


def every_guest() -> list[Guest]:
    """All guests in all variants."""
    return [load(name, variant) for name in names() for variant in variants(name)]


# ---- a guest as a directory ------------------------------------------------------------------------------------------


@dataclass
class Tree:
    """A guest as a directory. ``root`` is the guest's ``/``."""

    guest: Guest
    root: Path
    runs: int = 0

    @property
    def state(self) -> Path:
        """What is no file of the guest."""
        return self.root / STATE

    def path(self, name: str) -> Path:
        """A path of the guest as a path of the machine."""
        return self.root / name.lstrip("/")

    def read(self, name: str) -> str:
        """A file of the guest."""
        return self.path(name).read_text(encoding="utf-8", errors="surrogateescape")

    def write(self, name: str, text: str) -> None:
        """Write a file of the guest, with the directories above it."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")

    def call(self, command: str, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Call a stand-in by hand."""
        program = [str(self.state / "bin" / command), *words]
        return subprocess.run(program, capture_output=True, check=False, stdin=subprocess.DEVNULL)

    @property
    def calls(self) -> list[str]:
        """Every call of a stand-in so far, as one line."""
        log = self.state / "calls"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def _lines(text: object) -> str:
    """A text of a guest file with the line end that YAML's short forms leave out."""
    text = str(text)
    return text if not text or text.endswith("\n") else text + "\n"


def put(directory: Path, data: Mapping[str, Any]) -> None:
    """Directories, links, files and modes of a guest (or of a package) below ``directory``."""
    for path in data.get("directories", []):
        (directory / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    for path, target in data.get("links", {}).items():
        place = directory / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    for path, text in data.get("files", {}).items():
        place = directory / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        # GRUB's environment block is always of this size (grub-core/lib/envblk.c).
        text = _lines(text).ljust(1024, "#") if place.name == "grubenv" else _lines(text)
        place.write_text(text, encoding="utf-8", errors="surrogateescape")
    for path, mode in data.get("modes", {}).items():
        (directory / path.lstrip("/")).chmod(int(str(mode), 8))


def _answers(name: str, answers: object) -> str:
    """The body of a stand-in that only answers: one text for every call, or texts by what the arguments match."""
    cases = answers if isinstance(answers, Mapping) else {"*": answers}
    body = ["case $* in"]
    for pattern, answer in sorted(cases.items(), key=lambda case: ("*" in str(case[0]), str(case[0]))):
        # Blanks in a pattern are quoted, its wildcards are not.
        glob = "".join(char if char in "*?[]" else shlex.quote(char) for char in str(pattern)) or "''"
        status = answer.get("status", 0) if isinstance(answer, Mapping) else 0
        text = answer.get("output", "") if isinstance(answer, Mapping) else answer
        body.append(f"{glob}) printf '%s' {shlex.quote(_lines(text or ''))}; exit {status} ;;")
    body.append(f'*) echo {shlex.quote(name)}: no answer for these arguments: "$*" >&2; exit 99 ;;')
    body.append("esac")
    return "\n".join(body)


def _install(directory: Path, name: str, root: Path, body: str) -> None:
    """A stand-in: it knows its tree, logs its call and does what its body says, with the machine's own tools."""
    state = root / STATE
    script = directory / name
    script.write_text(
        "#!/bin/sh\n"
        f"ROOT={shlex.quote(str(root))} STATE={shlex.quote(str(state))} NAME0={shlex.quote(name)}\n"
        "PATH=/usr/bin:/bin LC_ALL=C; export PATH LC_ALL\n"
        f'printf \'%s\\n\' "{name} $*" >>"$STATE/calls"\n'
        f"{_KILL_POINT}kill_point\n{body}\n",
        encoding="utf-8",
    )
    script.chmod(0o755)


#: Shell text that counts down STATE/kill, and at zero kills the whole run, children and all, as a power failure does. Two
#: commands of a pipeline may come at once: then one finds the file empty for a moment.
_KILL_POINT = """
kill_point() {
    kill_left=
    while [ -z "$kill_left" ]; do
        { read -r kill_left <"$STATE/kill"; } 2>/dev/null || [ -e "$STATE/kill" ] || return 0
    done
    echo $((kill_left - 1)) >"$STATE/kill"
    [ "$kill_left" -ne 1 ] || kill -9 0
}
"""


@cache
def _program(name: str) -> str:
    return (COMMANDS / f"{name}.sh").read_text(encoding="utf-8")


def _package(root: Path, name: str, package: Mapping[str, Any], dpkg: bool) -> None:
    """A package that can be installed; what is installed from the start is also in the tree."""
    store = root / STATE / "packages" / name
    for part in ("tree", "bin"):
        (store / part).mkdir(parents=True)
    (store / "version").write_text(f"{package['version']}\n", encoding="utf-8")
    (store / "starts").write_text("".join(unit + "\n" for unit in package.get("starts", [])), encoding="utf-8")
    (store / "requires").write_text("".join(other + "\n" for other in package.get("requires", [])), encoding="utf-8")
    (store / "conffiles").write_text("".join(path + "\n" for path in package.get("conffiles", [])), encoding="utf-8")
    put(store / "tree", package)
    if "kernel" in package:
        _kernel(store / "tree", package["kernel"]["release"], package["kernel"])
        (store / "kernel").write_text(f"{package['kernel']['release']}\n", encoding="utf-8")
    if "older" in package:
        (store / "older").write_text(f"{package['older']}\n", encoding="utf-8")
    for command, answers in package.get("commands", {}).items():
        _install(store / "bin", command, root, _answers(command, answers))
    for command, program in package.get("programs", {}).items():
        _install(store / "bin", command, root, _program(program))
    if dpkg:
        (store / "stanza").write_text(
            f"Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: admin\nArchitecture: amd64\n"
            f"Version: {package['version']}\nDescription: {package.get('about', name)}\n\n",
            encoding="utf-8",
        )
    status = {"installed": "install ok installed", "config": "deinstall ok config-files"}
    mark = "installed" if package.get("installed") else "config" if package.get("configuration_left") else None
    if mark is None:
        return
    (store / mark).touch()
    if dpkg:
        (root / "var/lib/dpkg").mkdir(parents=True, exist_ok=True)
        with open(root / "var/lib/dpkg/status", "a", encoding="utf-8") as known:
            known.write((store / "stanza").read_text(encoding="utf-8").replace(status["installed"], status[mark]))
    if mark == "installed":
        put(root, package)
        for command in (store / "bin").iterdir():
            shutil.copy2(command, root / STATE / "bin")


#: Modules of disk controllers that a tree's kernel has, to those that they need.
BOOT_MODULES: dict[str, tuple[str, ...]] = {
    "scsi_mod": (),
    "sd_mod": ("scsi_mod",),
    "vmw_pvscsi": ("scsi_mod",),
    "scsi_transport_spi": ("scsi_mod",),
    "mptbase": (),
    "mptscsih": ("mptbase", "scsi_mod"),
    "mptspi": ("mptscsih", "scsi_transport_spi", "mptbase", "scsi_mod"),
    "nvme_core": (),
    "nvme": ("nvme_core",),
}
#: Those that only VMware Tools bring.
TOOLS_MODULES: dict[str, tuple[str, ...]] = {"pvscsi": ("scsi_mod",)}


def _kernel(root: Path, release: str, kernel: Mapping[str, Any]) -> None:
    """A kernel in /boot, the drivers of disk controllers among its modules, and its image."""
    (root / "boot").mkdir(exist_ok=True)
    (root / f"boot/vmlinuz-{release}").write_text(f"kernel {release}\n", encoding="utf-8")
    folder = root / "lib/modules" / release
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / "modules.dep"
    old = listing.read_text(encoding="utf-8") if listing.exists() else ""
    has = str(kernel.get("has", " ".join(BOOT_MODULES))).split()
    # Before 2.6.29 modules.dep has whole paths.
    start, suffix = f"/lib/modules/{release}/" if kernel.get("nash") else "", kernel.get("suffix", ".ko")
    needs = {**BOOT_MODULES, **TOOLS_MODULES}
    files = {name: f"{'misc' if name in TOOLS_MODULES else 'kernel/drivers/scsi'}/{name}{suffix}" for name in has}
    lines = "".join(
        f"{start}{files[name]}: {' '.join(start + files[need] for need in needs[name])}\n"
        for name in has
        if f"/{name}.ko" not in old
    )
    listing.write_text(old + lines, encoding="utf-8")
    if "image" in kernel:
        held = [need for name in str(kernel["holds"]).split() for need in (*needs[name], name)]
        data = boot_image(
            {name: files.get(name, f"kernel/{name}{suffix}") for name in dict.fromkeys(held)},
            release,
            form=kernel.get("form", "gzip"),
            early=kernel.get("early", False),
            nash=kernel.get("nash", False),
        )
        if kernel.get("damaged"):
            data = data[:-20]
        image = root / str(kernel["image"]).lstrip("/")
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(data)
        image.chmod(0o600)


def materialise(guest: Guest, directory: Path) -> Tree:
    """Make ``directory`` (created, must be empty) the root of the guest."""
    directory.mkdir(parents=True, exist_ok=True)
    root = directory.resolve()
    state = root / STATE
    for part in ("bin", "tools", "packages", "systemd/active", "systemd/loaded", "services"):
        (state / part).mkdir(parents=True)
    data = guest.data
    for place, target in data.get("links", {}).items():
        # Links first: packages install through them (/lib is usr/lib).
        (root / place.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        (root / place.lstrip("/")).symlink_to(target)
    for name, package in data.get("packages", {}).items():
        _package(root, name, package, "dpkg-query" in data.get("programs", {}))
    put(root, {key: value for key, value in data.items() if key != "links"})
    for release, kernel in data.get("kernels", {}).items():
        _kernel(root, str(release), kernel)

    missing = set(data.get("no_tools", []))
    for tool in TOOLS:
        found = shutil.which(tool, path="/usr/bin:/bin")
        if found and tool not in missing:
            (state / "tools" / tool).symlink_to(found)
    (state / "filesystems").write_text(
        "".join(
            f"{mount} {fs['device']} {fs['type']} {fs['kib']} {fs['free_kib']}\n"
            for mount, fs in data.get("filesystems", {}).items()
        ),
        encoding="utf-8",
    )
    for command, program in data.get("programs", {}).items():
        _install(state / "bin", command, root, _program(program))
    for command, answers in data.get("commands", {}).items():
        _install(state / "bin", command, root, _answers(command, answers))

    for path, command in data.get("made", {}).items():
        made = Tree(guest, root).call(command)
        assert not made.returncode, made.stderr
        (root / path.lstrip("/")).write_bytes(made.stdout)
    (state / "calls").unlink(missing_ok=True)
    units = data.get("systemd", {})
    (state / "systemd" / "version").write_text(f"{units.get('version', 0)}\n", encoding="utf-8")
    tree = Tree(guest, root)
    if units:
        _boot_systemd(tree, first=True)
    for service, process in data.get("services", {}).items():
        (state / "daemons").mkdir(exist_ok=True)
        (state / "daemons" / service).write_text(f"{process}\n", encoding="utf-8")
        if service not in data.get("stopped_services", []):
            tree.call("service", service, "start")
    _keep_boot_values(tree)
    return tree


# ---- systemd, as far as files tell -----------------------------------------------------------------------------------


def _load_units(tree: Tree) -> None:
    """What a daemon-reload does: the unit files as they are now are those that systemd knows."""
    loaded = tree.state / "systemd" / "loaded"
    shutil.rmtree(loaded)
    loaded.mkdir()
    for directory in ("etc/systemd", "usr/lib/systemd", "lib/systemd", "usr/local/lib/systemd", "run/systemd"):
        source = tree.root / directory
        if source.is_dir() and not (tree.root / directory.split("/", maxsplit=1)[0]).is_symlink():
            shutil.copytree(source, loaded / directory, symlinks=True, ignore=shutil.ignore_patterns(".*"))
    if (tree.root / "lib").is_symlink():
        (loaded / "lib").symlink_to("usr/lib")


def _boot_systemd(tree: Tree, first: bool = False) -> None:
    """What runs after a boot: all that is wanted by a target, and is not masked. ``first``: then what somebody started or
    stopped by hand, as the guest's file says."""
    _load_units(tree)
    active = tree.state / "systemd" / "active"
    for unit in list(active.iterdir()):
        unit.unlink()
    for base in ("etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"):
        for pattern in ("*.wants/*", "*.requires/*"):
            for link in (tree.root / base).glob(pattern):
                own = os.readlink(link).rsplit("/", 1)[-1] if link.is_symlink() else link.name
                mask = tree.path(f"/etc/systemd/system/{own}")
                if not (mask.is_symlink() and os.readlink(mask) == "/dev/null"):
                    (active / own).touch()
    crash = tree.path("/sys/kernel/kexec_crash_loaded")
    if not first and crash.exists() and "crashkernel=" in tree.read("/proc/cmdline"):
        crash.write_text(f"{int((active / 'kdump.service').exists())}\n", encoding="utf-8")
    for unit in tree.guest.data["systemd"].get("stopped", []) if first else ():
        (active / unit).unlink(missing_ok=True)
    for unit in tree.guest.data["systemd"].get("started", []) if first else ():
        (active / unit).touch()


# ---- boot ------------------------------------------------------------------------------------------------------------

_UDEV_WORD = re.compile(r'(?P<key>\w+)(?:\{(?P<name>[^}]*)\})?\s*(?P<operator>==|!=|\+?=)\s*"(?P<value>[^"]*)"')


def chosen(known: str, word: str) -> str | None:
    """What a kernel file that offers a choice (``[mq-deadline] none``) holds after ``word`` was written; None: it refuses."""
    names = [name.strip("[]") for name in known.split()]
    if word not in names:
        return None
    return " ".join(f"[{name}]" if name == word else name for name in names) + "\n"


def _keep_boot_values(tree: Tree) -> None:
    for top in ("proc", "sys"):
        shutil.copytree(tree.root / top, tree.state / "boot" / top, symlinks=True)


def reboot(tree: Tree) -> None:
    """Switch the guest off and on: what is not configured is gone.

    Kernel files get the values that they had at first, sysctls the kernel's own; the kernel is the menu's first, and nothing waits
    for a reboot any more. Then, as far as these simple trees need it:
    sysctls, our lines of tmpfiles.d and of local scripts are set, our rule files in /etc/udev/rules.d set the disks' queues, the
    balloon driver loads unless modprobe.d forbids it, swap files of fstab are turned on, wanted units run, tuned sets what its
    profile says. More than that it does not know.
    """
    for top in ("proc", "sys"):
        shutil.rmtree(tree.root / top)
        shutil.copytree(tree.state / "boot" / top, tree.root / top, symlinks=True)
    for mark in ("reboot-required", "reboot-required.pkgs"):
        tree.path(f"/run/{mark}").unlink(missing_ok=True)
    _start_kernel(tree)
    _set_sysctls(tree)
    _obey_tmpfiles_and_local_scripts(tree)
    _pass_arguments(tree)
    for rules in sorted(tree.path("/etc/udev/rules.d").glob("*vmguest*.rules")):
        for line in rules.read_text(encoding="utf-8").replace("\\\n", "").splitlines():
            _obey_rule(tree, line)
    for path in ("/etc/modprobe.d", "/etc/modules-load.d"):
        tree.path(path).mkdir(parents=True, exist_ok=True)
    autoload = tree.guest.data.get("autoload", [])
    for module in autoload:
        tree.call("modprobe", "-b", module)
    fstab = tree.path("/etc/fstab")
    if fstab.exists() and re.search(r"^/\S+\s+\S+\s+swap\s", fstab.read_text(encoding="utf-8"), re.MULTILINE):
        tree.call("swapon", "-a")
    if tree.guest.data.get("systemd"):
        _boot_systemd(tree)
        if (tree.state / "systemd/active/tuned.service").exists():
            tuned_daemon.start(tree.root)
    for meta in tree.path("/var/lib/vmguest/receipts").glob("*/meta"):
        meta.write_text(
            re.sub("^boot=.*$", "boot=an earlier one", meta.read_text("utf-8"), flags=re.MULTILINE), "utf-8"
        )


#: What the kernel has before anybody sets it.
SYSCTL_DEFAULTS = {
    "net.ipv4.tcp_congestion_control": "cubic",
    "vm.dirty_background_ratio": "10",
    "vm.dirty_ratio": "20",
    "vm.nr_hugepages": "0",
    "vm.overcommit_memory": "0",
    "vm.overcommit_ratio": "50",
    "vm.swappiness": "60",
}


def _set_sysctls(tree: Tree) -> None:
    """What systemd-sysctl does; elsewhere a boot script, which knows drop-ins or only /etc/sysctl.conf."""
    named: dict[str, Path] = {}
    for folder in ("lib", "usr/lib", "usr/local/lib", "run", "etc"):
        for file in tree.path(f"{folder}/sysctl.d").glob("*.conf"):
            named[file.name] = file
    files = [named[name] for name in sorted(named)]
    if not tree.guest.data.get("systemd"):
        functions = tree.path("/etc/init.d/functions")
        knows_drop_ins = functions.exists() and "sysctl.d" in functions.read_text(encoding="utf-8")
        files = [*(files if knows_drop_ins else ()), tree.path("/etc/sysctl.conf")]
    lines = [line for file in files if file.is_file() for line in file.read_text(encoding="utf-8").splitlines()]
    for key, value in [*SYSCTL_DEFAULTS.items(), *(line.split("=", 1) for line in lines if "=" in line)]:
        file = tree.path("/proc/sys/" + key.strip().replace(".", "/"))
        if file.exists() and not key.lstrip().startswith(("#", ";")):
            file.write_text(f"{value.strip()}\n", encoding="utf-8")
            twin = re.sub(r"(_ratio|_bytes)\Z", lambda end: {"_ratio": "_bytes"}.get(end[0], "_ratio"), file.name)
            if file.name.startswith("dirty_") and twin != file.name and file.with_name(twin).exists():
                file.with_name(twin).write_text("0\n", encoding="utf-8")


def _obey_tmpfiles_and_local_scripts(tree: Tree) -> None:
    """``w FILE - - - - WORD`` of our files in tmpfiles.d, ``echo WORD >FILE`` of the scripts that run last at boot."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(tree.path("/etc/tmpfiles.d").glob("*vmguest*"))]
    scripts = [tree.path(name) for name in ("/etc/rc.d/rc.local", "/etc/init.d/boot.local")]
    texts += [script.read_text(encoding="utf-8") for script in scripts if script.exists()]
    for text in texts:
        for tmpfiles, word, script in re.findall(r"^w (\S+) - - - - (\w+)$|echo (\w+ >/sys/\S+)", text, re.MULTILINE):
            word, path = (word, tmpfiles) if tmpfiles else script.split(" >")
            file = tree.path(path)
            file.write_text(chosen(file.read_text(encoding="utf-8"), word) or "", encoding="utf-8")


def _start_kernel(tree: Tree) -> None:
    """GRUB 2 starts the first entry of its menu. Where that one's modules are there, it is another kernel than before."""
    for path in ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"):
        menu = tree.read(path) if tree.path(path).is_file() else ""
        first = re.search(r"^\s*linux\S*\s+\S*/vmlinuz-(\S+)", menu, re.MULTILINE)
        if first and tree.path(f"/lib/modules/{first[1]}/modules.dep").is_file():
            tree.write("/proc/sys/kernel/osrelease", f"{first[1]}\n")
        if menu:
            return


def _pass_arguments(tree: Tree) -> None:
    """What the boot loader tells the kernel: the arguments of the entry that boots. By the simplest reading of these trees'
    files that can be right, so that it can differ from the collection's own."""
    text = _arguments(tree)
    if text is None:
        return
    file = tree.path("/proc/cmdline")
    image = [word for word in file.read_text(encoding="utf-8").split() if word.startswith("BOOT_IMAGE=")]
    file.write_text(" ".join([*image, *text.split()]) + "\n", encoding="utf-8")


def _arguments(tree: Tree) -> str | None:
    def lines(path: str) -> list[str]:
        return tree.read(path).splitlines() if tree.path(path).is_file() else []

    variables = dict(
        line.split("=", 1)
        for path in (
            "/boot/grub2/grubenv",
            "/boot/grub/grubenv",
            "/boot/photon.cfg",
            "/boot/systemd.cfg",
            "/boot/user.cfg",
        )
        for line in lines(path)
        if "=" in line
    )
    for path in ("/boot/grub/grub.conf", "/boot/grub/menu.lst"):
        kernels = [line.split(None, 2)[2] for line in lines(path) if line.split()[:1] == ["kernel"]]
        if kernels:
            return kernels[0]  # every tree has default 0
    for path in ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"):
        text = lines(path)
        for entry in tree.path("/boot/loader/entries").glob("*.conf") if "blscfg" in text else ():
            if entry.stem == variables.get("saved_entry"):
                options = [
                    line for line in entry.read_text(encoding="utf-8").splitlines() if line.startswith("options ")
                ]
                return _filled(options[0].partition(" ")[2], variables)
        found = [line.split(None, 2)[2] for line in text if re.match(r"\s*linux(16|efi)?\s", line)]
        if found:
            roots = [line.partition("rootpartition=")[2] for line in text if "set rootpartition=" in line]
            return _filled(found[0], {**variables, "rootpartition": "".join(roots)})
    return None


def _filled(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda name: variables.get(name[1], ""), text)


def _obey_rule(tree: Tree, line: str) -> None:
    """One udev rule, for every disk: matches on KERNEL, vendor, model and TEST; assignments to attributes, and the shell's
    writes to the disk's own. An udev before 098 passes over the keys that came with it."""
    words = [] if line.lstrip().startswith("#") else [found.groupdict() for found in _UDEV_WORD.finditer(line)]
    if re.match(r"2\.6\.1[68]\b", tree.path("/proc/sys/kernel/osrelease").read_text(encoding="utf-8")):
        words = [word for word in words if word["key"] not in ("ATTR", "ATTRS", "SUBSYSTEMS", "DRIVERS", "TEST")]
    for disk in tree.path("/sys/block").glob("*") if words else ():
        matches = all(_udev_matches(disk, word) for word in words if word["operator"] in ("==", "!="))
        for word in words if matches else ():
            if word["operator"] == "=" and word["key"] == "ATTR":
                _set_attribute(disk / word["name"], word["value"])
            elif word["operator"] == "+=" and word["key"] == "RUN":
                written = re.fullmatch(r"/bin/sh -c 'echo ([\w-]+) > /sys\$\$DEVPATH/(\S+)'", word["value"])
                assert written, f"the trees' udev runs no {word['value']}"
                _set_attribute(disk / written[2], written[1])


def _set_attribute(file: Path, value: str) -> None:
    """Write a kernel file, which offers a choice or takes a number."""
    old = file.read_text(encoding="utf-8")
    new = chosen(old, value) if "[" in old else value + "\n"
    if new:
        file.write_text(new, encoding="utf-8")


def _udev_matches(disk: Path, word: Mapping[str, str]) -> bool:
    key, name, value = word["key"], word["name"], word["value"]
    if key == "KERNEL":
        actual: str | None = disk.name
    elif key == "SUBSYSTEM":
        actual = "block"
    elif key in ("SUBSYSTEMS", "BUS"):
        actual = "nvme" if disk.name.startswith("nvme") else "scsi"
    elif key == "ACTION":
        actual = "add"
    elif key == "ENV" and name == "DEVTYPE":
        actual = "disk"
    elif key == "TEST":
        actual = value if (disk / value).exists() else None
    elif key in ("ATTR", "ATTRS", "SYSFS"):
        files = (
            [disk / name] if key == "ATTR" else [disk / name, disk / "device" / name, disk / "device" / "device" / name]
        )
        actual = next((file.read_text(encoding="utf-8").rstrip("\n") for file in files if file.is_file()), None)
    else:
        raise NotImplementedError(f"the trees' udev knows no {key}")
    alternatives = [fnmatch.translate(pattern) for pattern in value.split("|")]
    matched = actual is not None and any(re.match(pattern, actual) for pattern in alternatives)
    return matched == (word["operator"] == "==")


# ---- running things in a tree ----------------------------------------------------------------------------------------

_CLONE_NEWNS, _MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20000, 1, 32, 4096, 16384, 1 << 18


def _confine(root: str) -> Callable[[], None] | None:
    """For a child process of root: see the machine read-only but for ``root``. None where mounts may not be changed."""
    if os.geteuid() != 0 or not _can_mount():
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    place = root.encode()

    def in_child() -> None:
        if (
            libc.unshare(_CLONE_NEWNS)
            or libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None)
            or libc.mount(place, place, None, _MS_BIND, None)
            or libc.mount(None, b"/", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None)
            or libc.mount(None, b"/proc", None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY, None)
        ):
            raise OSError(ctypes.get_errno(), "the tree could not be confined")

    return in_child


@cache
def _can_mount() -> bool:
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


@cache
def _busybox(applets: frozenset[str]) -> str:
    """A busybox that knows only ``applets`` as its own.

    Debian's prefers its applets to PATH, so that a stand-in named swapon would never be called. In this copy all applets
    but those have a name that nobody asks for. The table of names is sorted, and must stay so.
    """
    source = shutil.which("busybox")
    assert source, "busybox is not installed"
    listed = subprocess.run([source, "--list"], capture_output=True, text=True, check=True).stdout.split()
    table = b"\0".join(name.encode() for name in listed) + b"\0"
    program = Path(source).read_bytes()
    assert program.count(table) == 1, "this busybox keeps its applets in another way: the stand-ins would not be asked"
    renamed = list(listed)
    for at, name in enumerate(listed):
        if name in applets:
            continue
        before = renamed[at - 1] if at else ""
        after = listed[at + 1] if at + 1 < len(listed) else "\x7f"
        others = (name[:-1] + chr(code) for code in range(1, 127))
        renamed[at] = next((other for other in others if before < other < after and other not in listed), name)
    assert not DANGEROUS & set(renamed) - applets
    copy = Path(tempfile.mkdtemp(prefix="vmguest-busybox-")) / "busybox"
    atexit.register(shutil.rmtree, copy.parent, ignore_errors=True)
    copy.write_bytes(program.replace(table, b"\0".join(name.encode() for name in renamed) + b"\0"))
    copy.chmod(0o755)
    return str(copy)


def _shell(tree: Tree, shell: str) -> list[str]:
    """The command line of a shell that reads its script from standard input. It is the tree's ``sh``, too."""
    if shell == "busybox":
        tools = {path.name for path in (tree.state / "tools").iterdir()}
        found: str | None = _busybox(frozenset({"ash", "echo", "sh", *tools}))
    else:
        found = shutil.which(shell)
    assert found, f"{shell} is not installed"
    link = tree.state / "sh" / shell / "sh"
    if not link.exists():
        link.parent.mkdir(parents=True)
        link.symlink_to(found)
    return [found, *(["ash"] if shell == "busybox" else []), "-s"]


def run(tree: Tree, script: str, shell: str = "dash", timeout: int = 60) -> subprocess.CompletedProcess[bytes]:
    """Run a script in a shell of the tree, as the transport does: piped to ``-s``."""
    return subprocess.run(
        _shell(tree, shell),
        input=script.encode("utf-8", "surrogateescape"),
        capture_output=True,
        check=False,
        cwd="/",
        timeout=timeout,
        env={
            "PATH": f"{tree.state / 'bin'}:{tree.state / 'sh' / shell}:{tree.state / 'tools'}",
            "HOME": str(tree.root),
            "TMPDIR": str(tree.path("/tmp")),
            "LC_ALL": "C",
        },
        start_new_session=True,
        preexec_fn=_confine(str(tree.root)),
    )


def probe(tree: Tree, shell: str = "dash") -> Evidence:
    """Run the real probe and parse what it printed."""
    done = run(tree, _probe_payload(str(tree.root)), shell)
    assert not done.stderr, done.stderr.decode("utf-8", "replace")
    return _evidence(done.stdout.decode("utf-8", "surrogateescape"))


@cache
def _probe_payload(root: str) -> str:
    return probe_payload(NONCE, READS, root)


def _evidence(output: str) -> Evidence:
    found = parse(output, NONCE, READS)
    return Evidence(
        found.declared, found.files, found.selections, found.directory_entries, found.commands, found.images
    )


def policy(tree: Tree, variables: Mapping[str, Any] | None = None) -> Policy:
    """The policy of a run: profile ``everything`` where neither the guest nor the test says otherwise."""
    return resolve_policy({"vmguest_profile": "everything", **tree.guest.variables, **(variables or {})}, TODAY)


def audit(tree: Tree, variables: Mapping[str, Any] | None = None, shell: str = "dash") -> dict[str, Finding]:
    """Findings by recommendation, as the audit finds them now."""
    return findings(tree, probe(tree, shell), variables)


def findings(tree: Tree, evidence: Evidence, variables: Mapping[str, Any] | None = None) -> dict[str, Finding]:
    """Findings by recommendation, from evidence that is there already."""
    return {found.recommendation: found for found in assess(evidence, policy(tree, variables))}


#: Put after the functions of apply.sh: a kernel file that offers a choice answers as the kernel does, and refuses others.
#: And nothing waits for the machine's disks.
FAKE_KERNEL = """
sync() { :; }
kernel_write() {
    fake_old=
    { IFS= read -r fake_old <"$1"; } 2>/dev/null
    # Of two sysctls for one amount the kernel sets the other to 0, and takes no 0 for an absolute one.
    case $1 in
    */vm/dirty_*bytes)
        if [ "$2" = 0 ]; then
            echo "write error: Invalid argument" >&2
            return 1
        fi
        echo 0 >"${1%bytes}ratio"
        ;;
    */vm/dirty_*ratio) echo 0 >"${1%ratio}bytes" ;;
    esac
    case $fake_old in
    *\\[*\\]*)
        fake_new= fake_found=
        for fake_word in $fake_old; do
            fake_word=${fake_word#\\[}
            fake_word=${fake_word%\\]}
            if [ "$fake_word" = "$2" ]; then
                fake_new="$fake_new [$fake_word]" fake_found=1
            else
                fake_new="$fake_new $fake_word"
            fi
        done
        if [ -z "$fake_found" ]; then
            echo "write error: Invalid argument" >&2
            return 1
        fi
        printf "%s\\n" "${fake_new# }" >"$1"
        ;;
    *) printf "%s\\n" "$2" >"$1" ;;
    esac
}
"""

#: Commands and functions of apply.sh that change something: each is a moment at which the power may go.
MUTATING = ("chgrp", "chmod", "chown", "cp", "ln", "mkdir", "mv", "rm", "rmdir", "sync")
WRITERS = {"put": 'printf "%s" "$2" >"$1"', "fill": 'cat "$1" >"$2"'}


def _kill_points(state: Path) -> str:
    """Shell text that may be cut before every change."""
    lines = [_KILL_POINT.replace("$STATE/kill", f"{state}/kill")]
    lines += [f'{name}() {{ kill_point; command {name} "$@"; }}' for name in MUTATING]
    lines += [f"{name}() {{ kill_point; {body}; }}" for name, body in WRITERS.items()]
    kernel = FAKE_KERNEL.replace("sync() { :; }\n", "").replace("fake_old=\n", "kill_point\n    fake_old=\n", 1)
    return "\n".join(lines) + "\n" + kernel


@dataclass
class Outcome:
    """What one exec of apply.sh did, to a plan or to receipts.

    ``killed`` says that it was cut; then nothing else is known. ``evidence`` is that of the probe that follows in the same
    exec. ``moments`` counts the changes before which it could have been cut.
    """

    killed: bool
    text: str
    output: ApplyOutput = field(default_factory=ApplyOutput)
    evidence: Evidence | None = None
    moments: int = 0

    @property
    def results(self) -> dict[str, str]:
        """Recommendation to how its transaction ended: done, undone, refused, undo_failed. Groups are left out."""
        return {
            outcome.recommendation: outcome.result
            for outcome in self.output.outcomes
            if outcome.recommendation in RECOMMENDATIONS
        }

    @property
    def problems(self) -> list[str]:
        """Every transaction, recovery and revert that did not end well, in its own words."""
        return [
            *(
                f"{entry.recommendation}: {entry.result}: {entry.reason} {entry.detail}"
                for entry in self.output.outcomes
                if entry.result != "done"
            ),
            *(entry for entry in self.output.recovered if entry.split(" ")[1] not in ("undone", "finished")),
            *(" ".join(entry) for entry in self.output.reverted if entry[2] != "done"),
            *(text for text in (self.output.locked, self.output.refused) if text),
        ]


def execute(
    tree: Tree,
    payload: Callable[..., str],
    what: Sequence[Any],
    shell: str = "dash",
    kill_at: int | None = None,
    then_probe: bool = True,
) -> Outcome:
    """Send a plan's transactions (``apply_payload``) or receipts (``revert_payload``) to the guest.

    ``kill_at`` cuts it, as a power failure would, before its n-th change (from 1). ``then_probe``: as the collection does
    in the same exec; some tests have no use for it.
    """
    tree.runs += 1
    kill = tree.state / "kill"
    if kill_at is not None:
        kill.write_text(f"{kill_at}\n", encoding="utf-8")
    extra = FAKE_KERNEL if kill_at is None else _kill_points(tree.state)
    script = payload(
        NONCE, f"run{tree.runs}", "2026-11-24T00:00:00Z", what, READS if then_probe else (), str(tree.root), extra
    )
    done = run(tree, script, shell)
    text = done.stdout.decode("utf-8", "surrogateescape")
    left = int(kill.read_text(encoding="utf-8") or 0) if kill.exists() else 0
    kill.unlink(missing_ok=True)
    if done.returncode == -signal.SIGKILL:
        return Outcome(True, text)
    assert not done.stderr, f"{done.stderr.decode('utf-8', 'replace')}\n{text}"
    evidence = _evidence(text) if then_probe else None
    return Outcome(False, text, parse_apply(text, NONCE), evidence, (kill_at or 0) - left)


def plan_of(tree: Tree, variables: Mapping[str, Any] | None = None, shell: str = "dash") -> Plan:
    """What check mode shows and apply does."""
    return make_plan(list(audit(tree, variables, shell).values()))


def apply(
    tree: Tree, variables: Mapping[str, Any] | None = None, shell: str = "dash", kill_at: int | None = None
) -> Outcome:
    """Probe, plan and apply, as ``guest_remediate`` does: what a cut run left is recovered before anything is planned."""
    evidence = probe(tree, shell)
    if any(receipt.interrupted for receipt in receipts(evidence)):
        recovered = execute(tree, apply_payload, (), shell)
        assert recovered.problems == []
        assert recovered.evidence is not None
        evidence = recovered.evidence
    plan = make_plan(list(findings(tree, evidence, variables).values()))
    return execute(tree, apply_payload, plan.transactions, shell, kill_at)


def revert(tree: Tree, names: Sequence[str] | None = None, shell: str = "dash", kill_at: int | None = None) -> Outcome:
    """Undo receipts by name, in that order; all that can be, newest first, where ``names`` is None."""
    if names is None:
        names = [receipt.name for receipt in reversed(receipts(probe(tree, shell))) if receipt.revertable]
    return execute(tree, revert_payload, names, shell, kill_at)


# ---- comparing -------------------------------------------------------------------------------------------------------

#: What an undone remedy may leave: receipts. And what is no file of the guest; but what runs, and which unit files systemd
#: has loaded, is its state as much as its files are.
NOT_COMPARED = (
    "/var/lib/vmguest",
    *(f"/{STATE}/{part}" for part in ("bin", "boot", "daemons", "packages", "sh", "tools")),
)
NOT_OF_THE_GUEST = re.compile(rf"/{STATE}(/[^/]*|/systemd/version)\Z")


def snapshot(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Every path of the guest to its kind, mode, owner, and content or target; times are left out."""
    found: dict[str, tuple[str, ...]] = {}
    for folder, directories, files in os.walk(tree.root):
        at = folder[len(str(tree.root)) :]
        directories[:] = [name for name in directories if f"{at}/{name}" not in NOT_COMPARED]
        for name in [*directories, *files]:
            path = f"{at}/{name}"
            if NOT_OF_THE_GUEST.match(path):
                continue
            status = os.lstat(os.path.join(folder, name))
            what = stat.filemode(status.st_mode), f"{status.st_uid}:{status.st_gid}"
            if stat.S_ISLNK(status.st_mode):
                found[path] = (*what, os.readlink(os.path.join(folder, name)))
            elif stat.S_ISREG(status.st_mode):
                with open(os.path.join(folder, name), "rb") as file:
                    # Swap files are large and sparse: their first page and their size tell.
                    content = file.read() if status.st_size < 1 << 20 else file.read(4096) + b"%d" % status.st_size
                found[path] = (*what, content.decode("utf-8", "surrogateescape"))
            else:
                found[path] = what
    return found


def differences(before: Mapping[str, tuple[str, ...]], after: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What differs between two snapshots, a line each, for a person."""
    lines = [f"gone: {path}" for path in sorted(before.keys() - after.keys())]
    lines += [f"new: {path} {after[path]}" for path in sorted(after.keys() - before.keys())]
    lines += [
        f"changed: {path}: {before[path]} -> {after[path]}"
        for path in sorted(before.keys() & after.keys())
        if before[path] != after[path]
    ]
    return lines
