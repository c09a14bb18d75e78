# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Who else is at work on a guest: package managers, what builds boot images and boot entries, and other runs. Functions only, sent before
# those of apply.sh and reboot.sh, with ROOT before them. docs/architecture.md says who asks. Writes nothing.
#
# A package manager is known by the lock that it holds, not by its name: `apt list`, a dnf that waits for an answer and the
# service that only waits for the shutdown (unattended-upgrade-shutdown) are in nobody's way. What builds holds no lock, and
# is known by its name.
#
# For guests without flock, fuser, lsof and stat: /proc/locks has the inodes of what is locked (proc_locks(5)).

# The start time of process $1 (a number, or `self`) in `started`, its number in `process`; false where there is none.
process_started() {
    started=""
    { IFS= read -r started <"/proc/$1/stat"; } 2>/dev/null || return 1
    process=${started%% *}
    # The command's name stands in parentheses and may hold anything.
    started=${started##*) }
    # shellcheck disable=SC2086 # fields
    set -- $started
    case ${1:-} in
    "" | Z | X) return 1 ;;
    esac
    started=${20:-}
}

# at_work packages|boot...: says who is at work; false where nobody is. To be called in a shell of its own: `$(at_work …)`.
at_work() {
    set +f
    # An image that is mounted somewhere has no /proc of its own. Then this machine's tells who works in there.
    proc=$ROOT/proc
    inside=""
    if [ ! -e "$proc/locks" ]; then
        proc=/proc
    elif [ -n "$ROOT" ]; then
        inside=$(CDPATH="" cd -P "$ROOT" && pwd -P)
    fi
    for work; do
        case $work in
        packages) package_locks ;;
        boot) boot_builders ;;
        esac && return 0
    done
    return 1
}

