# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Reads what an image of the early user space (initramfs, initrd) holds, as a stream: nothing is unpacked to anywhere. The
# probe has these functions, and so has the command that rebuilds images. Distributions' own tools (lsinitrd, lsinitramfs)
# make temporary files.
#
# An image is one cpio archive or several, one after the other, each padded with zeros; all but the first ones may be
# compressed (Documentation/driver-api/early-userspace/buffer-format.rst). Archives that are not compressed come first:
# microcode, and on Ubuntu since 23.10 the modules, too.
#
# An entry is a header of 110 characters, the name, a NUL (format "newc"). With every NUL made a newline, a header and its
# name are the end of a line. Names in modules.dep and the like have no header before them, and do not count.

# image_read PATH MODULES: MODULES are names of modules as alternatives of a basic regular expression (`a\|b`). Prints, a
# line each: header and name of every entry that is one of these modules; the lines by which Red Hat's old nash loads
# modules; header and name of the last archive's end; and then
#   $NONCE unpacked STATUS FORMAT
# STATUS: how the decompressor ended; absent: there is no program for it, or none of the name FORMAT, which any image is read
# with; unknown: no format that a kernel knows; cut: it ends within an archive. Without this line it was cut off: processor time is bounded.
# shellcheck disable=SC2030,SC2031 # its variables stay in its subshell, on purpose
# shellcheck disable=SC3045 # dash, bash, busybox ash and mksh have ulimit -t; without it there is no bound
image_read() (
    ulimit -t 120 2>/dev/null
    image_entry='07070[12][0-9A-Fa-f]\{104\}'
    image_modules="${image_entry}[^ ]*/\\($2\\)\\.ko[.a-z0-9]*\$"
    image_at=0
    # Where one of a chain is missing, the others make of it an image that holds nothing.
    image_can od tr grep || return
    image_format "$1" 0
    if [ "$image_format" = none ]; then
        image_can awk || return
        # Where the first archive is that is compressed.
        image_at=$(tr '\000' '\n' <"$1" | awk '
            ended && length($0) { if ($0 !~ /^07070[12]/) { found = 1; print at; exit } ended = 0 }
            /07070[12][0-9A-Fa-f]*TRAILER!!!$/ { ended = 1 }
            { at += length($0) + 1 }
            END { if (!found) print ended ? "whole" : "cut" }')
        case $image_at in
        # It was ended.
        "") return ;;
        *[0-9]*)
            image_can head tail || return
            image_format "$1" "$image_at"
            ;;
        *) image_status=$image_at image_at=0 ;;
        esac
    fi
    case $image_format in
    none)
        image_entries <"$1"
        [ "$image_status" = cut ] || image_status=0
        printf '%s unpacked %s none\n' "$NONCE" "$image_status"
        return
        ;;
    unknown) image_status=unknown ;;
    *) command -v "$image_program" >/dev/null || image_status=absent ;;
    esac
    if [ -n "$image_status" ]; then
        printf '%s unpacked %s %s\n' "$NONCE" "$image_status" "$image_format"
        return
    fi
    [ "$image_at" = 0 ] || head -c "$image_at" "$1" | image_entries | grep -v 'TRAILER!!!$'
    {
        if [ "$image_at" = 0 ]; then
            "$image_program" -dc <"$1"
        else
            tail -c "+$((image_at + 1))" "$1" | "$image_program" -dc
        fi
        printf '\n%s unpacked %s %s\n' "$NONCE" "$?" "$image_format"
    } 2>/dev/null | image_entries
)

# image_can PROGRAM...: says which of them is missing.
image_can() {
    for image_program; do
        command -v "$image_program" >/dev/null || {
            printf '%s unpacked absent %s\n' "$NONCE" "$image_program"
            return 1
        }
    done
}

# image_format PATH OFFSET: by which program the archive there is to be unpacked, in `image_format`: none, or unknown.
image_format() {
    image_status=
    image_magic=$(od -An -tx1 -j "$2" -N 6 "$1" 2>/dev/null)
    case ${image_magic# } in
    "30 37 30 37 30 3"[12]*) image_format=none ;;
    "1f 8b"*) image_format=gzip ;;
    "28 b5 2f fd"*) image_format=zstd ;;
    "fd 37 7a 58 5a 00"*) image_format=xz ;;
    "5d 00 00"*) image_format=lzma ;;
    "02 21 4c 18"*) image_format=lz4 ;;
    "42 5a 68"*) image_format=bzip2 ;;
    "89 4c 5a 4f 00 0d"*) image_format=lzop ;;
    *) image_format=unknown ;;
    esac
    image_program=$image_format
    # Not all have a program of that name; busybox's xz does not know the format.
    [ "$image_format" != lzma ] || command -v lzma >/dev/null || image_program=xz
}

# Two greps: the first, for fixed strings, is fast everywhere; the second alone takes busybox seconds for an image.
# shellcheck disable=SC2031
image_entries() {
    tr '\000' '\n' |
        grep -aF -e .ko -e 'TRAILER!!!' -e "$NONCE unpacked " |
        grep -ao -e "$image_modules" -e "$image_entry"'TRAILER!!!$' -e '^insmod [/]lib/[^ ]*\.ko' -e "^$NONCE unpacked .*"
}
