# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# same FILE FILE: they hold the same bytes. The first may be `-`, standard input. False where one cannot be read. Photon's
# appliance has no cmp, which is in a package of its own (diffutils).
if command -v cmp >/dev/null 2>&1; then
    same() {
        cmp -s "$1" "$2"
    }
else
    same() {
        one=$(digest "$1") && other=$(digest "$2") && [ -n "$one" ] && [ "$one" = "$other" ]
    }
fi

digest() {
    if [ "$1" = - ]; then
        sha256sum
    else
        { sha256sum <"$1"; } 2>/dev/null
    fi
}
