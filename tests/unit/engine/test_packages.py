# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installing packages as a step: its undo takes away what it brought, and nothing else.

The texts of the step run on guest trees, whose package managers are stand-ins. There `tools` needs `toolslib`.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.packages import (
    APT,
    DNF,
    TDNF,
    YUM,
    ZYPPER,
    PackageManager,
    install_step,
)
from ansible_collections.vmguest.linux.tests.unit import guest_tree
from ansible_collections.vmguest.linux.tests.unit.guest_tree import SHELLS, Tree

pytestmark = pytest.mark.slow

CONFIGURATION = "/etc/tools.conf"
PACKAGES = {
    "tools": {
        "version": "1-1",
        "requires": ["toolslib"],
        "conffiles": [CONFIGURATION],
        "files": {CONFIGURATION: "# shipped"},
    },
    "toolslib": {"version": "1-1", "files": {"/usr/lib/tools.so": "ELF"}},
    "agent": {"version": "1-1", "requires": ["toolslib"]},
    "alone": {"version": "1-1"},
    "recommended-only": {"version": "1-1"},
}
#: The family's guest, and what removes a package there by hand.
MANAGERS = {"debian12": APT, "rhel7": YUM, "rhel9": DNF, "sles15sp6": ZYPPER, "photon5": TDNF}


class World:
    """A guest, and the three commands of the step that installs `tools` there."""

    def __init__(self, tree: Tree, manager: PackageManager, shell: str = "dash", keep: bool = False) -> None:
        self.tree, self.manager, self.shell = tree, manager, shell
        self.step = install_step(manager, ("tools",), keep_configuration=keep)
        self.notes = tree.path("/var/lib/vmguest/notes")
        self.notes.mkdir(parents=True, exist_ok=True)

    def run(self, text: str) -> tuple[int, str]:
        """As apply.sh runs a command: exit status and all that it printed."""
        settings = f"ROOT={shlex.quote(str(self.tree.root))} NOTES={shlex.quote(str(self.notes))}"
        done = guest_tree.run(
            self.tree, f"{settings}; export ROOT NOTES\nsh -c {shlex.quote(text)} 2>&1 </dev/null", self.shell
        )
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout.decode()

    def install(self, name: str) -> None:
        """Somebody else installs something."""
        assert self.tree.call(self.manager.command, "-y", "install", name).returncode == 0

    def remove(self, name: str) -> None:
        """Somebody else removes something."""
        command = ("dpkg", "--purge") if self.manager is APT else ("rpm", "-e")
        assert self.tree.call(*command, name).returncode == 0

    def note(self, **lists: str) -> None:
        """Notes of a run that was cut."""
        for name, text in lists.items():
            (self.notes / name).write_text(text)

    @property
    def installed(self) -> set[str]:
        return {path.parent.name for path in self.tree.state.glob("packages/*/installed")}

    @property
    def configured(self) -> set[str]:
        """Packages that are gone but for their configuration."""
        return {path.parent.name for path in self.tree.state.glob("packages/*/config")}


