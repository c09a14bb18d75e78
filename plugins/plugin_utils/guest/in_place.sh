# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# For commands that write what boots (engine/boot_images.py, engine/boot_entries.py); settle.sh, compare.sh and on_disk.sh stand
# before them. Each runs in a shell of its own, which a failure ends.

# put_in_place NEW TARGET WAS: NEW, which is on disk and beside TARGET, becomes it. The old file keeps the name WAS until that is in its
# place on the disk: a boot loader, which replays no journal, might else find the old name and a file that is already freed.
put_in_place() {
    settle "${2%/*}"
    rm -f "$3"
    ln "$2" "$3" 2>/dev/null
    mv -f "$1" "$2" || exit 1
    on_disk "$2" "${2%/*}"
    settle "${2%/*}"
    rm -f "$3"
}
