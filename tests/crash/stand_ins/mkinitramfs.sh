# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# mkinitramfs -o IMAGE KERNEL, as initramfs-tools has it: an image that boots, with the modules that the guest's configuration
# names. The same configuration gives the same bytes, so that they can be compared. It syncs nothing.
set -e
export PATH=/bb
image=""
while getopts c:d:o:r: option; do
    case $option in
    o) image=$OPTARG ;;
    c | d | r) ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ -z "$image" ] || [ ! -f "/guest/boot/vmlinuz-$1" ]; then
    echo "mkinitramfs: no image or no kernel '$1'" >&2
    exit 1
fi

zeros() {
    [ "$1" -eq 0 ] || head -c "$1" /dev/zero
}

# record NAME MODE FILE: a file in the kernel's "newc" format of cpio.
record() {
    size=$(stat -c %s "$3")
    printf 070701
    printf %08X "$inode" "$2" 0 0 1 0 "$size" 0 0 0 0 $((${#1} + 1)) 0
    printf %s "$1"
    zeros $((1 + (4 - (110 + ${#1} + 1) % 4) % 4))
    cat "$3"
    zeros $(((4 - size % 4) % 4))
}

work=/tmp/mkinitramfs.$$
cat /guest/etc/initramfs-tools/modules >"$work"
cat /guest/etc/modprobe.d/*.conf >>"$work" 2>/dev/null || :
folder=usr/lib/modules/$1/kernel/drivers/scsi
: >"$work.folder"
{
    inode=1
    for path in conf usr usr/lib usr/lib/modules "usr/lib/modules/$1" "usr/lib/modules/$1/kernel" \
        "usr/lib/modules/$1/kernel/drivers" "$folder"; do
        record "$path" 16877 "$work.folder"
        inode=$((inode + 1))
    done
    record conf/modules 33188 "$work"
    # shellcheck disable=SC2013 # words
    for module in $(grep -v -e '^#' -e ' ' "$work"); do
        inode=$((inode + 1))
        record "$folder/$module.ko" 33188 /stand-in/mkinitramfs
    done
    inode=0
    record TRAILER!!! 0 "$work.folder"
} >"$work.archive"
cat /stand-in/image-base >"$image"
gzip -n <"$work.archive" >>"$image"
rm -f "$work" "$work.folder" "$work.archive"
