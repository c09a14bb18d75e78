# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Builds images of the early user space anew, and puts the old ones back. engine/boot_images.py makes a command of these
# functions and says what they are for; in_place.sh, images.sh and image_proof.sh stand before them. They run as a step of apply.sh:
# with ROOT, and NOTES, the step's own folder in the receipt. The command sets besides: `modules`, a pattern of all modules that are
# looked for; `stamp`, the stamp's path; `margin`, KiB that stay free; `smallest`, how many times smaller a new image may be.
#
# An image has a number. "$NOTES/NUMBER.old" is what was there at first, NUMBER.ours the check sums of all that we put there,
# NUMBER.sum what initramfs-tools had noted.
#
# Run in a shell of its own: `fail` ends it.

# shellcheck disable=SC2154 # variables of the command
# shellcheck disable=SC2015 # `a && b || fail`: fail does not come back
# shellcheck disable=SC2046,SC2086 # words on purpose
# shellcheck disable=SC2003 # expr: mksh counts in 32 bits

# at NUMBER IMAGE: names of what belongs to it. IMAGE is a path below the root, without a slash before it.
at() {
    image=$ROOT/$2
    folder=${image%/*}/.vmguest-images
    kept=$NOTES/$1
}

# room FOLDER IMAGE: there is room in FOLDER for an image that is a quarter larger than IMAGE.
room() {
    bytes=$(wc -c <"$2")
    has_room "$1" "$(expr $bytes / 1024 \* 5 / 4 + "$margin")" "an image"
}

clear_folder() {
    [ ! -d "$folder" ] || [ -h "$folder" ] || rm -rf "$folder"
}

make_folder() {
    clear_folder
    (umask 077 && mkdir "$folder") || fail "cannot make ${folder#"$ROOT"}"
}

# like FILE IMAGE: gives FILE the owner, mode and SELinux context of IMAGE.
like() {
    chmod "$(stat -c %a "$2")" "$1" && chown "$(stat -c %u:%g "$2")" "$1" ||
        fail "${2#"$ROOT"}: its owner and mode cannot be kept"
    if [ -e "$ROOT/sys/fs/selinux/enforce" ] || [ -e "$ROOT/selinux/enforce" ]; then
        ! command -v chcon >/dev/null || chcon --reference="$2" "$1" || fail "${2#"$ROOT"}: its SELinux context cannot be kept"
    fi
}

# ---- Build -----------------------------------------------------------------------------------------------------------

# keep NUMBER IMAGE: what is there now, unless something is kept already.
keep() {
    at "$@"
    [ ! -f "$kept.old" ] || return 0
    [ -f "$image" ] && [ ! -h "$image" ] || fail "/$2 is not there any more: run again"
    room "$NOTES" "$image"
    cp -p "$image" "$kept.part" && same "$image" "$kept.part" || fail "/$2 cannot be kept"
    on_disk "$kept.part"
    mv -f "$kept.part" "$kept.old" || exit 1
}

# build NUMBER IMAGE RELEASE KERNEL MODULE...: MODULEs are patterns of file names that the image must hold.
build() {
    at "$@"
    release=$3
    # shellcheck disable=SC2034 # for build_with_tool
    kernel=$ROOT/$4
    out=$folder/${image##*/}
    shift 4
    [ -f "$image" ] || fail "${image#"$ROOT"} is not there any more: run again"
    make_folder
    room "$folder" "$kept.old"
    build_with_tool || fail "building the image of $release ended with status $?"
    [ -f "$out" ] && [ ! -h "$out" ] || fail "the image of $release was not made"
    prove "$@"
    like "$out" "$image"
    cksum <"$out" >>"$kept.ours" || exit 1
    on_disk "$out" "$kept.ours" "$NOTES"
    put_in_place "$out" "$image" "$folder/was"
    clear_folder
    note_sum
    sync
}

