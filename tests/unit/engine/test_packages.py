# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installing packages as a step: what its undo takes away, and what not. The commands are stand-ins that log."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.packages import APT, DNF, install_step

#: dpkg's and apt's answers are in files; `purge` and `remove` change what autoremove would take.
STAND_INS = {
    "dpkg-query": 'echo "$(cat "$DIR/status")"',
    "dpkg": 'case $1 in --verify) cat "$DIR/edited" ;; *) echo "dpkg $*" >>"$DIR/log" ;; esac',
    "apt-get": """case $* in
  '-s autoremove') cat "$DIR/orphans" ;;
  '-s remove '*) cat "$DIR/removed" ;;
  *purge* | *remove*)
    printf 'Remv orphan-before [1]\\nRemv came-along [1]\\n' >"$DIR/orphans"
    echo "apt-get ${*##*confold }" >>"$DIR/log"
    ;;
esac""",
    "rpm": """case $1 in
  -q) exit "$(cat "$DIR/status")" ;;
  *) echo "rpm $*" >>"$DIR/log"; exit "$(cat "$DIR/removed")" ;;
esac""",
    "dnf": 'echo "dnf ${*##*=1 }" >>"$DIR/log"',
}


@pytest.fixture
def undo(tmp_path):
    """Runs an undo on a guest in a given state and returns its exit status and what was called."""

    def call(manager, **state):
        for name, text in STAND_INS.items():
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\nDIR={tmp_path}\n{text}\n")
            program.chmod(0o755)
        (tmp_path / "orphans").write_text("Remv orphan-before [1]\n")
        (tmp_path / "log").write_text("")
        for name in ("status", "edited", "removed"):
            (tmp_path / name).write_text(state.get(name, ""))
        step = install_step(manager, ("tools",))
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "ROOT": str(tmp_path)}
        done = subprocess.run(["sh", "-c", step.undo], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, (tmp_path / "log").read_text().splitlines()

    return call


@pytest.mark.parametrize(
    ("state", "status", "calls"),
    [
        # it never ran
        ({"status": ""}, 0, []),
        ({"status": "unknown ok not-installed"}, 0, []),
        # it ran: the package and what came with it, but no orphan that was one before
        (
            {"status": "install ok installed", "removed": "Remv tools [1]\n"},
            0,
            ["apt-get purge tools", "apt-get purge came-along"],
        ),
        # it was cut in the middle
        (
            {"status": "install ok half-configured", "removed": "Remv tools [1]\n"},
            0,
            ["dpkg --configure -a", "apt-get purge tools", "apt-get purge came-along"],
        ),
        # somebody edited its configuration since
        (
            {"status": "install ok installed", "edited": "??5?????? c /etc/vmware-tools/tools.conf\n"},
            0,
            ["apt-get remove tools", "apt-get remove came-along"],
        ),
        # somebody installed something that needs it
        ({"status": "install ok installed", "removed": "Remv needs-tools [1]\nRemv tools [1]\n"}, 1, []),
    ],
)
def test_what_apt_takes_away_again(undo, state, status, calls):
    assert undo(APT, **state) == (status, calls)


@pytest.mark.parametrize(
    ("state", "status", "calls"),
    [
        ({"status": "1", "removed": "0"}, 0, []),
        ({"status": "0", "removed": "0"}, 0, ["rpm -e --test tools", "dnf remove tools"]),
        ({"status": "0", "removed": "1"}, 1, ["rpm -e --test tools"]),
    ],
)
def test_what_dnf_takes_away_again(undo, state, status, calls):
    assert undo(DNF, **state) == (status, calls)
