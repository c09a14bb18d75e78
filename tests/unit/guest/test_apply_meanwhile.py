# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody changes what a transaction is about between its preparation and its turn: that stays, and nothing of ours is left over.

To see these red: let ``untouched`` be ``fail``, and take the question for ``new`` out of ``ready_undo_file``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    EditFile,
    RemoveFile,
    ReplaceLine,
    Run,
    Step,
    WriteFile,
    WriteKernel,
)
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import QUICK, STATE, SmallGuest

pytestmark = pytest.mark.slow

FILE, SWAPPINESS = "/etc/f", "/proc/sys/vm/swappiness"
BEFORE, THEIRS = "a\nold\n", "a\nold\ntheirs\n"
FIRST = WriteFile("/etc/first", "x\n")


def hooked(command: str) -> str:
    """Shell text: ``command`` runs when all is prepared, and before anything is changed."""
    return (
        f"{QUICK}set_state() {{ case $1 in committing) {command} ;; esac\n"
        '  [ -f "$receipt/state.$1" ] || attempt put "$receipt/state.$1" "$1$newline" || return 1\n'
        '  attempt mv -f "$receipt/state.$1" "$receipt/state"; }\n'
    )


def of_somebody(path: str, content: str) -> str:
    return f"printf '{content}' >\"$ROOT{path}\""


CASES = {
    "edited": (FILE, BEFORE, THEIRS, EditFile(FILE, (ReplaceLine("old", "new"),))),
    "written": (FILE, BEFORE, THEIRS, WriteFile(FILE, "a\nnew\n", before=BEFORE)),
    "removed": (FILE, BEFORE, THEIRS, RemoveFile(FILE, BEFORE)),
    "made": (FILE, None, THEIRS, WriteFile(FILE, "ours\n")),
    "value": (SWAPPINESS, "60\n", "30\n", WriteKernel(SWAPPINESS, "60", "10")),
}


def as_it_was(guest: SmallGuest, path: str, before: str | None) -> Path:
    """The file of a case, and where it is."""
    place = guest.root / path[1:]
    place.parent.mkdir(parents=True, exist_ok=True)
    if before is not None:
        place.write_text(before)
    return place


@pytest.mark.parametrize("case", CASES)
def test_what_somebody_changed_before_our_turn_stays(small_guest: SmallGuest, case: str) -> None:
    path, before, theirs, step = CASES[case]
    place = as_it_was(small_guest, path, before)
    steps: list[Step] = [FIRST, step]
    said = small_guest.apply(("rec", steps), extra=hooked(of_somebody(path, theirs))).said("outcome")
    assert [line.split()[1] for line in said] == ["undone"], said
    assert place.read_text() == theirs
    assert not (small_guest.root / "etc/first").exists()
    assert [file.name for file in small_guest.root.glob("etc/*")] == (["f"] if path == FILE else [])
    assert not list((small_guest.root / STATE / "receipts").glob("*/[0-9]*"))


@pytest.mark.parametrize("case", ["edited", "written", "made"])
def test_it_stays_after_a_cut_as_well(small_guest: SmallGuest, case: str) -> None:
    """Given a run that ends there, while it waits for others, the next one undoes it and tells of no change since."""
    path, before, theirs, step = CASES[case]
    place = as_it_was(small_guest, path, before)
    cut = f"{QUICK}undisturbed() {{ :; }}\ncommit_write_file() {{ {of_somebody(path, theirs)}; kill -KILL $$; }}\n"
    cut += "commit_edit_file() { commit_write_file; }\n"
    assert not small_guest.apply(("rec", [step]), extra=cut).said("outcome")
    assert small_guest.apply().said("recovered")[0].split()[1:2] == ["undone"]
    assert place.read_text() == theirs
    assert sorted(os.listdir(small_guest.root / "etc")) == ["f"]


@pytest.mark.parametrize("case", ["written", "removed"])
def test_it_stays_where_it_was_written_while_the_file_was_looked_at(small_guest: SmallGuest, case: str) -> None:
    """What the audit saw is compared with what was kept: nothing can come in between."""
    path, before, theirs, step = CASES[case]
    place = as_it_was(small_guest, path, before)
    then = f'{QUICK}rm() {{ case $* in *expected*) {of_somebody(path, theirs)} ;; esac; command rm "$@"; }}\n'
    (outcome,) = small_guest.apply(("rec", [step]), extra=then).outcomes.values()
    assert outcome == "undone"
    assert place.read_text() == theirs


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set another's access list")
@pytest.mark.parametrize("how", ["group", "access list"])
def test_a_folder_that_hands_down_its_group_or_its_access_list(small_guest: SmallGuest, how: str) -> None:
    """What lies beside a file while it is changed is open to nobody else, is used by the undo, and goes."""
    etc = small_guest.root / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "f").write_text(BEFORE)
    if how == "group":
        etc.chmod(0o2755)
    else:
        setfacl = shutil.which("setfacl")
        assert setfacl, "setfacl is not installed"
        subprocess.run([setfacl, "-d", "-m", "u:1000:rX", str(etc)], check=True)
    edit = EditFile(FILE, (ReplaceLine("old", "new"),))
    look = Run("look", 'ls -ld "$ROOT"/etc/.vmguest-* >"$ROOT/beside"; false', "true", "true")
    said = small_guest.apply(("rec", [edit, look])).said("outcome")
    if (small_guest.shell, how) == ("busybox", "access list"):
        # Its cp knows no access lists, and so the file is left alone.
        assert "cannot be kept" in said[0]
    else:
        assert [line.split()[1] for line in said] == ["undone"], said
        assert (small_guest.root / "beside").read_text()[:10] == "drwx------"
    assert (etc / "f").read_text() == BEFORE
    assert os.listdir(etc) == ["f"]
