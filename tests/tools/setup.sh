#!/bin/sh
# Prepares everything the gates need under .build/: `make setup`.
#
#   tests/tools/setup.sh [packages] [vm-packages] [environments] [collections] [ansible-test]      (default: all, in this order)
#   tests/tools/setup.sh peers                                 the tools that only `make bench-peers` measures us against
#   tests/tools/setup.sh rulebook                              Event-Driven Ansible, which only `make rulebook` runs
#   tests/tools/setup.sh awx                                   database and redis for AWX, which only `make awx` runs
#
# Starts from a bare Debian 12 (as root, or with sudo) and may be run again at any time: a part whose inputs have not
# changed since it last succeeded is skipped. Nothing outside .build/ is written but Debian packages and
# ansible-test's own cache (~/.ansible/test/cache).
#
# SETUP_PYTHONS  colon-separated folders to look for Pythons in, instead of PATH and ~/.pyenv/versions
set -eu
LC_ALL=C.UTF-8 # Ansible refuses to start under any encoding but UTF-8
export LC_ALL

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
top=$(CDPATH='' cd -- "$here/../.." && pwd)
build=$top/.build
requirements=$top/tests/requirements

# What the gates call, by the Debian package that brings it.
packages="
ca-certificates git make python3 python3-venv
acl attr busybox-static bzip2 dash lz4 lzop mksh shellcheck strace util-linux xz-utils zstd
openssh-client openssh-server
aardvark-dns catatonit conmon iptables netavark nftables podman runc
chromium chromium-driver fonts-dejavu-core
"
# What a VM needs (tests/vm, tests/crash), without the rest.
vm_packages="
ca-certificates make python3 python3-venv
bash busybox-static dash e2fsprogs fdisk grub-pc-bin mmdebstrap openssh-client qemu-system-x86 qemu-utils seabios uidmap
util-linux xfsprogs
"
# What a rulebook needs: its rules are Java's.
rulebook_packages="ca-certificates curl default-jre-headless openssl python3 python3-venv"
# What AWX stands on; AWX itself is there already.
awx_packages="git podman postgresql redis-server"

say() { printf 'setup: %s\n' "$*"; }
die() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "needs root to run '$*', and there is no sudo: run as root, or install the packages yourself"
    fi
}

# ---- stamps: a part is done when its stamp holds the checksum of what it was made from ---------------------------

checksum() { cat "$@" | cksum | tr ' ' -; }

fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; } # stamp, checksum

# ---- Debian packages ---------------------------------------------------------------------------------------------

setup_packages() { # list of packages
    # shellcheck disable=SC2086 # a list of words
    set -- $1
    if ! command -v dpkg-query >/dev/null 2>&1; then
        say "packages: not a Debian system; have these at hand yourself: $*"
        return 0
    fi
    missing=
    for package in "$@"; do
        # shellcheck disable=SC2016 # ${...} is dpkg-query's own format, not the shell's
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) in
            ii*) ;;
            *) missing="$missing $package" ;;
        esac
    done
    if [ -z "$missing" ]; then
        say "packages: all there"
        return 0
    fi
    say "packages: installing$missing"
    as_root apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# toybox is taken out of its package, and not installed: where it is on PATH the probe takes Photon's way in every test.
setup_toybox() {
    [ ! -x "$build/toybox/bin/toybox" ] || return 0
    command -v dpkg-deb >/dev/null 2>&1 || return 0
    say "toybox: for the probe's test, into .build/toybox"
    mkdir -p "$build"
    place=$(mktemp -d "$build/toybox.XXXXXX")
    # Its own words for the sandbox that it does without in a folder of ours are of no use to anybody.
    (
        cd "$place"
        apt-get -qq download toybox 2>/dev/null || { as_root apt-get update -qq && apt-get -qq download toybox 2>/dev/null; }
        dpkg-deb -x toybox_*.deb .
        rm -f toybox_*.deb
    ) || die "cannot fetch Debian's package toybox: see what apt-get download toybox says"
    rm -rf "$build/toybox"
    mv "$place" "$build/toybox"
}

# ---- virtual environments ----------------------------------------------------------------------------------------

