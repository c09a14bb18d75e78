# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Functions of the small machine's jobs: a disk holds one guest, or one after the other in slots. What they tell the
# judge begins with `== NAME `. FILE_SYSTEM, OWN (folders that are file systems of their own, `/boot /var`), SLOT_SIZE, PLACES
# (where the root file system, that of /boot and that of /var begin) and MARKS_AT are set by the job.

tell() {
    echo "== $name $*"
}

# A guest's program: under which shell and tools, and from which file.
run_program() {
    case $1 in
    gnu) PATH=/gnu:/stand-in /gnu/dash -s <"$2" ;;
    bash) PATH=/gnu:/stand-in /gnu/bash --posix -s <"$2" ;;
    busybox) PATH=/bb:/stand-in /bb/sh -s <"$2" ;;
    esac 2>&1
}

# The same, and what it said, without the nonce. The lines of commands are left out.
told_program() {
    run_program "$2" "$3" >/tmp/said
    told_status=$?
    sed -n "s/^[0-9a-f]\{32\} /== $name $1 /p" /tmp/said
    [ "$told_status" -eq 0 ] || tell "$1" status "$told_status"
}

mount_options() {
    case $FILE_SYSTEM in
    # Metadata goes to the journal at once, while data may linger: the worst order that the options allow.
    ext4) echo "commit=1" ;;
    xfs) echo "nouuid" ;;
    esac
}

# mount_guest ROOT_DEVICE BOOT_DEVICE VAR_DEVICE
mount_guest() {
    if ! mount -t "$FILE_SYSTEM" -o "$(mount_options)" "$1" /guest; then
        tell mount failed root
        return 1
    fi
    for own in $OWN; do
        case $own in
        /boot) device=$2 ;;
        *) device=$3 ;;
        esac
        if ! mount -t "$FILE_SYSTEM" -o "$(mount_options)" "$device" "/guest$own"; then
            tell mount failed "$own"
            umount_guest
            return 1
        fi
    done
    tell mount ok
}

umount_guest() {
    for own in $OWN; do
        ! grep -q " /guest$own " /proc/mounts || umount "/guest$own" || tell umount failed "$own"
    done
    umount /guest || tell umount failed root
}

# mount_slot NUMBER: its partitions as loop devices, as if after a boot.
mount_slot() {
    loop=0
    for place in $PLACES; do
        losetup -o $((SLOT_SIZE * $1 + place)) "/dev/loop$loop" /dev/vda
        loop=$((loop + 1))
    done
    dmesg -c >/dev/null
    mount_guest /dev/loop0 /dev/loop1 /dev/loop2 && return 0
    detach_slot
    return 1
}

detach_slot() {
    for loop in 0 1 2; do
        losetup -d "/dev/loop$loop"
    done
}

umount_slot() {
    umount_guest
    detach_slot
    dmesg -c | grep -iE "ext4-fs (error|warning)|jbd2.*error|xfs.*(corrupt|error|assert)|BUG|oops|I/O error" |
        sed "s/^/== $name kernel /"
}

# Everything but the receipts: `file WHEN mode user group size digest path`, folders and links with a dash for digest.
manifest() {
    cd /guest || return 1
    # Not of the kernel, for it takes long: its size tells, and that it boots.
    find . ! -type d -size -8192k ! -path "./var/lib/vmguest/*" -exec md5sum {} + >/tmp/sums
    find . -type d ! -path "./var/lib/vmguest/*" ! -path "*/lost+found" -exec stat -c "%A %u %g - - %n" {} + |
        sed "s/^/== $name file $1 /"
    find . ! -type d ! -path "./var/lib/vmguest/*" -exec stat -c "%A %u %g %s %n" {} + |
        awk -v head="== $name file $1" '
            FILENAME == "/tmp/sums" { sum[substr($0, 35)] = $1; next }
            { path = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ /, "", path); print head, $1, $2, $3, $4, sum[path], path }
        ' /tmp/sums -
    # With a /boot of its own, the boot loader's paths begin there.
    case $OWN in
    */boot*) top=/boot ;;
    *) top="" ;;
    esac
    sed -n "s|^[[:space:]]*\(linux\|initrd\) \([^ ]*\).*|== $name entry $1 $top\2|p" boot/grub/grub.cfg
    cd var/lib/vmguest/receipts 2>/dev/null && for receipt in *; do
        [ ! -d "$receipt" ] || echo "== $name receipt $1 $receipt $(cat "$receipt/state" 2>/dev/null) $(ls -d "$receipt"/reverting 2>/dev/null)"
    done
    cd /job || return 1
}

# check NAME SLOT SHELL: what a boot finds in a slot, and what the next run makes of it.
check() {
    name=$1
    if mount_slot "$2"; then
        manifest before
        told_program recovery "$3" /job/recover
        manifest after
        if [ -n "${4:-}" ]; then
            told_program again "$3" /job/again
            manifest again
            told_program revert "$3" /job/revert
            manifest reverted
        fi
        umount_slot
    fi
    tell end
}