package_locks() {
    set --
    # dpkg and apt (dpkg/lock.c, apt-pkg fileutl.cc GetLock), rpm for its transactions (rpmlock.c; the last two are those of
    # EL 4 and 5), dnf 5 and tukit lock these files. The lock that rpm takes for a query is one for reading.
    for lock in "$ROOT"/var/lib/dpkg/lock-frontend "$ROOT"/var/lib/dpkg/lock "$ROOT"/var/lib/apt/lists/lock \
        "$ROOT"/var/cache/apt/archives/lock "$ROOT"/var/run/unattended-upgrades.lock \
        "$ROOT"/var/lib/rpm/.rpm.lock "$ROOT"/usr/lib/sysimage/rpm/.rpm.lock "$ROOT"/usr/share/rpm/.rpm.lock \
        "$ROOT"/run/dnf/rpmtransaction.lock "$ROOT"/var/run/.tdnf-instance-lockfile "$ROOT"/var/run/tukit.lock \
        "$ROOT"/var/run/transactional-update.pid "$ROOT"/var/lock/rpm/transaction "$ROOT"/var/lib/rpm/transaction.lock; do
        [ ! -f "$lock" ] || set -- "$@" "$lock"
    done
    { [ $# -gt 0 ] && locked "$@"; } || pid_files
}

# libzypp, yum, dnf 4 and up2date write their process's number into a file, and take it for theirs while that process lives.
pid_files() {
    for lock in "$ROOT"/var/run/zypp.pid "$ROOT"/run/zypp.pid "$ROOT"/var/run/yum.pid "$ROOT"/run/yum.pid \
        "$ROOT"/var/run/up2date.pid "$ROOT"/var/cache/dnf/*_lock.pid "$ROOT"/var/lib/dnf/*_lock.pid; do
        process=""
        { read -r process <"$lock"; } 2>/dev/null
        case $process in
        "" | *[!0-9]* | "$$") continue ;;
        esac
        if name_process "$process"; then
            printf "%s (process %s) holds %s" "$name" "$process" "${lock#"$ROOT"}"
            return 0
        fi
    done
    return 1
}

# The name of process $1, in `name`; false where it is no more. Its parentheses may hold anything.
name_process() {
    name=""
    { IFS= read -r name <"$proc/$1/stat"; } 2>/dev/null || return 1
    case ${name##*) } in
    "" | Z* | X*) return 1 ;;
    esac
    name=${name#*\(}
    name=${name%\)*}
}

# locked FILE...: says who has a lock for writing on one of them.
locked() {
    # At once: who reads it piece by piece sees some locks twice, and others never.
    locks=$(cat "$proc/locks" 2>/dev/null)
    case $locks in
    *WRITE*) ;;
    *) return 1 ;;
    esac
    newline=$(printf "\nx")
    newline=${newline%x}
    listed=$(ls -id "$@" 2>/dev/null)$newline
    # In our order, not in that of ls.
    for lock; do
        inode=${listed%% "$lock$newline"*}
        [ "$inode" != "$listed" ] || continue
        inode=${inode##*[!0-9]}
        case $locks in
        *:"$inode "*) ;;
        *) continue ;;
        esac
        said=$(holder "$inode" "$lock")
        [ -z "$said" ] || {
            printf "%s" "$said"
            return 0
        }
    done
    return 1
}

# holder INODE FILE: a line of `locks` is `1: POSIX ADVISORY WRITE 4711 08:01:131092 0 EOF`; who waits has an arrow there.
holder() {
    printf "%s\n" "$locks" 2>/dev/null | while read -r dummy class dummy access process where dummy; do
        if [ "$class $access ${where##*:}" = "$class WRITE $1" ] && [ "$class" != "->" ] && same_device "$where" "$2"; then
            # Of a process of another container there is no number.
            if name_process "$process"; then
                printf "%s (process %s) holds %s" "$name" "$process" "${2#"$ROOT"}"
            else
                printf "another process holds %s" "${2#"$ROOT"}"
            fi
            break
        fi
    done
}

# same_device MAJOR:MINOR:INODE FILE. The device of a lock is the file system's, as in mountinfo and unlike in stat(2): there
# every subvolume of a btrfs has a number of its own. Without mountinfo (before Linux 2.6.26) the inode has to do.
same_device() {
    [ -r "$proc/self/mountinfo" ] || return 0
    folder=$(CDPATH="" cd -P "${2%/*}" 2>/dev/null && pwd -P) || return 1
    folder=${folder#"$inside"}
    minor=${1#*:}
    device=$((0x${1%%:*})):$((0x${minor%%:*}))
    point=""
    # shellcheck disable=SC2034 # words that are read to be left out
    while read -r dummy dummy there dummy mounted dummy; do
        case $folder/ in
        "${mounted%/}"/*) ;;
        *) continue ;;
        esac
        # Of several on one place the last is seen.
        if [ "${#mounted}" -ge "${#point}" ]; then
            point=$mounted
            on=$there
        fi
    done <"$proc/self/mountinfo"
    [ -z "$point" ] || [ "$on" = "$device" ]
}

# Their names; the kernel keeps 15 bytes of one. A script is known by its own name, not by its interpreter's.
boot_builders() {
    builders="update-initramfs?|mkinitramfs|dracut|mkinitrd|mkinitcpio|depmod|weak-modules|dkms|akmods|grub2?-mkconfig|update-grub2?"
    builders="$builders|grubby|new-kernel-pkg|kernel-install|update-bootload(er)?|transactional-u(pdate)?|tukit"
    # Those that script_of knows, by the names that the kernel keeps.
    interpreters="sh|bash|dash|ash|m?ksh|perl|(platform-)?python.*"
    cd "$proc" || return 1
    # shellcheck disable=SC2013,SC2034,SC2086 # names without blanks; a word that is read to be left out
    said=$(
        # By first digits: before Linux 2.6.23 the names of all of ten thousand processes are too long for one program.
        for some in 1 2 3 4 5 6 7 8 9; do
            grep -hsE "^[0-9]+ \((${builders})\) [^ZX]" $some*/stat
        done | while read -r process name state; do
            name=${name#?}
            name=${name%?}
            case $name in
            # bash before 4.1 takes a pattern's bare parenthesis for the end of $( ).
            (update-initramf) name=update-initramfs ;;
            (update-bootload) name=update-bootloader ;;
            (transactional-u) name=transactional-update ;;
            esac
            ! of_this_guest "$process" || printf "%s (process %s) is running;" "$name" "$process"
        done
        # sh -x /usr/sbin/mkinitrd: few of those that have such a word among theirs are one. Interpreters alone are asked for
        # their words: those of a process whose memory is locked (it may hang on a dead NFS server) keep who reads them waiting.
        for file in $(
            for some in 1 2 3 4 5 6 7 8 9; do
                files=$(grep -hsE "^[0-9]+ \((${interpreters})\) [^ZX]" $some*/stat |
                    while read -r process state; do echo "$process/cmdline"; done)
                [ -z "$files" ] || grep -lsE "$builders" $files
            done
        ); do
            process=${file%/*}
            script=$(script_of "$process" | grep -xE "$builders") && of_this_guest "$process" &&
                printf "%s (process %s) is running;" "$script" "$process"
        done
    )
    [ -n "$said" ] || return 1
    printf "%s" "${said%%;*}"
}

# What an interpreter runs: its first word that is no option. Of `sh -c` it is none.
script_of() {
    { tr "\000" "\n" <"$1/cmdline"; } 2>/dev/null | {
        read -r word
        case ${word##*/} in
        sh | bash | dash | ash | ksh | mksh | perl | python* | platform-python*) ;;
        *) exit 0 ;;
        esac
        while read -r word; do
            case $word in
            -*c*) exit 0 ;;
            -*) ;;
            *)
                printf "%s\n" "${word##*/}"
                exit 0
                ;;
            esac
        done
    }
}

# A container's processes are seen from outside, and are no business of the guest's; their root is another one.
of_this_guest() {
    # Only its owner and root may look at where its root is. One that ends has none, and no words any more: the kernel takes
    # its memory first (do_exit), and only then it counts as a zombie.
    [ -e "$1/root/." ] || {
        grep -qs . "$1/cmdline"
        return
    }
    # shellcheck disable=SC3013 # a shell that does not know -ef fails with another status than 1
    [ "$1/root/." -ef "$ROOT/" ] 2>/dev/null
    [ $? -ne 1 ]
}
