# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tarball of VMware Tools comes back whole, whenever the power went while it was removed or put back.

/var, where the archive is, and all else are two disks. Where the power goes, what was done since the last sync is on either disk
or is not. To see these red: leave out a `sync` of the texts, or remove the archive before the service is started.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import count, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.tools_tarball import ARCHIVE, removal
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import LOCATIONS, UNINSTALLER
from ansible_collections.vmguest.linux.tests.unit.guest_tree import SHELLS

FILES = {
    LOCATIONS: f"directory /usr/lib/vmware-tools\nfile {UNINSTALLER} 1500000000\nfile /usr/lib/vmware-tools/a b 1500000000\n",
    UNINSTALLER: "#!/usr/bin/perl\n",
    "/usr/lib/vmware-tools/a b": "data\n",
    "/etc/init.d/vmware-tools": "#!/bin/sh\n",
}
REMOVE = """\
rm -f ./usr/lib/vmware-tools/*
rm -rf ./usr/lib/vmware-tools ./etc/init.d/vmware-tools
rm -rf ./usr/bin/* ./etc/vmware-tools
"""
#: Each is logged, and is a moment at which the power may go.
COMMANDS = ("depmod", "mv", "rm", "service", "sync", "systemctl", "tar", "vmware-uninstall-tools.pl")


class Guest:
    """A guest with the tarball. Disks are folders of ``root``; ``synced`` holds them as of the last sync."""

    def __init__(self, place: Path, shell: str = "dash", systemd: bool = False) -> None:
        self.root, self.synced, self.bin = place / "root of a guest", place / "synced", place / "bin"
        self.log, self.moment, self.shell = place / "log", place / "moment", shell
        for path, text in FILES.items():
            target = self.root / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        for folder in ("var/lib/vmguest", "etc/init", "lib/modules", *(("run/systemd/system",) if systemd else ())):
            (self.root / folder).mkdir(parents=True)
        self.bin.mkdir()
        for name in COMMANDS:
            own = {
                "sync": f"command -p rm -rf '{self.synced}' && command -p cp -Rp '{self.root}' '{self.synced}'",
                "vmware-uninstall-tools.pl": f"cd '{self.root}' || exit\n{REMOVE}",
            }.get(name, f'command -p {name} "$@"' if name in ("mv", "rm", "tar") else "")
            self.program(name, own)
        evidence: Any = SimpleNamespace(
            platform=SimpleNamespace(systemd=systemd), services=SimpleNamespace(daemons=frozenset({"vmtoolsd"}))
        )
        (step,) = removal(evidence)
        assert isinstance(step, Run)
        self.step = step
        self.flush()
        self.before = self.files

    def program(self, name: str, text: str) -> None:
        """A stand-in. Where its moment has come, all that runs is killed before it does anything."""
        path = self.bin / name
        path.write_text(
            f"#!/bin/sh\ncase $0,$* in *tar,-t*) command -p tar \"$@\"; exit ;; esac\necho {name} >>'{self.log}'\n"
            f"read -r left <'{self.moment}'\necho $((left - 1)) >'{self.moment}'\n[ $left -ne 0 ] || kill -9 0\n{text}\n"
        )
        path.chmod(0o755)

    def flush(self) -> None:
        """All is on the disks."""
        shutil.rmtree(self.synced, ignore_errors=True)
        shutil.copytree(self.root, self.synced, symlinks=True)

    def run(self, text: str, moment: int = -1) -> int:
        """As apply.sh runs a command; the power goes before the ``moment``-th of the commands."""
        self.log.write_text("")
        self.moment.write_text(f"{moment}\n")
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "ROOT": str(self.root)}
        done = subprocess.run(
            [self.shell, "-c", text], env=environment, capture_output=True, start_new_session=True, check=False
        )
        return done.returncode

    def power_goes(self, var_is_old: bool, rest_is_old: bool) -> None:
        """Each disk is as it is now, or as at the last sync."""
        for name in {path.name for top in (self.root, self.synced) for path in top.iterdir()}:
            if var_is_old if name == "var" else rest_is_old:
                shutil.rmtree(self.root / name, ignore_errors=True)
                if (self.synced / name).exists():
                    shutil.copytree(self.synced / name, self.root / name, symlinks=True)
        self.flush()

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().split()

    @property
    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


# busybox would run applets of its own: whole guests have it (test_open_vm_tools).
@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
@pytest.mark.parametrize("systemd", [False, True])
def test_it_goes_and_comes_back(tmp_path: Path, shell: str, systemd: bool) -> None:
    """What undoes a change is on the disk before the change, and the service runs before the archive goes."""
    guest = Guest(tmp_path, shell, systemd)
    assert guest.run(guest.step.do) == 0
    assert guest.calls[:6] == ["tar", "sync", "sync", "mv", "sync", "vmware-uninstall-tools.pl"]
    assert guest.files.keys() == {ARCHIVE[1:]}
    assert guest.run(guest.step.undo) == 0
    started = ["systemctl", "systemctl"] if systemd else ["service"]
    assert guest.calls == ["rm", "tar", *started, "sync", "rm"]
    assert guest.files == guest.before
    assert guest.run(guest.step.undo) == 0
    assert guest.calls == ["rm"]


def test_nothing_goes_where_the_disk_did_not_take_what_is_kept(tmp_path: Path) -> None:
    """tar wrote into memory; only sync tells that the archive, the one thing that undoes the removal, is not on the disk."""
    guest = Guest(tmp_path)
    guest.program("sync", "[ $# -eq 0 ] || { echo \"sync: error syncing '$2': Input/output error\" >&2; exit 1; }")
    assert guest.run(guest.step.do) == 1
    assert "vmware-uninstall-tools.pl" not in guest.calls
    assert guest.files.items() >= guest.before.items()


def test_a_service_that_does_not_start_is_told(tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    guest.run(guest.step.do)
    (guest.bin / "service").write_text("#!/bin/sh\nexit 3\n")
    assert guest.run(guest.step.undo) == 3
    assert guest.files == guest.before


def test_an_archive_without_its_name_removes_nothing(tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    (guest.bin / "mv").write_text("#!/bin/sh\nexit 1\n")
    assert guest.run(guest.step.do) == 1
    assert guest.files == {**guest.before, f"{ARCHIVE[1:]}.new": guest.files[f"{ARCHIVE[1:]}.new"]}
    assert guest.run(guest.step.undo) == 0
    assert guest.files == guest.before


@pytest.mark.parametrize("text", ["do", "undo"])
def test_the_power_goes_at_any_moment(tmp_path: Path, text: str) -> None:
    """Given any moment of the removal, or of its undo, and either disk behind the other, the next undo restores all."""
    for moment in count():
        for var_is_old, rest_is_old in product((False, True), repeat=2):
            place = tmp_path / f"{moment} {var_is_old} {rest_is_old}".replace(" ", "-")
            place.mkdir()
            guest = Guest(place)
            if text == "undo":
                guest.run(guest.step.do)
                guest.flush()
            ended = guest.run(getattr(guest.step, text), moment) >= 0
            guest.power_goes(var_is_old, rest_is_old)
            guest.run(guest.step.undo)
            assert guest.files == guest.before, (moment, var_is_old, rest_is_old, guest.calls)
        if ended:
            break
    assert moment >= 5