# A note in the write log: a sector of text past the partitions, written straight to the disk, without a flush.
mark() {
    { echo "$1"; dd if=/dev/zero bs=512 count=1 2>/dev/null; } | dd bs=512 count=1 iflag=fullblock of=/tmp/mark 2>/dev/null
    # busybox's dd does not align its buffer, and so writes through the cache.
    /gnu/dd if=/tmp/mark of=/dev/vda bs=512 count=1 seek=$((MARKS_AT / 512)) oflag=direct conv=notrunc 2>/dev/null
}

# record SHELL REVERTS: apply, then revert one after the other, on the whole disk whose writes are logged.
record() {
    name=record
    # Metadata early, data late: what lacks a flush shows.
    echo 100 >/proc/sys/fs/xfs/xfssyncd_centisecs 2>/dev/null
    mount_guest /dev/vda1 /dev/vda2 /dev/vda3 || return 1
    manifest before
    sync
    mark apply
    told_program apply "$1" /job/apply
    mark applied
    manifest applied
    sleep "${3:-1}"
    number=0
    while [ "$number" -lt "$2" ]; do
        number=$((number + 1))
        mark "revert $number"
        told_program "revert$number" "$1" "/job/revert$number"
        manifest "reverted$number"
    done
    mark reverted
    umount_guest
    mark end
    sync
    tell end
}

# record_recovery SHELL: the next run by itself, on the whole disk whose writes are logged.
record_recovery() {
    name=record
    mount_guest /dev/vda1 /dev/vda2 /dev/vda3 || return 1
    mark recovery
    told_program recovery "$1" /job/recover
    mark recovered
    manifest after
    umount_guest
    mark end
    sync
    tell end
}

# apply_alone SHELL: apply on the whole disk, what it says at once on the console; for a machine that is killed, or whose
# disk fails.
apply_alone() {
    name=alone
    # A disk that fails may fail here already; then nothing was done.
    mount_guest /dev/vda1 /dev/vda2 /dev/vda3 || return 0
    run_program "$1" /job/apply
    umount_guest
    tell end
}

# full NAME SLOT SHELL KIB: apply with no more than that much room in the file system that holds /boot.
full() {
    name=$1
    if mount_slot "$2"; then
        dd if=/dev/zero of=/guest/boot/filler bs=65536 2>/dev/null
        dd if=/dev/zero of=/guest/boot/filler2 bs=1024 2>/dev/null
        sync
        rm -f /guest/boot/filler2
        # busybox's truncate knows no sizes that are relative.
        filled=$(stat -c %s /guest/boot/filler)
        truncate -s "$((filled > $4 * 1024 ? filled - $4 * 1024 : 0))" /guest/boot/filler
        sync
        tell room "$(df -Pk /guest/boot | awk 'END { print $4 }')"
        told_program apply "$3" /job/apply
        rm -f /guest/boot/filler
        manifest before
        told_program recovery "$3" /job/recover
        manifest after
        umount_slot
    fi
    tell end
}

now() {
    read -r up </proc/uptime
    up=${up%% *}
    echo "${up%.*}${up#*.}"
}

# measure SLOT SHELL: how long an apply takes here, in hundredths of a second, in `whole`.
measure() {
    name=measure
    mount_slot "$1" || return 1
    began=$(now)
    run_program "$2" /job/apply >/dev/null
    whole=$(($(now) - began))
    umount_slot
}

# killed NAME SLOT SHELL THOUSANDTHS GROUP: the shell, or with it all that it started, is killed on its way; the next run comes
# at once, on the same boot.
killed() {
    name=$1
    if mount_slot "$2"; then
        rm -f /tmp/leader
        # A process group of its own.
        setsid sh -c 'echo $$ >/tmp/leader; PATH=/bb:/stand-in exec /bb/sh -s </job/apply' >/tmp/killed 2>&1 &
        while [ ! -s /tmp/leader ]; do usleep 1000; done
        usleep $((whole * $4 * 10))
        if [ -n "${5:-}" ]; then
            kill -9 "-$(cat /tmp/leader)" 2>/dev/null
            wait
            manifest before
        else
            # What it started goes on: the next run must wait for that.
            kill -9 "$(cat /tmp/leader)" 2>/dev/null
            wait
        fi
        told_program recovery "$3" /job/recover
        manifest after
        umount_slot
    fi
    tell end
}

# lost NAME SLOT SHELL THOUSANDTHS: the connection goes: nobody reads any more, and the shell gets a HUP. It goes on.
lost() {
    name=$1
    if mount_slot "$2"; then
        rm -f /tmp/leader
        { setsid sh -c 'echo $$ >/tmp/leader; PATH=/bb:/stand-in exec /bb/sh -s </job/apply' 2>&1; echo "$?" >/tmp/left; } | head -n 1 >/dev/null &
        while [ ! -s /tmp/leader ]; do usleep 1000; done
        usleep $((whole * $4 * 10))
        kill -HUP "$(cat /tmp/leader)" 2>/dev/null
        wait
        manifest before
        told_program recovery "$3" /job/recover
        manifest after
        umount_slot
    fi
    tell end
}