# prove MODULE...: the new image is whole, holds them, and is not absurdly small.
prove() {
    held=$(image_read "$out" "$modules")
    is_whole || fail "the new image of $release does not unpack: ${held##*"$NONCE unpacked "}"
    # In an image of nash, what its script loads counts.
    way=/
    case $held in
    *"insmod "?lib/*) way="insmod ?lib/" ;;
    esac
    for module; do
        case $held in
        *$way$module.ko*) ;;
        *) fail "the new image of $release lacks $module: something in the configuration leaves it out" ;;
        esac
    done
    expr $(wc -c <"$out") \* "$smallest" ">=" $(wc -c <"$kept.old") >/dev/null ||
        fail "the new image of $release is absurdly small: $(wc -c <"$out") bytes"
}

# initramfs-tools up to Debian 9 and Ubuntu 20.04 keeps a sum of each image that it made, and leaves others alone.
note_sum() {
    sum=$ROOT/var/lib/initramfs-tools/$release
    [ -f "$sum" ] || return 0
    [ -f "$kept.sum" ] || { cp -p "$sum" "$kept.part" && mv -f "$kept.part" "$kept.sum"; } || exit 1
    cp -p "$sum" "$sum.vmguest" && sha1sum <"$image" >"$sum.vmguest" || exit 1
    read -r hash _ <"$sum.vmguest"
    echo "$hash  ${image#"$ROOT"}" >"$sum.vmguest" && mv -f "$sum.vmguest" "$sum" || exit 1
}

# write_stamp IMAGE...: what each holds, with its identity; probe.sh has the format.
write_stamp() {
    {
        printf "%s\n" "$modules"
        for path; do
            identity=$(stat -c '%i %s %Y %Z' "$ROOT/$path") || continue
            held=$(image_read "$ROOT/$path" "$modules")
            ! is_whole || printf '%s /%s\n%s\n' "$identity" "$path" "$held" |
                sed -e '2,$s/^/+/' -e "s/^+$NONCE unpacked 0 /=/"
        done
    } >"$stamp.new" || exit 1
    sync
    mv -f "$stamp.new" "$stamp"
}

# stamped IMAGE: it is the very file that the stamp was written for.
stamped() {
    grep -qxF "$(stat -c '%i %s %Y %Z' "$ROOT/$1") /$1" "$stamp" || fail "/$1 is not the image that was proved"
}

# ---- Undo ------------------------------------------------------------------------------------------------------------

# Drivers of the controllers that the disks are on now, as far as they are modules. A disk's controller is the last PCI device
# on its way in sysfs, as in evidence/controllers.py.
disk_drivers() {
    for disk in "$ROOT"/sys/block/*; do
        # Before 2.6.27 a disk is a folder of its own, and a link in it leads to its device.
        way=$(cd "$disk/device" 2>/dev/null && pwd -P || { cd "$disk" 2>/dev/null && pwd -P; })
        while [ -n "$way" ]; do
            case ${way##*/} in
            *:*:*.[0-7]) break ;;
            esac
            way=${way%/*}
        done
        [ ! -h "$way/driver" ] || readlink "$way/driver"
    done | sed 's:.*/::; y/-/_/' | sort -u | while read -r driver; do
        [ ! -e "$ROOT/sys/module/$driver/initstate" ] || echo "$driver"
    done
}

# ask NUMBER IMAGE: it is still what was there at first, or what we put there; and what was there at first boots the guest
# from where its disks are now: they may have been moved since.
ask() {
    at "$@"
    ! replaced || built_here || fail "/$2: changed since: somebody else has built it anew"
    would_boot "$@"
}

# Whether another image than that of before is in place.
replaced() {
    [ -f "$kept.old" ] && [ -f "$image" ] && ! same "$kept.old" "$image"
}

# Whether the one in place is ours.
built_here() {
    grep -qsxF "$(cksum <"$image")" "$kept.ours"
}

# would_boot NUMBER IMAGE: with the image of before, which is about to be put back.
would_boot() {
    at "$@"
    replaced && built_here || return 0
    held=
    for driver in $(disk_drivers); do
        [ -n "$held" ] || held=$(image_read "$kept.old" "$modules")
        holds "$driver" ||
            fail "/$2: its old image lacks $driver, which drives the disks now, and would not boot: move the disks back first"
    done
}

# put_back NUMBER IMAGE RELEASE. An image that is gone went with its kernel.
put_back() {
    at "$@"
    clear_folder
    rm -f "$kept.part"
    [ -f "$kept.old" ] || return 0
    # What somebody else built since a cut stays; a revert asks before it begins.
    if replaced && built_here; then
        make_folder
        # What stays free does not matter now: a copy that does not fit changes nothing.
        margin=0
        room "$folder" "$kept.old"
        cp -p "$kept.old" "$folder/old" && same "$kept.old" "$folder/old" || fail "/$2 cannot be put back"
        like "$folder/old" "$image"
        on_disk "$folder/old"
        put_in_place "$folder/old" "$image" "$folder/was"
        clear_folder
    fi
    sum=$ROOT/var/lib/initramfs-tools/$3
    rm -f "$sum.vmguest"
    if [ -f "$kept.sum" ]; then
        cp -p "$kept.sum" "$sum.vmguest" && mv -f "$sum.vmguest" "$sum" || exit 1
    fi
    sync
}
