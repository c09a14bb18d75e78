# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Installs a kernel's package beside the kernels that are there, and removes it again. engine/kernel_package.py makes a command of
# these functions and says what they are for; in_place.sh, images.sh, image_proof.sh and the functions of the menu stand
# before them. The command sets: `release`, the kernel's; `modules`, a pattern of all modules that are looked for; `margin`, KiB that
# stay free; and defines `apt`, which installs without a question.
#
# "$NOTES" holds: menu, what GRUB read at first; made, what we made of it; links and links.after; announced and before, of
# engine/packages.py.
#
# Run in a shell of its own: `fail` ends it.

# shellcheck disable=SC2154 # variables of the command, and of the functions of the menu
# shellcheck disable=SC2016 # for other shells
# shellcheck disable=SC2015 # `a && b || fail`: fail does not come back

# What GRUB reads is written by us, in one rename. A package's script writes it in place, and before the image is proved.
menu_left_alone() {
    unshare -m sh -c '
        mount --make-rprivate / || exit 1
        for tool in update-grub grub-mkconfig; do
            place=$(command -v "$tool") || continue
            mount --bind "$ROOT/bin/true" "$place" || exit 1
        done
        exec "$@"' sh "$@"
}

# For grub-mkconfig the kernel is not there: it takes regular files.
kernel_hidden() {
    if [ -e "$ROOT/boot/vmlinuz-$release" ]; then
        unshare -m sh -c '
            mount --make-rprivate / && mount --bind /dev/null "$0" || exit 1
            exec "$@"' "$ROOT/boot/vmlinuz-$release" "$@"
    else
        "$@"
    fi
}

running() {
    cat "$ROOT/proc/sys/kernel/osrelease"
}

# ---- Install ---------------------------------------------------------------------------------------------------------

# The packages. Ubuntu has the drivers that not everybody needs in another one.
packages() {
    echo "linux-image-$release"
    case $(dpkg-query -W -f='${Status}' "linux-modules-extra-$(running)" 2>/dev/null) in
    *" ok installed") echo "linux-modules-extra-$release" ;;
    esac
}

# Nothing of it is there yet, there is room, and the menu can be left alone.
can_install() {
    for file in "boot/vmlinuz-$release" "boot/initrd.img-$release" "lib/modules/$release"; do
        [ ! -e "$ROOT/$file" ] || fail "/$file is there already"
    done
    menu_left_alone true || fail "no file can be hidden from a package's scripts here (unshare and mount --bind fail)"
    now=$(running)
    room_for boot "boot/vmlinuz-$now" "boot/initrd.img-$now" "boot/System.map-$now" "boot/config-$now"
    room_for lib/modules "lib/modules/$now"
}

# room_for FOLDER FILE...: room for as much as FILEs take, and a quarter.
room_for() {
    within=$ROOT/$1
    shift
    has_room "$within" "$(cd "$ROOT/" && du -sk "$@" 2>/dev/null |
        awk -v margin="$margin" '{ kib += $1 } END { print int(kib * 5 / 4) + margin }')" "another kernel"
}

# What apt would install; nothing where it would do more than add.
announce() {
    would=$(simulate "$@") || {
        apt update >&2
        would=$(simulate "$@") || fail "apt-get cannot install $*: $(echo "$would" | grep '^E:' | tail -n 1)"
    }
    more=$(echo "$would" | sed -n -e 's/^Remv \([^ ]*\).*/remove \1/p' -e 's/^Inst \([^ ]*\) \[.*/replace \1/p' | tr '\n' ' ')
    [ -z "$more" ] || fail "apt-get would also ${more% }, which could not be undone: that is the patch process's"
    echo "$would" | sed -n 's/^Inst \([^ ]*\).*/\1/p'
}

simulate() {
    apt -s --no-install-recommends install "$@" 2>&1
}

# Links to the newest kernel (linux-update-symlinks).
links() {
    for link in vmlinuz vmlinuz.old initrd.img initrd.img.old boot/vmlinuz boot/vmlinuz.old boot/initrd.img boot/initrd.img.old; do
        [ ! -e "$ROOT/$link" ] || [ -h "$ROOT/$link" ] || continue
        echo "$link $(readlink "$ROOT/$link")"
    done
}

