# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# settle FOLDER: after a sync, for what a boot loader reads. GRUB replays no journal: it sees what lies in its place. A sync
# brings ext4's there; xfs leaves metadata in its log, until the file system is frozen. One program freezes and thaws, so that
# nothing, /boot on the root file system included, can be left frozen by a shell that is killed in between. It thaws a freeze
# of others too, which a snapshot would have to begin within the moment after that sync: a sync waits while one lasts.
# (rhbz 1227736; dracut and ostree do the same for a /boot of its own.) What asks it to end between the two, a guest that shuts
# down, would have it leave the file system frozen, and the shutdown hang: so it is started with those signals ignored.
settle() {
    [ "$(stat -f -c %T "$1" 2>/dev/null)" = xfs ] || return 0
    ! command -v xfs_io >/dev/null 2>&1 || (
        trap "" HUP INT QUIT TERM PIPE
        xfs_io -r -x -c freeze -c thaw "$1" >/dev/null 2>&1
    )
    return 0
}
