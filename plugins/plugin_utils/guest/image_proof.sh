# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Whether an image of the early user space can boot the guest, for commands that make one or have one made
# (engine/boot_images.py, engine/kernel_package.py); images.sh stands before it. Each runs in a shell of its own.

# shellcheck disable=SC2154 # `held`, what image_read has printed

fail() {
    echo "$*"
    exit 1
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