# Prints "MINOR PATH" for every Python 3 that can make a virtual environment. Each is asked itself: a shim on PATH may
# stand for nothing, and a distribution may ship Python without ensurepip.
pythons() {
    if [ -n "${SETUP_PYTHONS:-}" ]; then
        folders=$SETUP_PYTHONS
    else
        folders=$PATH
        for folder in "$HOME"/.pyenv/versions/*/bin; do
            [ -d "$folder" ] && folders=$folders:$folder
        done
    fi
    old_ifs=$IFS
    IFS=:
    # shellcheck disable=SC2086 # split at the colons
    set -f -- $folders
    IFS=$old_ifs
    set +f
    for folder in "$@"; do
        for python in "$folder"/python3 "$folder"/python3.[0-9] "$folder"/python3.[0-9][0-9]; do
            [ -x "$python" ] || continue
            minor=$("$python" -c 'import ensurepip, sys, venv; print(sys.version_info[1])' 2>/dev/null) || continue
            printf '%s %s\n' "$minor" "$python"
        done
    done
}

chosen_python() { # the newest or the oldest one, lowest and highest minor version allowed
    case $1 in
        newest | pyinfra | rulebook) order=-rn ;;
        *) order=-n ;;
    esac
    pythons | awk -v low="$2" -v high="$3" '$1 >= low && $1 <= high' | sort -s "$order" -k 1,1 | sed -n '1s/^[0-9]* //p'
}

setup_environment() { # newest or oldest, lowest and highest minor version of Python
    venv=$build/venv/$1
    stamp=$venv/.setup
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null; then
        python=$venv/bin/python
    else
        python=$(chosen_python "$@")
        [ -n "$python" ] || die "no Python 3.$2 to 3.$3 with venv on PATH or under ~/.pyenv/versions: install one"
    fi
    sum=$("$python" --version)-$(checksum "$requirements/$1.txt" "$requirements/$1-constraints.txt")
    if fresh "$stamp" "$sum"; then
        say "$1: up to date ($("$venv/bin/python" --version))"
        return 0
    fi
    say "$1: installing for $("$python" --version) into .build/venv/$1"
    if [ "$python" != "$venv/bin/python" ]; then
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    rm -f "$stamp"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-warn-conflicts \
        --requirement "$requirements/$1.txt" --constraint "$requirements/$1-constraints.txt" || return 1
    [ ! -x "$venv/bin/ansible" ] || say "$1: $("$venv/bin/ansible" --version | sed -n 1p)"
    printf '%s' "$sum" >"$stamp"
}

setup_environments() {
    # ansible-core 2.16 needs 3.10 or later on the controller and knows Pythons up to 3.12.
    setup_environment newest 10 99
    setup_environment oldest 10 12
    # Ansible and Python both look for ansible_collections/vmguest/linux: this link is the development tree there.
    mkdir -p "$build/import/ansible_collections/vmguest"
    ln -sfn "$top" "$build/import/ansible_collections/vmguest/linux"
}

# A peer that cannot be installed here is told in the bench's table, and does not keep the others from being measured.
setup_peers() {
    for peer in "pyinfra 10 99" "salt 10 13"; do
        # shellcheck disable=SC2086 # three words
        set -- $peer
        if ! setup_environment "$@"; then
            mkdir -p "$build/venv/$1"
            printf 'pip could not install it for Python 3.%s to 3.%s on this machine\n' "$2" "$3" >"$build/venv/$1/why_not"
            say "$1: not installed; the table will say so"
        else
            rm -f "$build/venv/$1/why_not"
        fi
    done
}

# Ansible itself comes from the newest environment: a rulebook starts the ansible-playbook that is in PATH.
setup_rulebook() {
    setup_packages "$rulebook_packages"
    setup_environment rulebook 10 14 # the bridge to Java is compiled for these
}

# ---- collections that the tests use (the collection itself needs none) -------------------------------------------

setup_collections() {
    sum=$(checksum "$requirements/collections.txt" "$here/extract_collections.py")
    if fresh "$build/collections/.setup" "$sum"; then
        say "collections: up to date"
        return 0
    fi
    say "collections: taking$(sed '/^#/d; /^ansible==/d; s/^/ /' "$requirements/collections.txt" | tr -d '\n') out of the ansible package"
    mkdir -p "$build"
    wheels=$(mktemp -d "$build/wheels.XXXXXX")
    trap 'rm -rf "$wheels"' EXIT
    # Whatever Python that release asks for: nothing of it is run, folders are taken out of it.
    "$build/venv/newest/bin/python" -m pip download -qq --disable-pip-version-check --no-deps --ignore-requires-python \
        --dest "$wheels" "$(grep '^ansible==' "$requirements/collections.txt")"
    rm -rf "$build/collections"
    # shellcheck disable=SC2046 # a list of words
    "$build/venv/newest/bin/python" "$here/extract_collections.py" "$wheels"/ansible-*.whl "$build/collections" \
        $(sed '/^#/d; /^ansible==/d' "$requirements/collections.txt")
    rm -rf "$wheels"
    trap - EXIT
    printf '%s' "$sum" >"$build/collections/.setup"
}

# ---- ansible-test ------------------------------------------------------------------------------------------------

setup_ansible_test() {
    say "ansible-test: pip for its virtual environments"
    for core in newest oldest; do
        "$build/venv/$core/bin/python" "$here/prime_ansible_test.py"
    done
}

[ "$#" -gt 0 ] || set -- packages vm-packages environments collections ansible-test
for part in "$@"; do
    case $part in
        packages) setup_packages "$packages" && setup_toybox ;;
        vm-packages) setup_packages "$vm_packages" ;;
        environments) setup_environments ;;
        collections) setup_collections ;;
        ansible-test) setup_ansible_test ;;
        peers) setup_peers ;;
        rulebook) setup_rulebook ;;
        awx) setup_packages "$awx_packages" ;;
        *) die "no part called '$part'; there are: packages vm-packages environments collections ansible-test peers rulebook awx" ;;
    esac
done
