# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Whether an image of the early user space can boot the guest, and has room, for commands that make one or have one made
# (engine/boot_images.py, engine/kernel_package.py); images.sh stands before it. Each runs in a shell of its own.

# shellcheck disable=SC2154 # `held`, what image_read has printed

fail() {
    echo "$*"
    exit 1
}

# has_room FOLDER KIB WHAT
has_room() {
    # Device, blocks, used, available, capacity, mount point: the first and the last may hold blanks.
    free=$(df -Pk "$1" | sed -n '$s/.* \([0-9][0-9]*\)  *[0-9-][0-9]*%\{0,1\} .*/\1/p')
    expr "${free:-0}" ">=" "$2" >/dev/null ||
        fail "${1#"$ROOT"}: $2 KiB must be free for $3, and ${free:-0} are: make room and run again"
}

# is_whole: `held` is of an image that unpacks to its end.
is_whole() {
    case $held in
    *"TRAILER!!!"*"$NONCE unpacked 0 "*) ;;
    *) return 1 ;;
    esac
}

# holds MODULE: `held` has it. modprobe has underscores where a file's name may have hyphens.
holds() {
    case $held in
    */"$1".ko* | */"$(echo "$1" | tr _ -)".ko*) ;;
    *) return 1 ;;
    esac
}
