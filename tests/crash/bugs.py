# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bugs that are put into apply.sh to see that the campaign finds them. A campaign that misses one proves nothing."""

from __future__ import annotations

from collections.abc import Mapping

#: This one shows only where GRUB reads an xfs.
LEFT_IN_THE_LOG = "left in the log of xfs, and the old file freed"
#: What is broken, to shell text that replaces the sound functions.
BUGS: Mapping[str, str] = {
    # /broken and /unfrozen hold programs that do nothing, for the commands of steps, too: sync; xfs_io and ln.
    "no flush at all": "PATH=/broken:/unfrozen:$PATH\nsync() { :; }\n",
    "renamed before the content is written": (
        "commit_write_file() {\n"
        'as_prepared "$1" || return 1\n'
        'read_line "$folder/beside"\n'
        "touched=$parent$newline$touched\n"
        ': >"$ROOT$line/new"\n'
        'attempt mv -f "$ROOT$line/new" "$target" || return 1\n'
        'attempt fill "$folder/after" "$target"\n'
        "}\n"
    ),
    LEFT_IN_THE_LOG: "PATH=/unfrozen:$PATH\n",
    "receipt not flushed before the commit": (
        'flush() { case $phase in record | prepare) return 0 ;; esac; sync "$@" 2>/dev/null || sync; }\n'
    ),
}
