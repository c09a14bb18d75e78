#!/bin/sh
# Builds the images of the test guests: build.sh [GUEST...]      (default: all; see `guests` below)
#
# An image is named after a checksum of everything that it is made from, and is built only where that name is not in
# podman's storage yet; its name without the checksum, IMAGE:current, is what a scenario asks for. No registry is
# needed: the base systems come from the machine's own Debian mirror.
#
# VMGUEST_MIRROR  Debian mirror to build from (default: mmdebstrap's own choice)
set -eu
LC_ALL=C.UTF-8
export LC_ALL

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export CONTAINERS_CONF="$here/containers.conf"
images=localhost/vmguest-test
guests='debian12 debian13 el suse old controller'

# What every guest with systemd has. No Python: where a package manager needs one, its own image adds it.
packages=anacron,cron,dbus,e2fsprogs,iproute2,kmod,logrotate,procps,systemd,systemd-sysv,udev
debian_packages=$packages,initramfs-tools

say() { printf 'containers: %s\n' "$*"; }
die() {
    printf 'containers: %s\n' "$*" >&2
    exit 1
}

# Checksum of the named files and folders, below this one, and of a word that stands for the rest.
key() { # word, paths...
    printf '%s\n' "$1" >"$scratch/key"
    shift
    [ "$#" -eq 0 ] || (cd "$here" && find "$@" -type f | sort | xargs cksum) >>"$scratch/key"
    sha256sum "$scratch/key" | cut -c 1-12
}

have() { podman image exists "$1"; }

# Moves :current to the image just built and drops what was built from older inputs and runs nowhere.
settle() { # name without tag, tag
    podman tag "$1:$2" "$1:current"
    podman images --format '{{.Repository}}:{{.Tag}}' "$1" | while read -r image; do
        case $image in
            "$1:$2" | "$1:current") ;;
            *) podman rmi "$image" >/dev/null 2>&1 || : ;;
        esac
    done
}

# A minimal Debian with systemd as PID 1. Units that would reach for the machine's devices are masked, and the jobs of
# apt's timers too: they would hold apt's lock under the tests. The timers themselves stay, to be scattered.
base() { # suite, packages; sets $base to the image
    base=$images/base-$1
    tag=$(key "$1 $2 ${VMGUEST_MIRROR:-} $(sed -n '/^base()/,/^}/p' "$here/build.sh")")
    if ! have "$base:$tag"; then
        say "base system $1: bootstrapping"
        # shellcheck disable=SC2016 # "$1" is for mmdebstrap's hook
        mmdebstrap --quiet --mode=root --variant=minbase --include="$2" \
            --aptopt='Acquire::Languages "none"' --aptopt='Acquire::GzipIndexes "true"' \
            --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
            --customize-hook='chroot "$1" systemctl --quiet mask apt-daily.service apt-daily-upgrade.service \
                console-getty.service dev-hugepages.mount e2scrub_reap.service getty.target systemd-logind.service \
                systemd-modules-load.service systemd-remount-fs.service systemd-udevd.service \
                systemd-udevd-control.socket systemd-udevd-kernel.socket sys-fs-fuse-connections.mount \
                sys-kernel-debug.mount sys-kernel-tracing.mount' \
            --customize-hook='rm -f "$1/etc/resolv.conf" "$1/etc/hostname"; : >"$1/etc/machine-id"' \
            "$1" "$scratch/base.tar" ${VMGUEST_MIRROR:+"$VMGUEST_MIRROR"}
        podman import --quiet --change 'CMD ["/sbin/init"]' --change 'STOPSIGNAL SIGRTMIN+3' \
            "$scratch/base.tar" "$base:$tag" >/dev/null
        rm "$scratch/base.tar"
        settle "$base" "$tag"
    fi
    base=$base:$tag
}

guest() { # guest, folder of its Containerfile, base image or nothing
    tag=$(key "${3:-} $(sha256sum /bin/busybox)" stand_in "$2")
    if have "$images/$1:$tag"; then
        say "$1: up to date"
    else
        say "$1: building"
        mkdir "$scratch/context"
        cp -R "$here/stand_in" "$here/$2" "$scratch/context/"
        cp /bin/busybox "$scratch/context/busybox"
        podman build --quiet --build-arg "BASE=${3:-}" --file "$here/$2/Containerfile" --tag "$images/$1:$tag" \
            "$scratch/context" >"$scratch/log" 2>&1 || {
            cat "$scratch/log" >&2
            die "building $1 failed; the end of its output stands above"
        }
        rm -rf "$scratch/context"
    fi
    settle "$images/$1" "$tag"
}

[ "$(id -u)" -eq 0 ] || die 'must run as root: base systems are bootstrapped with devices and file owners'
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# shellcheck disable=SC2086 # a list of words
[ "$#" -gt 0 ] || set -- $guests
for name in "$@"; do
    case $name in
        debian12)
            base bookworm "$debian_packages"
            guest debian12 debian "$base"
            ;;
        debian13)
            base trixie "$debian_packages"
            guest debian13 debian "$base"
            ;;
        el)
            base trixie "$debian_packages"
            guest el el "$base"
            ;;
        suse)
            base trixie "$debian_packages"
            guest suse suse "$base"
            ;;
        old) guest old old ;;
        controller)
            base trixie "$debian_packages"
            guest controller controller "$base"
            ;;
        *) die "no guest called '$name'; there are: $guests" ;;
    esac
done
