# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For commands that write files which apply.sh does not know of: each runs in a shell of its own, which a failure ends.

# on_disk FILE...: a newer sync tells of a write that failed; what was proved before was read from memory. An old one takes no names.
# Only uutils' needs -d to tell, for which it is enough to GNU's, too.
on_disk() {
    sync
    case $(sync -d "$@" 2>&1) in
    *"nput/output error"* | *"I/O error"* | *"o space left"*)
        echo "a write to disk failed: $*"
        exit 1
        ;;
    esac
}