@pytest.fixture(params=MANAGERS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A guest of each family, without the package."""
    return make(request.param, tmp_path)


def make(name: str, place: Path, shell: str = "dash", keep: bool = False, **packages: dict[str, object]) -> World:
    """A guest without the package; ``packages`` says what is different about some of them."""
    edits = {key: {**package, **packages.get(key, {})} for key, package in PACKAGES.items()}
    tree = guest_tree.materialise(guest_tree.load(name).edited({"packages": edits}), place / "guest root")
    return World(tree, MANAGERS[name], shell, keep)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", MANAGERS)
def test_the_package_goes_with_the_library_that_came_with_it(name: str, shell: str, tmp_path: Path) -> None:
    world = make(name, tmp_path, shell)
    before, files = world.installed, guest_tree.snapshot(world.tree)
    assert world.run(world.step.do)[0] == 0
    assert world.installed == before | {"tools", "toolslib"}
    assert world.run(world.step.proof)[0] == 0
    assert world.run(world.step.undo)[0] == 0
    assert world.installed == before
    assert guest_tree.differences(files, guest_tree.snapshot(world.tree)) == []
    assert world.run(world.step.proof)[0] != 0
    assert world.run(world.step.undo) == (0, "")


@pytest.mark.parametrize("name", MANAGERS)
def test_a_library_that_was_there_before_stays(name: str, tmp_path: Path) -> None:
    """Although nothing else needs it: what a package manager would call an orphan."""
    world = make(name, tmp_path, toolslib={"installed": True})
    before = world.installed
    assert world.run(world.step.do)[0] == 0
    assert world.run(world.step.undo)[0] == 0
    assert world.installed == before >= {"toolslib"}


def test_what_was_installed_since_stays_and_keeps_what_it_needs(world: World) -> None:
    world.run(world.step.do)
    world.install("alone")
    # zypper names it as recommended, and does not install it.
    world.install("recommended-only")
    assert world.run(world.step.ask) == (0, "")
    world.install("agent")
    there = world.installed
    for text in (world.step.ask, world.step.undo):
        status, output = world.run(text)
        assert status != 0
        assert "agent" in output
    assert world.installed == there, "either all of it goes or nothing"
    world.remove("agent")
    assert world.run(world.step.ask) == (0, "")
    assert world.run(world.step.undo)[0] == 0
    assert world.installed == there - {"agent", "tools", "toolslib"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", ["debian12", "rhel9"])
def test_an_installation_that_never_began_is_not_undone(name: str, shell: str, tmp_path: Path) -> None:
    """A list that was cut while it was written is not believed: `tools` is somebody else's here."""
    world = make(name, tmp_path, shell)
    world.note(**{"before.new": "systemd\n", "announced": "tools\n"})
    world.install("tools")
    there, calls = world.installed, len(world.tree.calls)
    assert world.run(world.step.ask) == (0, "")
    assert world.run(world.step.undo) == (0, "")
    assert world.installed == there
    assert world.tree.calls[calls:] == []


def test_a_file_of_a_package_that_somebody_changed_since_is_not_lost(world: World) -> None:
    """Configuration may be: it stays, or is put aside, when the package goes."""
    world.run(world.step.do)
    world.tree.write(CONFIGURATION, "# mine\n")
    assert world.run(world.step.ask) == (0, "")
    world.tree.write("/usr/lib/tools.so", "mine\n")
    status, output = world.run(world.step.ask)
    assert status == 1
    assert output == "changed since, and would be lost with the package: /usr/lib/tools.so\n"
    world.tree.path("/usr/lib/tools.so").unlink()
    assert world.run(world.step.ask) == (0, "")


def test_an_installation_that_was_cut_is_undone_as_far_as_it_came(world: World) -> None:
    before = world.installed
    world.run(world.step.do)
    world.remove("tools")
    world.install("alone")
    assert world.run(world.step.undo)[0] == 0
    assert world.installed == before | {"alone"}


def test_without_a_repository_nothing_is_installed_and_nothing_is_left(world: World) -> None:
    (world.tree.state / "packages_fail").touch()
    before = world.installed
    assert world.run(world.step.do)[0] != 0
    assert world.run(world.step.undo)[0] == 0
    assert world.installed == before


def test_what_the_manager_does_not_announce_is_not_installed(world: World) -> None:
    """Given a repository that does not answer when it is asked what would come, and does a moment later."""
    (world.tree.state / "packages_fail_at_first").touch()
    before = world.installed
    status, output = world.run(world.step.do)
    assert status == 1
    assert f"{world.manager.command} does not say that it would install tools" in output
    assert world.installed == before
    assert world.run(world.step.undo) == (0, "")
    (world.tree.state / "packages_fail_at_first").unlink()
    assert world.run(world.step.do)[0] == 0
    assert world.run(world.step.undo)[0] == 0
    assert world.installed == before


def test_what_somebody_installed_in_the_meantime_is_not_ours(world: World) -> None:
    """Then a manager has nothing to announce, and its undo nothing to remove."""
    world.install("tools")
    there = world.installed
    assert world.run(world.step.do)[0] == 0
    assert world.run(world.step.proof)[0] == 0
    assert world.run(world.step.undo)[0] == 0
    assert world.installed == there


def test_the_undo_needs_no_repository(world: World) -> None:
    before = world.installed
    world.run(world.step.do)
    calls = len(world.tree.calls)
    assert world.run(world.step.undo)[0] == 0
    assert world.installed == before
    managers = [call for call in world.tree.calls[calls:] if call.startswith(f"{world.manager.command} ")]
    # The stand-in of rpm or dpkg has that of the manager do the work.
    assert all(" -y remove " in f"{call} " or " -y purge " in call for call in managers)


@pytest.mark.parametrize("name", MANAGERS)
def test_what_the_installation_upgraded_is_not_taken_away(name: str, tmp_path: Path) -> None:
    world = make(name, tmp_path, toolslib={"installed": True})
    world.run(world.step.do)
    # An upgrade is announced, too.
    with (world.notes / "announced").open("a") as announced:
        announced.write("toolslib\n")
    (world.tree.state / "packages/toolslib/version").write_text("2-1\n")
    assert world.run(world.step.undo)[0] == 0
    assert "toolslib" in world.installed


@pytest.mark.parametrize(
    "database", ["echo base; echo 'error: rpmdbNextIterator: skipping' >&2", "echo base; exit 1", "exit 0"]
)
def test_a_damaged_database_stops_both_ways(database: str, tmp_path: Path) -> None:
    """rpm leaves out what it cannot read, with exit status 0; all that is there could pass for brought."""
    world = make("rhel9", tmp_path)
    rpm = world.tree.state / "bin/rpm"
    works = rpm.read_text()
    rpm.write_text(f"#!/bin/sh\n{database}\n")
    status, output = world.run(world.step.do)
    assert status == 1
    assert "what is installed is not known" in output
    assert not (world.notes / "before").exists()
    rpm.write_text(works)
    world.run(world.step.do)
    rpm.write_text(f"#!/bin/sh\n{database}\n")
    assert world.run(world.step.undo)[0] == 1
    assert world.run(world.step.ask)[0] == 1


# --- what managers announce -------------------------------------------------------------------------------------------

SAID = {
    "apt-get": """\
NOTE: This is only a simulation!
The following NEW packages will be installed:
  libmspack0 tools tools-extra
Inst libmspack0 (0.11-1 Debian:12.5/stable [amd64])
Inst liblong [1.0] (1.1 Debian:12.5/stable [amd64])
Inst tools (2:12.2.0-1 Debian:12.5/stable [amd64])
Conf tools (2:12.2.0-1 Debian:12.5/stable [amd64])
""",
    # dnf 4.14
    "dnf": """\
Last metadata expiration check: 6:59:34 ago on Fri Nov 27 20:27:27 2026.
No match for argument: absent
Dependencies resolved.
================================================================================
 Package             Architecture Version                 Repository       Size
================================================================================
Installing:
 tools               noarch       12.3.5-1.standin        stand-ins       7.9 k
Upgrading:
 upgraded            x86_64       2-1                     base            7.9 k
Installing dependencies:
 a-library-whose-name-is-longer-than-its-column
                     x86_64       0.10-1                  base             62 k
     replacing  older.x86_64 0.9-1
Skipping packages with conflicts:
(add '--best --allowerasing' to command line to force their upgrade):
 skipped             x86_64       3-1                     base             62 k

Transaction Summary
================================================================================
Install  2 Packages

Total size: 7.9 k
""",
    # yum 3.4 (RHEL 7)
    "yum": """\
No package absent available.
Resolving Dependencies
--> Running transaction check
---> Package tools.x86_64 0:11.0.5-3.el7_9.9 will be installed
--> Processing Dependency: libmspack.so.0()(64bit) for package: tools-11.0.5-3.el7_9.9.x86_64
--> Finished Dependency Resolution

Dependencies Resolved

================================================================================
 Package             Arch        Version                Repository         Size
================================================================================
Installing:
 tools               x86_64      11.0.5-3.el7_9.9       updates           675 k
Installing for dependencies:
 libmspack           x86_64      0.5-0.8.alpha.el7      base               64 k
Skipped (dependency problems):
 skipped             x86_64      3-1                    base               62 k

Transaction Summary
================================================================================
Install  1 Package (+1 Dependent package)

Total download size: 739 k
Exiting on user command
""",
    # zypper 1.14
    "zypper": """\
Loading repository data...
Reading installed packages...
'absent' not found in package names. Trying capabilities.
Resolving package dependencies...

The following 2 NEW packages are going to be installed:
  libmspack0 tools

The following package is recommended, but will not be installed:
  skipped

2 new packages to install.
""",
    # tdnf 3.5
    "tdnf": """\
No package absent available

Installing:
libmspack         x86_64        0.10.1alpha-1.ph5  photon-release   122.88k   59.01k
tools             x86_64        12.3.0-1.ph5       photon-updates   2.24M     801.99k

Total installed size:   2.36M
Total download size: 861.00k

Upgrading:
upgraded          x86_64        2-1                photon-updates   2.24M     801.99k
""",
}


@pytest.mark.parametrize("manager", MANAGERS.values(), ids=lambda manager: manager.command)
@pytest.mark.parametrize("sed", [["sed"], ["busybox", "sed"]], ids=" ".join)
def test_what_a_manager_says_that_it_would_install(manager: PackageManager, sed: list[str]) -> None:
    """Neither what it did not find or skips, nor, but for apt, what it upgrades."""
    said = SAID[manager.command]
    done = subprocess.run([*sed, "-n", manager.names_of], input=said, capture_output=True, text=True, check=True)
    words = set(done.stdout.split())
    library = {"dnf": "a-library-whose-name-is-longer-than-its-column", "apt-get": "libmspack0", "zypper": "libmspack0"}
    assert {"tools", library.get(manager.command, "libmspack")} <= words
    assert not words & {"absent", "skipped", "upgraded"}


# --- dpkg: configuration ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_configuration_that_somebody_edited_since_stays(shell: str, tmp_path: Path) -> None:
    world = make("debian12", tmp_path, shell)
    world.run(world.step.do)
    world.tree.write(CONFIGURATION, "# mine\n")
    assert world.run(world.step.undo)[0] == 0
    assert "tools" not in world.installed
    assert world.tree.read(CONFIGURATION) == "# mine\n"
    # and does so when the undo is begun again
    assert world.run(world.step.undo)[0] == 0
    assert world.configured == {"tools"}


def test_configuration_that_was_left_from_before_stays(tmp_path: Path) -> None:
    world = make("debian12", tmp_path, tools={"configuration_left": True})
    world.tree.write(CONFIGURATION, "# shipped\n")
    world.run(world.step.do)
    assert world.configured == set()
    assert world.run(world.step.undo)[0] == 0
    assert world.configured == {"tools"}
    assert world.tree.read(CONFIGURATION) == "# shipped\n"


def test_configuration_that_no_package_left_stays(tmp_path: Path) -> None:
    """That of a tarball: dpkg takes it for the package's own."""
    world = make("debian12", tmp_path, keep=True)
    world.tree.write(CONFIGURATION, "# shipped\n")
    world.run(world.step.do)
    assert world.run(world.step.undo)[0] == 0
    assert world.tree.path(CONFIGURATION).exists()


def test_an_undo_that_was_cut_between_removing_and_purging_is_finished(tmp_path: Path) -> None:
    world = make("debian12", tmp_path)
    before = guest_tree.snapshot(world.tree)
    world.run(world.step.do)
    assert world.tree.call("dpkg", "--remove", "tools", "toolslib").returncode == 0
    assert world.configured == {"tools"}
    assert world.run(world.step.undo)[0] == 0
    assert guest_tree.differences(before, guest_tree.snapshot(world.tree)) == []


def test_packages_of_another_architecture_are_told_apart(tmp_path: Path) -> None:
    """apt announces its own architecture's without naming it, where dpkg may name both."""
    world = make("debian12", tmp_path)
    status = "install ok installed"
    absent = "unknown ok not-installed"
    world.note(before=f"base {status}\ntools {absent}\n", announced="tools\ntoolslib\nother:i386\nnever\n")
    listed = [f"{name} {status}" for name in ("base", "tools", "toolslib:amd64", "toolslib:i386", "other:i386")]
    listed.append(f"never {absent}")
    for command, text in {
        "dpkg-query": f"case $* in *Conffiles*) ;; *) printf '%s\\n' {shlex.join(listed)} ;; esac",
        "dpkg": 'case $1 in --print-architecture) echo amd64 ;; --force*) shift 2; echo "$*" ;; esac',
    }.items():
        (world.tree.state / "bin" / command).write_text(f"#!/bin/sh\n{text}\n")
    assert world.run(world.step.undo) == (0, "tools toolslib:amd64 other:i386\n")


# --- locks ------------------------------------------------------------------------------------------------------------


def test_no_other_package_manager_is_met(world: World) -> None:
    """The guest waits for others, or refuses, before the step is begun or undone: test_apply_busy."""
    assert world.step.alone_from == ("packages",)
