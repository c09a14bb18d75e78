#!/bin/sh
# Builds the disks of the VMs: build.sh [IMAGE...]      (default: all; see `images` below)
#
# .build/vm/IMAGE.qcow2 is a link to the disk whose name holds a checksum of what it is made from. A disk or a base system
# that is there is not built again, and nothing depends on its being there: deleting .build/vm costs two minutes.
# Root, or a user with subordinate ids (man 5 subuid).
#
# VMGUEST_MIRROR  Debian mirror to build from (default: mmdebstrap's own choice)
set -eu
LC_ALL=C.UTF-8
export LC_ALL

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/../../.." && pwd)
cache=$top/.build/vm
images='debian dracut grub-legacy'

say() { printf 'vm: %s\n' "$*" >&2; }

# As root of a namespace of its own, with root's place and mounts; nothing of it outlasts the command.
alone() {
    if [ "$(id -u)" -eq 0 ]; then
        unshare --mount "$@"
    else
        mmdebstrap --unshare-helper "$@"
    fi
}

# sets $base to the base system's archive
base() {
    base=$cache/base-$(printf '%s' "${VMGUEST_MIRROR:-}" | cat - "$here/base.sh" | sha256sum | cut -c 1-12).tar
    [ ! -e "$base" ] || return 0
    say "base system: bootstrapping Debian 12 (a minute)"
    rm -f "$cache"/base-*
    sh "$here/base.sh" "$base.part.tar"
    mv "$base.part.tar" "$base"
}

image() { # name
    disk=$1-$(cat "$here/base.sh" "$here/image.sh" "$cache/key.pub" | sha256sum | cut -c 1-12).qcow2
    if [ ! -e "$cache/$disk" ]; then
        base
        say "$1: building (a quarter of a minute)"
        rm -f "$cache/$1"-*.qcow2 "$cache/$1"-*.qcow2.log
        # The script as an argument: a home directory is closed to the root of a user namespace.
        alone sh -c "$(cat "$here/image.sh")" image.sh "$1" "$(cat "$cache/key.pub")" \
            <"$base" >"$cache/$1.part" 2>"$cache/$1.log" || {
            cat "$cache/$1.log" >&2
            rm -f "$cache/$1.part"
            say "building $1 failed; the end of its output stands above"
            exit 1
        }
        mv "$cache/$1.part" "$cache/$disk"
    fi
    ln -sfn "$disk" "$cache/$1.qcow2"
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ -f "$cache/key" ] || ssh-keygen -q -t ed25519 -N '' -C 'vmguest.linux, test VMs' -f "$cache/key"
# shellcheck disable=SC2086 # a list of words
[ "$#" -gt 0 ] || set -- $images
for name in "$@"; do
    case " $images " in
        *" $name "*) image "$name" ;;
        *)
            say "no image called '$name'; there are: $images"
            exit 2
            ;;
    esac
done
