# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modes of files, as ``ls`` shows them and ``chmod`` takes them; and a step that changes one."""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry


def octal(mode: str) -> str:
    """``rw-r--r--`` is 0644, ``rwsr-xr-x`` is 4755."""
    bits = "".join("0" if letter in "-ST" else "1" for letter in mode[:9])
    special = "".join("1" if mode[at] in letters else "0" for at, letters in ((2, "sS"), (5, "sS"), (8, "tT")))
    return "".join(str(int(part, 2)) for part in (special, bits[:3], bits[3:6], bits[6:]))


def writable_by_others(entry: Entry) -> bool:
    """True where its group, or everybody, may write to it."""
    return "w" in (entry.mode[4], entry.mode[7])


def executable(entry: Entry) -> bool:
    """True where somebody may run it."""
    return any(letter in "xst" for letter in (entry.mode[2], entry.mode[5], entry.mode[8]))


def written_by_owner_alone(mode: str) -> str:
    """A mode without the right of group and others to write: ``rwxrwxrwt`` becomes ``rwxr-xr-t``."""
    return f"{mode[:4]}-{mode[5:7]}-{mode[8:]}"


def mode_step(entry: Entry, mode: str, what: str) -> Run:
    """Give a file, that is no link, another ``mode``, as ``ls`` shows it; the undo gives it the old one.

    A file that is gone by then has nothing to undo. Where somebody gave it a third one since, a revert is refused.
    """
    file = f'file="$ROOT"{sh(entry.path)}'

    def is_one_of(*modes: str) -> str:
        # After the mode ls has a mark of its own for an ACL or a context.
        return f'case $(ls -ld "$file") in {" | ".join(f"-{mode}*" for mode in modes)}) ;; *)'

    return Run(
        what=what,
        do=f'{file}; chmod {octal(mode)} "$file"',
        undo=f'{file}; [ ! -e "$file" ] || chmod {octal(entry.mode)} "$file"',
        proof=f"{file}; {is_one_of(mode)} exit 1 ;; esac",
        ask="\n".join(
            [
                f'{file}; [ -e "$file" ] || exit 0',
                is_one_of(mode, entry.mode),
                f'  now=$(ls -ld "$file"); echo "changed since: expected -{mode}, found ${{now%% *}}"; exit 1',
                "esac",
            ]
        ),
    )