# What there is before, for the undo.
note() {
    keep_menu
    links >"$NOTES/links.part"
    on_disk "$NOTES/links.part"
    mv -f "$NOTES/links.part" "$NOTES/links" || exit 1
    sync
}

# What is loaded now, and was in the image that this kernel was started from, is in the new one, or in the new kernel itself. What
# that kernel does not have any more it may do without, but for drivers of disks.
prove_image() {
    loaded=$(cd "$ROOT/sys/module" && for name in */initstate; do echo "${name%/*}"; done)
    pattern=$(echo "$loaded" | sed -e 's/_/[-_]/g' -e '$!s/$/\\|/' | tr -d '\n')
    held=$(image_read "$ROOT/boot/initrd.img-$(running)" "$pattern")
    is_whole || fail "what the image of the kernel that runs holds cannot be read: ${held##*"$NONCE unpacked "}"
    needed=$(for name in $loaded; do ! holds "$name" || echo "$name"; done)
    held=$(image_read "$ROOT/$image" "$pattern")
    is_whole || fail "/$image does not unpack: ${held##*"$NONCE unpacked "}"
    for name in $needed; do
        file=$(echo "$name" | sed 's/_/[-_]/g')
        ! holds "$name" && ! grep -qs "/$file\.ko" "$ROOT/lib/modules/$release/modules.builtin" || continue
        grep -qs "/$file\.ko[^:]*:" "$ROOT/lib/modules/$release/modules.dep" || expr "x$name" : "x\($modules\)\$" >/dev/null ||
            continue
        fail "/$image lacks $name, which the kernel that runs was started with: the guest might not boot from it"
    done
}

# The kernel and its image are there, and the menu was left alone.
prove_kernel() {
    links >"$NOTES/links.after"
    image=boot/initrd.img-$release
    for file in "boot/vmlinuz-$release" "$image"; do
        [ -f "$ROOT/$file" ] && [ -s "$ROOT/$file" ] || fail "the package left no /$file"
    done
    prove_image
    same "$kept" "$config" || fail "the package's scripts changed ${config#"$ROOT"}"
    on_disk "$ROOT/boot/vmlinuz-$release" "$ROOT/$image"
    settle "$ROOT/boot"
}

# ---- Undo ------------------------------------------------------------------------------------------------------------

# Before the kernel goes, its entries go, also where the package's scripts made them in spite of us.
leave_menu() {
    former_menu
    ! kernels "$config" | grep -q "/vmlinuz-$release\$" || build
}

# The modules of a kernel that runs cannot go. 75: after a reboot.
not_running() {
    [ "$(running)" != "$release" ] || {
        echo "kernel $release runs still, and the next boot starts the one before it: reboot the guest, then run this again"
        exit 75
    }
}

# The links are ours unless somebody else has set one since.
claim_links() {
    [ ! -e "$NOTES/links.ours" ] || return 0
    [ -e "$NOTES/links.after" ] && [ "$(links)" != "$(cat "$NOTES/links.after")" ] || : >"$NOTES/links.ours"
}

# What the packages' removal left: a cut image, what depmod wrote, links, the mark that a reboot is waited for.
leave_files() {
    rm -f "$ROOT/boot/initrd.img-$release" "$ROOT/boot/initrd.img-$release.new" "$ROOT/lib/modules/$release"/modules.*
    rmdir "$ROOT/lib/modules/$release" 2>/dev/null
    if [ -e "$NOTES/links.ours" ]; then
        while read -r link target; do
            [ "$(readlink "$ROOT/$link")" != "$target" ] || continue
            rm -f "$ROOT/$link"
            [ -z "$target" ] || ln -s "$target" "$ROOT/$link"
        done <"$NOTES/links"
    fi
    mark=$ROOT/run/reboot-required
    # There was none before, or the kernel would not have been installed.
    if [ -e "$mark.pkgs" ] && ! grep -qvxF -f "$NOTES/announced" -e linux-base "$mark.pkgs"; then
        rm -f "$mark" "$mark.pkgs"
    fi
    sync
}
