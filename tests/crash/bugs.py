# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bugs that are put into apply.sh to see that the campaign finds them. A campaign that misses one proves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """Shell ``text`` that replaces sound functions, or puts programs that do nothing before sound ones. ``met_by_grub`` says that
    it shows only where GRUB boots from an xfs: that takes many boots."""

    text: str
    met_by_grub: bool = False


#: What is broken, to the bug. /broken and /unfrozen hold programs that do nothing, for the commands of steps, too: sync; xfs_io
#: and ln.
BUGS: Mapping[str, Bug] = {
    "no flush at all": Bug("PATH=/broken:/unfrozen:$PATH\nsync() { :; }\n"),
    "renamed before the content is written": Bug(
        "commit_write_file() {\n"
        'as_prepared "$1" || return 1\n'
        'read_line "$folder/beside"\n'
        "touched=$parent$newline$touched\n"
        ': >"$ROOT$line/new"\n'
        'attempt mv -f "$ROOT$line/new" "$target" || return 1\n'
        'attempt fill "$folder/after" "$target"\n'
        "}\n"
    ),
    "left in the log of xfs, and the old file freed": Bug("PATH=/unfrozen:$PATH\n", met_by_grub=True),
    "forgotten before its going is on disk": Bug(
        'remove_beside() {\nif own_beside; then rm -rf "$beside"; fi\nrm -f "$folder/beside"\n}\n'
    ),
    "receipt not flushed before the commit": Bug(
        'flush() { case $phase in record | prepare) return 0 ;; esac; sync "$@" 2>/dev/null || sync; }\n'
    ),
}
