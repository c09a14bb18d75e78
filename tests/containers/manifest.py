"""What a test guest consists of: one line for each of its files, so that two moments can be compared.

usage: manifest.py CONTAINER        prints the manifest as JSON

It is read from outside, through the container's root in /proc: nothing has to run on the guest, and what fake_kernel.sh
laid over it (the runtime values) is seen as the guest sees it. Needs root.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator

# Not part of what is compared. What packages are installed is asked of the package manager, not of its files.
IGNORED = frozenset({
    "dev",
    "proc",
    "run",  # but for the fake kernel, which is added back below
    "run/fake_kernel/sys/fs/cgroup",  # the real one, bound there
    "srv/stand-ins",  # the tests' own repository: librepo notes the checksums of what it verified in attributes
    "sys",
    "etc/ld.so.cache",  # rewritten by package managers, the same but for its date
    "usr/lib/sysimage/rpm",
    "var/cache",
    "var/lib/apt",
    "var/lib/dnf",
    "var/lib/dpkg",
    "var/lib/rpm",
    "var/lib/systemd",  # stamps of timers, the state of deb-systemd-helper
    "var/lib/vmguest",  # receipts stay
    "var/lib/zypp",
    "var/log",
    "var/tmp",
})  # fmt: skip
RUNTIME = "run/fake_kernel"

# mode, owner, group, extended attributes (ACL and SELinux context among them), content
Manifest = dict[str, tuple[str, int, int, str, str]]


def root_of(container: str) -> str:
    """The guest's root directory as this machine sees it; CalledProcessError: there is no such container."""
    command = ["podman", "inspect", "--format", "{{.State.Pid}}", container]
    pid = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return f"/proc/{pid}/root"


def paths(root: str, below: str = "") -> Iterator[str]:
    """Every path below `below`, relative to `root`, that is not ignored."""
    for entry in sorted(os.scandir(os.path.join(root, below)), key=lambda item: item.name):
        path = os.path.join(below, entry.name)
        if path in IGNORED or path.startswith("tmp/systemd-private-"):
            continue
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from paths(root, path)


def describe(path: str) -> tuple[str, int, int, str, str]:
    """One file's entry in a manifest."""
    status = os.lstat(path)
    attributes = {name: os.getxattr(path, name, follow_symlinks=False).hex() for name in _attributes(path)}
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    else:
        content = ""
    return stat.filemode(status.st_mode), status.st_uid, status.st_gid, json.dumps(attributes, sort_keys=True), content


def _attributes(path: str) -> list[str]:
    return [name for name in os.listxattr(path, follow_symlinks=False) if not name.startswith("trusted.overlay")]


#: Asks whichever package manager there is for its packages, with versions and states.
PACKAGES = "dpkg-query -W 2>/dev/null || rpm -qa 2>/dev/null | sort || :"


def packages(container: str) -> str:
    """What packages are installed, a line each; empty on a guest without a package manager."""
    asked = ["podman", "exec", container, "sh", "-c", PACKAGES]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def read(container: str) -> Manifest:
    """The manifest of a running guest."""
    root = root_of(container)
    found = [*paths(root), *paths(root, RUNTIME)]
    manifest = {path: describe(os.path.join(root, path)) for path in found}
    return {**manifest, "(packages)": ("", 0, 0, "", packages(container))}


def load(file: str) -> Manifest:
    """A manifest that was printed earlier."""
    with open(file, encoding="utf-8", errors="surrogateescape") as text:
        return {path: tuple(entry) for path, entry in json.load(text).items()}


def differences(before: Manifest, after: Manifest) -> list[str]:
    """What came, went or changed, a line each, sorted; empty where the guest is as it was."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            lines.append(f"gone: /{path}")
        elif path not in before:
            lines.append(f"new: /{path}")
        elif before[path] != after[path]:
            lines.append(f"changed: /{path}: {before[path]} -> {after[path]}")
    return lines


if __name__ == "__main__":
    json.dump(read(sys.argv[1]), sys.stdout, indent=0)
