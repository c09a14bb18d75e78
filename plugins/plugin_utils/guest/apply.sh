# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Executes a plan of reversible steps on a guest, each transaction written ahead to a receipt under /var/lib/vmguest.
# docs/architecture.md describes the steps, the receipts and what is printed. Functions only: apply_payload.py puts
# NONCE, ROOT, RUN, NOW, WAIT, PAYLOAD, busy.sh, settle.sh and compare.sh before them, and `plan` and the call of `apply_main`
# after them.
#
# How it stays safe, in short:
# - Nothing of the system is touched before what undoes it is on disk (record: where we shall write, then sync; prepare:
#   backups and files beside, then sync).
# - A file is replaced by rename only; what is renamed was built in a folder of our own beside it, `.vmguest-RUN-…`, made
#   by mkdir, which follows no planted link and overwrites nothing. cron, udev, systemd, modprobe, sudo, logrotate and
#   run-parts skip names with a leading dot, and folders.
# - Undoing looks at what is there, not at how far we came, so it serves failure, recovery and revert, and may itself be
#   cut and begun again.
#
# Variables are global (POSIX has no `local`): `why` is the reason of the last refusal or failure; `receipt` and `folder`
# are the receipt and the step's folder at hand; `path` is a path on the guest, `target` the same under ROOT.

# ---- The frame -------------------------------------------------------------------------------------------------------

apply_main() {
    LC_ALL=C
    # A guest tree's PATH is all there is. The plan's commands name the guest's files as "$ROOT/…".
    [ -n "$ROOT" ] || PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
    export LC_ALL PATH ROOT
    # An administrator's, which would colour or change what grep prints (GNU grep before 3.6).
    unset GREP_OPTIONS
    umask 077
    set -f
    # bash 3.0 (EL4) does not tell of a disk that is full; a program does.
    printf_is_deaf=""
    ! (printf x >/dev/full) 2>/dev/null || printf_is_deaf=yes
    # uutils' (Ubuntu 25.10 and later) syncs all there is, whatever it is asked for, and tells of no failure; asked for the data
    # of files, it does.
    sync_is_deaf=""
    case $(sync --version 2>/dev/null) in
    *uutils*) sync_is_deaf=yes ;;
    esac
    # A connection that is lost must not stop us half-way. PIPE gets a handler and is not ignored, because what is
    # ignored stays ignored in the commands that we run.
    trap "" HUP
    trap : PIPE
    cd /
    newline=$(printf "\nx")
    newline=${newline%x}
    state=$ROOT/var/lib/vmguest
    receipts=$state/receipts
    saved=""
    real_root=$(CDPATH="" cd -P "$ROOT/" && printf "%s" "$PWD")
    real_root=${real_root%/}
    boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
    alone_from=""
    waited_for_others=0

    emit begin apply 1
    phase=count
    planned=0
    plan
    if [ "$planned" -gt 0 ] || anything_unfinished; then
        apply_exclusively
    fi
    emit end
    release_lock
    set +f
    return 0
}

# What is called below must be there: what a program that is missing would have said is else taken for an answer.
has_programs() {
    for program in cat chmod cp find grep ln ls mkdir mv rm rmdir sed sleep sync tail tr; do
        command -v "$program" >/dev/null 2>&1 || fail "it has no program $program, which changes are made with: install it" || return 1
    done
    command -v cmp >/dev/null 2>&1 || command -v sha256sum >/dev/null 2>&1 ||
        fail "it has no program cmp, nor sha256sum, with which what was written is compared: install diffutils"
}

apply_exclusively() {
    lock=""
    if ! has_programs || ! open_state; then
        emit refused "$(sentence "$why")"
        return 0
    fi
    take_lock || return 0
    if repeat_saved; then
        return 0
    fi
    saved=$state/last-output
    put "$saved" "$PAYLOAD$newline" 2>/dev/null || saved=""
    recover
    alone_from=""
    phase=apply
    plan
}

# One line of the frame: to the controller, and kept for an ssh retry of this very payload.
emit() {
    {
        printf "%s %s\n" "$NONCE" "$*"
        [ -z "${saved:-}" ] || printf "%s %s\n" "$NONCE" "$*" >>"$saved"
    } 2>/dev/null
}

# A sentence on one line, without control characters.
sentence() {
    case $* in
    *[!\ -~]*) printf "%s" "$*" | tr "\000-\037\177" " " ;;
    *) printf "%s" "$*" ;;
    esac
}

# The last 20 lines that a command printed, without control characters; at most 8 KiB, which no connection chokes on.
detail() {
    [ -s "$1" ] || return 0
    text=$(tail -c 8192 "$1" | tr "\r" "\n" | tr -d "\000-\010\013-\037\177" | tail -n 20)
    [ -n "$text" ] || return 0
    {
        printf "%s\n" "$text"
        [ -z "$saved" ] || printf "%s\n" "$text" >>"$saved"
    } 2>/dev/null
}

# ssh repeats a command whose connection broke. If the first attempt came to its end, its output is the answer.
repeat_saved() {
    read_line "$state/last-output" && [ "$line" = "$PAYLOAD" ] || return 1
    [ "$(tail -n 1 "$state/last-output")" = "$NONCE end" ] || return 1
    sed -e 1d -e "\$d" "$state/last-output"
}

# ---- Small tools -----------------------------------------------------------------------------------------------------

# attempt COMMAND...: why it failed, in the system's words, is left in `why`.
attempt() {
    why=$("$@" 2>&1) && return 0
    why=${why##*"$newline"}
    why=${why##*: }
    [ -n "$why" ] || why="the write failed"
    return 1
}

# fail SENTENCE: for `… || fail "cannot …: $why" || return 1`.
fail() {
    why=$*
    return 1
}

put() {
    if [ -n "$printf_is_deaf" ]; then
        printf "%s" "$2" | cat >"$1"
    else
        printf "%s" "$2" >"$1"
    fi
}

fill() {
    cat "$1" >"$2"
}

# The first line of a file, in `line`.
read_line() {
    line=""
    [ -f "$1" ] || return 1
    { IFS= read -r line <"$1"; } 2>/dev/null || [ -n "$line" ]
}

# On disk before we go on, and for /boot where a boot loader finds it. False, with `why`, where a write failed.
flush() {
    sync_these "$@"
    flushed=$?
    case " $* " in
    *" $ROOT/boot/"* | *" $ROOT/boot "*)
        # All of it: the fsync of one file leaves the names, and where the data lie, in ext4's journal.
        sync
        settle "$ROOT/boot"
        ;;
    esac
    return "$flushed"
}

# An old sync takes no files and writes out everything; a newer one is spared that, and tells of writes that failed. False, with
# `why`, where it does; not where a file system merely cannot do it for some of these.
sync_these() {
    why=$(sync "$@" 2>&1)
    synced=$?
    [ -z "$sync_is_deaf" ] || why=$(sync -d "$@" 2>&1) || synced=$?
    [ "$synced" -ne 0 ] || return 0
    sync
    case $why in
    *"nput/output error"* | *"I/O error"*) why="Input/output error" ;;
    *"o space left"*) why="No space left on device" ;;
    *"uota exceeded"*) why="Disk quota exceeded" ;;
    *"ead-only file system"*) why="Read-only file system" ;;
    *) return 0 ;;
    esac
    return 1
}

# Everything of the receipt at hand, and the paths in `touched` (one a line).
flush_receipt() {
    # Nobody knows what a command wrote.
    [ -z "$commands_ran" ] || sync
    commands_ran=""
    IFS=$newline
    set -- "$receipts"
    for written in $(find "$receipt" -print) $touched; do
        [ ! -e "$written" ] || set -- "$@" "$written"
    done
    IFS=" 	$newline"
    touched=""
    flush "$@"
}

# The names in folder $1 that match the pattern $2, sorted; none of ours holds a blank.
names() {
    (
        cd "$1" 2>/dev/null || exit 0
        set +f
        # shellcheck disable=SC2086 # the pattern is to be expanded
        set -- $2
        [ ! -e "$1" ] || printf "%s " "$@"
    )
}

three_digits() {
    case $1 in
    ?) printf "00%s" "$1" ;;
    ??) printf "0%s" "$1" ;;
    *) printf "%s" "$1" ;;
    esac
}

# ---- The state folder and the lock -----------------------------------------------------------------------------------

open_state() {
    uid=$(id -u)
    for made in "$ROOT/var" "$ROOT/var/lib"; do
        [ -d "$made" ] || attempt make_folder "$made" || [ -d "$made" ] || fail "cannot make ${made#"$ROOT"}: $why" || return 1
    done
    if [ ! -e "$state" ] && [ ! -h "$state" ]; then
        # Another run may be making it at this moment.
        attempt mkdir "$state" || [ -d "$state" ] || fail "cannot make /var/lib/vmguest for receipts: $why" || return 1
    fi
    if [ -h "$state" ] || [ ! -d "$state" ]; then
        fail "/var/lib/vmguest must be a folder, and is a link or a file"
        return 1
    fi
    look_at "$state"
    [ "$entry_uid" = "$uid" ] || fail "/var/lib/vmguest belongs to user $entry_uid, expected $uid" || return 1
    case $entry_mode in
    drwx------*) ;;
    *) attempt chmod 700 "$state" || fail "cannot make /var/lib/vmguest private: $why" || return 1 ;;
    esac
    for made in receipts lock; do
        [ -d "$state/$made" ] || attempt mkdir "$state/$made" || [ -d "$state/$made" ] || {
            fail "cannot make /var/lib/vmguest/$made: $why"
            return 1
        }
    done
    lock=$state/lock
}

# Mode, links, owner and group of a directory entry.
look_at() {
    # shellcheck disable=SC2046 # its first words are wanted; expansion of names is off
    set -- $(ls -ldn "$1" 2>/dev/null)
    entry_mode=${1:-?}
    entry_links=${2:-0}
    entry_uid=${3:-?}
    entry_gid=${4:-?}
}

# process_alive PID START BOOT
process_alive() {
    # shellcheck disable=SC2154 # of busy.sh
    [ "$3" = "$boot" ] && process_started "$1" && [ "$started" = "$2" ]
}

# A claim is an empty folder in `lock` whose name says who: pid,start time,boot id,payload,since,run. Who holds a claim and
# sees no other living one holds the lock: of two who claim at the same time, the later to look sees the other. A dead
# one's claim may be removed by anybody, since its name never comes again. Of two newcomers the first in order stays.
take_lock() {
    process_started "$$"
    own_start=$started
    claim=$$,$own_start,$boot,$PAYLOAD,$NOW,$RUN
    patience=0
    waited=0
    while :; do
        if [ ! -d "$lock/$claim" ] && ! attempt mkdir "$lock/$claim"; then
            lock=""
            emit refused "$(sentence "cannot make a lock in /var/lib/vmguest: $why")"
            return 1
        fi
        other=""
        first=""
        for seen in $(names "$lock" "[0-9]*,*"); do
            if [ "$seen" = "$claim" ]; then
                first=${first:-$seen}
                continue
            fi
            read_claim "$seen"
            if process_alive "$claim_pid" "$claim_start" "$claim_boot"; then
                first=${first:-$seen}
                other=$seen
            else
                rmdir "$lock/$seen" 2>/dev/null
            fi
        done
        [ -n "$other" ] || break
        read_claim "$other"
        if [ "$claim_payload" = "$PAYLOAD" ]; then
            patience=600
        elif [ "$patience" -lt 600 ]; then
            patience=3
        fi
        if [ "$waited" -ge "$patience" ] || { [ "$first" != "$claim" ] && [ "$patience" -lt 600 ]; }; then
            release_lock
            emit locked "$claim_run" "$claim_pid" "$claim_since"
            return 1
        fi
        [ "$first" = "$claim" ] || rmdir "$lock/$claim"
        wait_a_second
    done
    await_orphans
}

read_claim() {
    IFS=,
    # shellcheck disable=SC2086 # fields
    set -- $1
    IFS=" 	$newline"
    claim_pid=$1
    claim_start=${2:-}
    claim_boot=${3:-}
    claim_payload=${4:-}
    claim_since=${5:-}
    claim_run=${6:-}
}

release_lock() {
    [ -z "${lock:-}" ] || rmdir "$lock/$claim" 2>/dev/null
    lock=""
}

wait_a_second() {
    sleep 1
    waited=$((waited + 1))
    [ $((waited % 15)) -ne 0 ] || emit alive
}

# A command whose run was killed may still be going on: undoing it must wait for its end.
await_orphans() {
    for name in $(names "$receipts" "[0-9]*-*/[0-9]*/process"); do
        read_line "$receipts/$name" || continue
        # shellcheck disable=SC2086 # pid, start time, boot id
        while set -- $line && process_alive "$1" "${2:-}" "${3:-}"; do
            if [ "$waited" -ge 600 ]; then
                release_lock
                emit locked "${name%%/*}" "$1" "a command of this receipt still runs"
                return 1
            fi
            wait_a_second
        done
    done
    return 0
}

# ---- Receipts --------------------------------------------------------------------------------------------------------

# The states that a receipt will need are written when it is made, so that a full disk cannot stop a change of state.
set_state() {
    [ -f "$receipt/state.$1" ] || attempt put "$receipt/state.$1" "$1$newline" || return 1
    attempt mv -f "$receipt/state.$1" "$receipt/state"
}

# state of receipt $1, in `line`; "" where it was cut while it was made or removed
state_of() {
    read_line "$receipts/$1/state" || line=""
}

unfinished() {
    state_of "$1"
    case $line in
    done | reverted) [ -f "$receipts/$1/reverting" ] ;;
    *) return 0 ;;
    esac
}

anything_unfinished() {
    for name in $(names "$receipts" "[0-9]*-*"); do
        unfinished "$name" && return 0
    done
    return 1
}

# A new receipt for recommendation $1, in `receipt`; or for group $1, whose members' receipts are $2.
begin_receipt() {
    receipt=""
    last=0
    for name in $(names "$receipts" "[0-9]*-*"); do
        last=${name%%-*}
        if [ "${name#*-}" = "$1" ] && unfinished "$name"; then
            fail "an earlier run of it was cut off and could not be undone (receipt $name): mend what its message names and run again"
            return 1
        fi
    done
    # Leading zeros would make it octal.
    last=${last#"${last%%[!0]*}"}
    number=000000$((${last:-0} + 1))
    receipt_name=${number#"${number%??????}"}-$1
    receipt=$receipts/$receipt_name
    if ! {
        attempt mkdir "$receipt" && set_state prepared &&
            attempt put "$receipt/meta" "recommendation=$1${newline}run=$RUN${newline}time=$NOW${newline}boot=$boot$newline${alone_from:+alone=$alone_from$newline}${2:+members= $2 $newline}"
    }; then
        fail "cannot write a receipt: $why"
        return 1
    fi
    for made in committing "done" undone reverted; do
        attempt put "$receipt/state.$made" "$made$newline" || fail "cannot write a receipt: $why" || return 1
    done
}

# read_meta RECEIPT KEY: what the receipt's meta says of KEY, in `meta`.
read_meta() {
    meta=""
    while IFS= read -r line; do
        case $line in
        "$2="*) meta=${line#"$2="} ;;
        esac
    done <"$receipts/$1/meta"
}

# What undoing the receipt at hand must not meet, in `alone_from`.
read_alone() {
    read_meta "${receipt##*/}" alone
    alone_from=$meta
}

same_boot() {
    while IFS= read -r line; do
        [ "$line" != "boot=$boot" ] || return 0
    done <"$receipt/meta"
    return 1
}

# What was undone leaves no receipt, once the undo is on disk: not before that does the state say so, since /boot may be on
# another disk than the receipt. A receipt without a state is one cut while it was made or while it was removed.
remove_receipt() {
    flush_receipt || fail "what was put back cannot be written to disk: $why" || return 1
    set_state undone
    flush "$receipt/state" "$receipt"
    rm -rf "$receipt"
}

# ---- Others at work --------------------------------------------------------------------------------------------------

# alone packages|boot...: what the next transaction, or group, must not meet.
alone() {
    alone_from=$*
}

# undisturbed SECONDS: waits for those whom busy.sh finds, until this run has waited so long; false, with `why`, for longer.
undisturbed() {
    [ -n "$alone_from" ] || return 0
    # shellcheck disable=SC2086 # words
    while why=$(at_work $alone_from); do
        if [ "$waited_for_others" -ge "$1" ]; then
            [ "$waited_for_others" -eq 0 ] || why="$why; waited $waited_for_others s"
            why="$why; try again later"
            return 1
        fi
        [ $((waited_for_others % 15)) -ne 0 ] || emit alive "waiting: $(sentence "$why")"
        sleep 1
        waited_for_others=$((waited_for_others + 1))
    done
    return 0
}

# What was begun is worth a minute at least. One who undoes has waited for nobody yet.
undisturbed_undo() {
    patient=60
    [ "$WAIT" -lt 60 ] || patient=$WAIT
    undisturbed $((waited_for_others + patient))
}

# ---- A transaction ---------------------------------------------------------------------------------------------------

# transaction RECOMMENDATION FUNCTION: FUNCTION calls the steps, and is called once in each phase.
transaction() {
    if [ "$phase" = count ]; then
        planned=$((planned + 1))
        return 0
    fi
    if undisturbed "$WAIT"; then
        ! perform "$1" "$2" || finish
    else
        disturbed "$1"
    fi
    phase=apply
    alone_from=""
    emit outcome "$1" "$outcome" "$(sentence "$failure")"
}

# Others are at work, so nothing of NAME was begun.
disturbed() {
    emit transaction "$1" -
    failure=$why
    outcome=refused
}

# group NAME FUNCTION RECOMMENDATION FUNCTION [RECOMMENDATION FUNCTION]...
# The members' steps, a transaction each; then the first FUNCTION, once, whose steps commit what all of them did. Until the
# receipt of NAME is done, the members' are in `committing`, so that whoever is cut, all are undone, newest first. Once it
# is done, so are they.
group() {
    if [ "$phase" = count ]; then
        planned=$((planned + 1))
        return 0
    fi
    group=$1
    commits=$2
    shift 2
    members=""
    skipped=""
    culprit=""
    if ! undisturbed "$WAIT"; then
        culprit=$group
        disturbed "$group"
    fi
    while [ $# -gt 0 ]; do
        if [ -n "$culprit" ]; then
            skipped=$skipped$1,refused$newline
        elif perform "$1" "$2"; then
            members="$members${members:+ }$receipt_name"
        else
            culprit=$1
        fi
        shift 2
    done
    if [ -z "$culprit" ] && ! { perform "$group" "$commits" "$members" && finish; }; then
        culprit=$group
    fi
    phase=apply
    alone_from=""
    emit outcome "${culprit:-$group}" "$outcome" "$(sentence "$failure")"
    because=$failure
    backwards=""
    for receipt_name in $members; do
        backwards="$receipt_name $backwards"
    done
    [ -z "$culprit" ] || members=$backwards
    for receipt_name in $members; do
        receipt=$receipts/$receipt_name
        touched=""
        commands_ran=""
        if [ -n "$culprit" ]; then
            failure="$culprit, which is done together with it, failed: $because"
            take_back
        else
            # Should it fail, the next run does it: the group's receipt is done.
            finish_transaction
            # shellcheck disable=SC2046 # words are counted
            set -- $(names "$receipt" "[0-9]*")
            failure="steps: $#"
            outcome="done"
        fi
        emit outcome "${receipt_name#*-}" "$outcome" "$(sentence "$failure")"
    done
    for other in $skipped; do
        emit outcome "${other%,*}" refused "$(sentence "$culprit, which is done together with it, failed: $because")"
    done
}

# perform NAME FUNCTION [MEMBERS]: FUNCTION's steps, up to their proof. False where it failed and was undone; `outcome` and
# `failure` say how.
perform() {
    touched=""
    commands_ran=""
    receipt=""
    if ! begin_receipt "$1" "${3:-}"; then
        failure=$why
        outcome=refused
        [ -z "$receipt" ] || rm -rf "$receipt"
        emit transaction "$1" -
        return 1
    fi
    emit transaction "$1" "$receipt_name"
    failure=""
    recorded=""
    run_phase record "$2"
    if [ -z "$failure" ]; then
        # Before anything is made beside a file, what tells where is on disk: a power cut keeps a folder's name sooner than
        # the content of the file that names it.
        [ -z "$recorded" ] || flush_receipt || failure="cannot write its receipt: $why"
    fi
    [ -n "$failure" ] || run_phase prepare "$2"
    if [ -z "$failure" ]; then
        # `committing` says that undoing may rely on the whole receipt: so not before that is on disk.
        if ! flush_receipt; then
            failure="cannot write its receipt: $why"
        elif ! undisturbed "$WAIT"; then
            failure=$why
        elif ! set_state committing; then
            failure="cannot write its receipt: $why"
        fi
    fi
    if [ -n "$failure" ]; then
        undo_receipt
        remove_receipt
        outcome=refused
        return 1
    fi
    flush "$receipt/state" "$receipt" || failure="cannot write its receipt: $why"
    [ -n "$failure" ] || run_phase commit "$2"
    [ -n "$failure" ] || flush_receipt || failure="what was changed cannot be written to disk: $why"
    [ -n "$failure" ] || run_phase prove "$2"
    [ -n "$failure" ] || return 0
    take_back
    return 1
}

# What was proved is done; or else undone.
finish() {
    if finish_transaction; then
        failure="steps: $step"
        outcome="done"
        return 0
    fi
    failure="cannot finish its receipt: $why"
    take_back
    return 1
}

take_back() {
    if undo_receipt && { remove_receipt || ! problem=$why; }; then
        outcome=undone
    else
        flush_receipt
        failure="$failure; and undoing it failed: $problem"
        outcome=undo_failed
    fi
}

run_phase() {
    phase=$1
    step=0
    "$2"
}

finish_transaction() {
    for number in $(names "$receipt" "[0-9]*"); do
        folder=$receipt/$number
        remove_beside || return 1
    done
    # Back in `committing` where that cannot be made to last: else undoing it would find nothing to undo.
    set_state "done" && { flush_receipt || back_to committing; }
}

# The receipt at hand is in state $1 again, since what came next failed, as `why` says.
back_to() {
    told=$why
    set_state "$1"
    why=$told
    return 1
}

write_file() { one_step write_file "$@"; }
edit_file() { one_step edit_file "$@"; }
remove_file() { one_step remove_file "$@"; }
write_kernel() { one_step write_kernel "$@"; }
run() { one_step run "$@"; }

one_step() {
    [ -z "$failure" ] || return 0
    step=$((step + 1))
    folder=$receipt/$(three_digits "$step")
    verdict=failed
    output=""
    kind=$1
    shift
    case $phase in
    record)
        verdict=refused
        if ! attempt mkdir "$folder"; then
            failure="cannot write its receipt: $why"
        else
            case $kind in
            *_file) record_file "$kind" "$1" || failure=$why ;;
            esac
        fi
        ;;
    prepare)
        verdict=refused
        "prepare_$kind" "$@" || failure=$why
        ;;
    commit) "commit_$kind" "$@" || failure=$why ;;
    prove)
        if "prove_$kind" "$@"; then
            verdict="done"
        else
            failure=$why
        fi
        ;;
    esac
    if [ -n "$failure" ] || [ "$verdict" = "done" ]; then
        emit step "$step" "$verdict" "$(sentence "${failure:-$why}")"
        [ -z "$output" ] || detail "$output"
    fi
}

# ---- Files -----------------------------------------------------------------------------------------------------------

make_folder() {
    umask 022
    mkdir "$1"
}

# Where a path leads: `target`, `parent`, what is `found` there (missing, regular, or words), and the missing folders above
# it, deepest first. Refuses a way through symbolic links: they may lead out of the place that was meant.
locate() {
    path=$1
    case $path in
    /*) ;;
    *) fail "$path: not an absolute path" || return 1 ;;
    esac
    case $path in
    *[!\ -~]*) [ "$(printf "%s" "$path" | tr -d "\001-\037\177")" = "$path" ] || fail "$path: a name with control characters" || return 1 ;;
    esac
    target=$ROOT$path
    parent=${target%/*}
    missing=""
    there=$parent
    while [ ! -d "$there" ] && [ "$there" != "$ROOT" ]; do
        if [ -e "$there" ] || [ -h "$there" ]; then
            fail "$path: ${there#"$ROOT"} is no folder"
            return 1
        fi
        missing=$missing${there#"$ROOT"}$newline
        there=${there%/*}
    done
    real=$(CDPATH="" cd -P "$there/" 2>/dev/null && printf "%s" "$PWD")
    if [ "${real%/}" != "$real_root${there#"$ROOT"}" ]; then
        fail "$path: its folder is reached through a symbolic link and is really ${real#"$real_root"}: name that one"
        return 1
    fi
    if [ -h "$target" ]; then
        found="a symbolic link"
    elif [ -f "$target" ]; then
        found=regular
    elif [ -d "$target" ]; then
        found="a folder"
    elif [ -e "$target" ]; then
        found="a special file"
    else
        found=missing
    fi
}

# Replacing a file by rename gives its name to a new inode. Refused where that is not the same as writing it.
replaceable() {
    if [ "$found" != regular ]; then
        fail "$path: expected a regular file, found ${found#missing}$([ "$found" != missing ] || printf "none")"
        return 1
    fi
    look_at "$target"
    if [ "$entry_links" -gt 1 ]; then
        fail "$path has $entry_links hard links, and replacing it would part them"
        return 1
    fi
    if command -v lsattr >/dev/null 2>&1; then
        flags=$(lsattr -d "$target" 2>/dev/null)
        case ${flags%% *} in
        *i*) fail "$path is immutable (chattr +i)" || return 1 ;;
        *a*) fail "$path is append-only (chattr +a)" || return 1 ;;
        esac
    fi
    # The kernel writes blanks and backslashes of a mount point as octal numbers.
    point=$path
    case $point in
    *[\ \\]*) point=$(printf "%s" "$point" | sed -e "s/\\\\/\\\\134/g" -e "s/ /\\\\040/g") ;;
    esac
    if grep -saqF -e " $point " "$ROOT/proc/mounts"; then
        fail "$path is a mount point, and cannot be replaced"
        return 1
    fi
}

# expect_content FILE: what was kept is what the audit saw; looked at the other way round, it might change in between. A missing
# newline at the end is something that the audit cannot see.
expect_content() {
    same "$1" "$folder/before" && return 0
    if [ -n "$(tail -c 1 "$folder/before")" ] && { cat "$folder/before" && printf "\n"; } | same - "$1"; then
        return 0
    fi
    first_difference "$1" "$folder/before"
    fail "$path is not as the audit saw it$differs: somebody changed it since; run again"
}

# The line at which two files begin to differ, in `differs`, as a part of a sentence; nothing where cmp does not tell.
first_difference() {
    differs=$(cmp "$1" "$2" 2>&1)
    differs=${differs##*line }
    case $differs in
    "" | *[!0-9]*) differs="" ;;
    *) differs=" (line $differs)" ;;
    esac
}

# A copy with the original's content, owner, mode, SELinux context, ACL and attributes.
copy_whole() {
    cp -a "$1" "$2" 2>/dev/null || cp -p "$1" "$2" || return 1
    if [ -e "$ROOT/sys/fs/selinux/enforce" ] || [ -e "$ROOT/selinux/enforce" ]; then
        ! command -v chcon >/dev/null 2>&1 || chcon --reference="$1" "$2"
    fi
}

# Not every cp keeps everything (busybox's keeps no ACL): refuse where it did not.
expect_same_attributes() {
    look_at "$1"
    # ls marks a SELinux context with a dot; a context was taken care of before.
    attributes="${entry_mode%.} $entry_uid $entry_gid"
    look_at "$2"
    [ "$attributes" = "${entry_mode%.} $entry_uid $entry_gid" ] ||
        fail "$path: its owner, mode or access control list cannot be kept" || return 1
    if command -v getfacl >/dev/null 2>&1; then
        [ "$(getfacl -cp "$1" 2>/dev/null)" = "$(getfacl -cp "$2" 2>/dev/null)" ] ||
            fail "$path: its access control list cannot be kept (is the acl-aware cp missing?)"
        return
    fi
    # Where there is a list the group's bits are its mask, and a copy without it would give them to the group. These programs' ls
    # marks no list, so any bits that the group has and others have not may be such a mask.
    case $(cp --version 2>&1) in
    *BusyBox* | *toybox*) ;;
    *) return 0 ;;
    esac
    case $entry_mode in
    ????r??[!r]* | ?????w??[!w]* | ??????[xs]??[!xt]*)
        fail "$path: its group may do what others may not, and whether by an access control list cannot be told: install getfacl" ;;
    esac
}

label() {
    [ -e "$ROOT/sys/fs/selinux/enforce" ] || [ -e "$ROOT/selinux/enforce" ] || return 0
    ! command -v restorecon >/dev/null 2>&1 || restorecon "$1" 2>/dev/null
}

# Records the intent in the step's folder; `kind` last, since a step without it has touched nothing.
record_file() {
    locate "$2" || return 1
    name_beside
    {
        attempt put "$folder/path" "$path$newline" &&
            attempt put "$folder/beside" "${beside#"$ROOT"}$newline" &&
            { [ -z "$missing" ] || attempt put "$folder/folders" "$missing"; } &&
            attempt put "$folder/kind" "$1$newline"
    } || fail "$path: cannot write its receipt: $why" || return 1
    recorded=yes
}

name_beside() {
    beside=$parent/.vmguest-$RUN-${receipt##*/}-${folder##*/}
}

make_beside() {
    name_beside
    if ! attempt mkdir "$beside"; then
        # It is somebody else's: undoing must leave it alone.
        rm -f "$folder/beside"
        fail "$path: cannot make ${beside#"$ROOT"} beside it: $why"
        return 1
    fi
    # Where its folder hands down a group or an access list, it is open to others in spite of our umask.
    attempt chmod go=,g-s "$beside" || fail "$path: cannot make ${beside#"$ROOT"} beside it our own: $why" || return 1
    touched=$touched$beside$newline$parent$newline
}

# Only ever our own: made by us, open to nobody else, no link.
own_beside() {
    read_line "$folder/beside" || return 1
    beside=$ROOT$line
    [ -d "$beside" ] && [ ! -h "$beside" ] || return 1
    look_at "$beside"
    case $entry_mode in
    drwx--[-S]---*) [ "$entry_uid" = "$uid" ] ;;
    *) return 1 ;;
    esac
}

remove_beside() {
    if own_beside; then
        rm -f "$beside/new" "$beside/old" "$beside/was"
        # Gone for good before its name is forgotten: nobody would look for it again.
        ! rmdir "$beside" 2>/dev/null || sync_these "${beside%/*}/" || return 1
    fi
    rm -f "$folder/beside"
}

# build NAME CONTENT LIKE: beside/NAME with CONTENT and the attributes of LIKE
build() {
    rm -f "$beside/$1"
    attempt copy_whole "$3" "$beside/$1" || fail "$path: cannot write beside it: $why" || return 1
    if ! same "$2" "$beside/$1"; then
        attempt fill "$2" "$beside/$1" || fail "$path: cannot write beside it: $why" || return 1
        same "$2" "$beside/$1" || fail "$path: what was written beside it is not what was meant" || return 1
    fi
    expect_same_attributes "$3" "$beside/$1" || return 1
    touched=$touched$beside/$1$newline
}

# What is there goes into the receipt, and beside the file ready to be put back even where the disk is full by then.
keep_before() {
    attempt copy_whole "$target" "$folder/before" || fail "$path: cannot back it up: $why" || return 1
    same "$target" "$folder/before" || fail "$path: it changes while it is read" || return 1
}

prepare_write_file() {
    locate "$1" || return 1
    if [ "$3" = absent ]; then
        [ "$found" = missing ] || fail "$path: expected no such file, found ${found#regular}$([ "$found" != regular ] || printf "one")" || return 1
    else
        replaceable || return 1
        attempt put "$folder/expected" "$4" || fail "$path: cannot write its receipt: $why" || return 1
        keep_before && expect_content "$folder/expected" || return 1
        rm -f "$folder/expected"
    fi
    attempt put "$folder/after" "$5" || fail "$path: cannot write its receipt: $why" || return 1
    if [ "$3" = absent ]; then
        make_missing_folders && make_beside || return 1
        attempt fill "$folder/after" "$beside/new" &&
            same "$folder/after" "$beside/new" &&
            attempt chmod "$2" "$beside/new" || fail "$path: cannot write beside it: $why" || return 1
        touched=$touched$beside/new$newline
    else
        make_beside && build new "$folder/after" "$target" && build old "$folder/before" "$target"
    fi
}

make_missing_folders() {
    downwards=""
    IFS=$newline
    for made in $missing; do
        downwards=$made$newline$downwards
    done
    for made in $downwards; do
        IFS=" 	$newline"
        attempt make_folder "$ROOT$made" || fail "$path: cannot make its folder $made: $why" || return 1
        label "$ROOT$made"
        touched=$touched$ROOT$made$newline$ROOT${made%/*}/$newline
    done
    IFS=" 	$newline"
}

prepare_remove_file() {
    locate "$1" && replaceable || return 1
    attempt put "$folder/expected" "$2" || fail "$path: cannot write its receipt: $why" || return 1
    keep_before && expect_content "$folder/expected" || return 1
    rm -f "$folder/expected"
    make_beside && build old "$folder/before" "$target"
}

# The file is still what was prepared for.
as_prepared() {
    locate "$1" || return 1
    if [ -f "$folder/before" ]; then
        [ "$found" = regular ] && same "$folder/before" "$target"
    else
        [ "$found" = missing ]
    fi || untouched "$path: somebody changed it while this ran"
}

# untouched SENTENCE: the step at hand fails before it did anything. It leaves nothing to undo: what is there is somebody else's.
untouched() {
    remove_beside
    remove_own_folders
    rm -f "$folder/kind"
    fail "$1"
}

commit_write_file() {
    as_prepared "$1" || return 1
    read_line "$folder/beside"
    touched=$parent$newline$touched
    outlive "$ROOT$line"
    attempt mv -f "$ROOT$line/new" "$target" || fail "$path: cannot put it in place: $why" || return 1
    [ -f "$folder/before" ] || label "$target"
}

# outlive BESIDE: the old file keeps a name until the new one is in its place on the disk. A boot loader, which replays no
# journal, might else find the old name and a file that is already freed.
outlive() {
    case $path in
    /boot/*) ln "$target" "$1/was" 2>/dev/null ;;
    esac
    return 0
}

commit_edit_file() {
    commit_write_file "$1"
}

commit_remove_file() {
    as_prepared "$1" || return 1
    touched=$parent$newline$touched
    attempt rm -f "$target" || fail "$path: cannot remove it: $why"
}

prove_write_file() {
    locate "$1" || return 1
    [ "$found" = regular ] && same "$folder/after" "$target" || fail "$path: it does not hold what was written" || return 1
    why="wrote $path"
}

prove_edit_file() {
    prove_write_file "$1" && why="edited $path"
}

prove_remove_file() {
    locate "$1" || return 1
    [ "$found" = missing ] || fail "$path: it is there again" || return 1
    why="removed $path"
}

# ---- Lines of a file -------------------------------------------------------------------------------------------------

# A copy of $1 at $2 whose last line ends. `ended` says whether it did.
ended_copy() {
    attempt fill "$1" "$2" || return 1
    ended=yes
    [ -n "$(tail -c 1 "$1")" ] || return 0
    ended=no
    attempt end_line "$2"
}

end_line() {
    printf "\n" >>"$1"
}

# The copy of $1 at $2 has no end of its last line.
unended_copy() {
    attempt without_last_line "$1" "$2" && attempt add_without_end "$2" "$(sed -n "\$p" "$1")"
}

without_last_line() {
    sed "\$d" "$1" >"$2"
}

add_without_end() {
    printf "%s" "$2" >>"$1"
}

# The numbers of the lines of file $2 that are the one line in file $1, in `lines_found`, and how many in `times`.
find_line() {
    lines_found=""
    times=0
    # The pattern comes from a file, so nothing in it is special, to the shell or to grep.
    # shellcheck disable=SC2013 # numbers
    for found_at in $(grep -anxF -f "$1" "$2" | sed "s/:.*//"); do
        lines_found="$lines_found $found_at"
        times=$((times + 1))
    done
}

# edit_lines RESULT WORK PAIRS: RESULT is WORK where each of PAIRS (one a line) is done: NUMBER=FILE puts FILE's line in the
# place of line NUMBER, NUMBER= removes it. sed reads the new lines from files, so that no byte in them means anything.
edit_lines() {
    result=$1
    work=$2
    IFS=$newline
    pairs=$3
    set --
    for pair in $pairs; do
        [ -z "${pair#*=}" ] || set -- "$@" -e "${pair%%=*}r ${pair#*=}"
        set -- "$@" -e "${pair%%=*}d"
    done
    IFS=" 	$newline"
    if [ $# -eq 0 ]; then
        attempt fill "$work" "$result"
    else
        attempt edit_into "$result" "$work" "$@"
    fi
}

edit_into() {
    result=$1
    work=$2
    shift 2
    sed "$@" "$work" >"$result"
}

# edit_file PATH OP A B [OP A B]...
# A line's folder edits/ keeps, for each edit, the whole old line and the whole new one: the inverse needs nothing else.
prepare_edit_file() {
    locate "$1" && replaceable || return 1
    shift
    # shellcheck disable=SC2094 # both only read
    tr -d "\000" <"$target" | same - "$target" || fail "$path holds NUL bytes: it is no text" || return 1
    keep_before || return 1
    edits=$folder/edits
    attempt mkdir "$edits" && ended_copy "$folder/before" "$folder/work" || fail "$path: cannot write its receipt: $why" || return 1
    pairs=""
    appended=""
    numbers=" "
    edit=0
    while [ $# -gt 0 ]; do
        edit=$((edit + 1))
        prepare_edit "$1" "$2" "${3-}" || return 1
        [ $# -ge 3 ] || set -- "$@" ""
        shift 3
    done
    edit_lines "$folder/after" "$folder/work" "$pairs" || fail "$path: cannot write its receipt: $why" || return 1
    IFS=$newline
    for added in $appended; do
        IFS=" 	$newline"
        attempt add_file "$folder/after" "$added" || fail "$path: cannot write its receipt: $why" || return 1
    done
    IFS=" 	$newline"
    if [ "$ended" = no ]; then
        if [ -z "$appended" ]; then
            attempt fill "$folder/after" "$folder/work" && unended_copy "$folder/work" "$folder/after"
        else
            # Our line must begin on a line of its own; the receipt remembers which line we gave an end.
            attempt edit_into "$folder/unended" "$folder/work" -n "\$p"
        fi || fail "$path: cannot write its receipt: $why" || return 1
    fi
    rm -f "$folder/work"
    make_beside && build new "$folder/after" "$target" && build old "$folder/before" "$target"
}

add_file() {
    cat "$2" >>"$1"
}

# One edit: its lines into edits/, and where it goes into `pairs` or `appended`.
prepare_edit() {
    case $2$3 in
    *"$newline"*) fail "$path: edit $edit is more than one line" || return 1 ;;
    esac
    case $1 in
    replace)
        attempt put "$edits/$edit.old" "$2$newline" && attempt put "$edits/$edit.new" "$3$newline" ||
            fail "$path: cannot write its receipt: $why" || return 1
        find_line "$edits/$edit.old" "$folder/work"
        if [ "$times" -ne 1 ]; then
            fail "$path: edit $edit expected exactly one line as the audit saw it, found $times$([ "$times" -eq 0 ] || printf " (lines%s)" "$lines_found")"
            return 1
        fi
        at=${lines_found# }
        ;;
    replace_prefix)
        at=${2%%:*}
        prefix=${2#*:}
        attempt edit_into "$edits/$edit.old" "$folder/work" -n "${at}p" || fail "$path: cannot write its receipt: $why" || return 1
        line=$(cat "$edits/$edit.old" && printf x)
        line=${line%x}
        case $line in
        "$prefix"*"$newline") ;;
        *) fail "$path: line $at does not begin as the audit saw it" || return 1 ;;
        esac
        attempt put "$edits/$edit.new" "$3${line#"$prefix"}" || fail "$path: cannot write its receipt: $why" || return 1
        ;;
    append)
        attempt put "$edits/$edit.new" "$2$newline" || fail "$path: cannot write its receipt: $why" || return 1
        find_line "$edits/$edit.new" "$folder/work"
        [ "$times" -eq 0 ] || fail "$path: the line to append is already there (line$lines_found)" || return 1
        appended=$appended$edits/$edit.new$newline
        return 0
        ;;
    *) fail "$path: no such edit as $1" || return 1 ;;
    esac
    case $numbers in
    *" $at "*) fail "$path: two edits of line $at" || return 1 ;;
    esac
    numbers="$numbers$at "
    pairs=$pairs$at=$edits/$edit.new$newline
}

# The step's own edits taken out of the file as it is now, into `restored`. Each of our lines must be there, once.
take_out_edits() {
    { ended_copy "$folder/after" "$folder/work.after" && ended_copy "$target" "$folder/work"; } ||
        fail "$path: cannot write its receipt: $why" || return 1
    pairs=""
    last=$(sed -n "\$=" "$folder/work")
    last_is_ours=""
    for name in $(names "$folder/edits" "*.new"); do
        edit=${name%.new}
        find_line "$folder/edits/$name" "$folder/work.after"
        was=$times
        at=${lines_found# }
        find_line "$folder/edits/$name" "$folder/work"
        if [ "$times" -ne 1 ] || [ "$was" -ne 1 ]; then
            fail "$path: changed since: line ${at%% *}, as this recommendation left it, is expected once and found $times times"
            return 1
        fi
        if [ -f "$folder/edits/$edit.old" ]; then
            pairs=$pairs${lines_found# }=$folder/edits/$edit.old$newline
        else
            pairs=$pairs${lines_found# }=$newline
            [ "${lines_found# }" != "$last" ] || last_is_ours=yes
        fi
    done
    edit_lines "$folder/restored" "$folder/work" "$pairs" || fail "$path: cannot write its receipt: $why" || return 1
    # Where the last line goes, the one before it is as it was: without an end, if it is still the one that we gave its end.
    if [ -n "$last_is_ours" ]; then
        ended=yes
        ! sed -n "\$p" "$folder/restored" | same - "$folder/unended" || ended=no
    fi
    if [ "$ended" = no ]; then
        attempt fill "$folder/restored" "$folder/work" && unended_copy "$folder/work" "$folder/restored" ||
            fail "$path: cannot write its receipt: $why" || return 1
    fi
    rm -f "$folder/work" "$folder/work.after"
    flush "$folder/restored" || fail "$path: cannot write its receipt: $why"
}

# ---- Kernel files ----------------------------------------------------------------------------------------------------

# The value of a kernel file, in `value`: of `a [b] c` it is b; blanks and tabs count as one blank.
kernel_read() {
    # Not by `read`: most shells' asks for one byte at a time, and a number in /proc/sys has no second one for who comes again.
    value=$(cat "$1" 2>/dev/null) || return 1
    value=${value%%"$newline"*}
    case $value in
    *\[*\]*)
        value=${value#*\[}
        value=${value%%\]*}
        ;;
    esac
    value=$(plain "$value")
}

plain() {
    # shellcheck disable=SC2086 # words
    set -- $1
    printf "%s" "$*"
}

kernel_write() {
    printf "%s\n" "$2" >"$1"
}

prepare_write_kernel() {
    path=$1
    target=$ROOT$path
    case $path in
    /proc/* | /sys/*) ;;
    *) fail "$path is no kernel file" || return 1 ;;
    esac
    case $path in
    */../*) fail "$path is no kernel file" || return 1 ;;
    esac
    [ -f "$target" ] && kernel_read "$target" || fail "$path: there is no such kernel file, or it cannot be read" || return 1
    if [ "$value" != "$(plain "$2")" ] && [ "$value" != "$(plain "$3")" ]; then
        fail "$path: expected $2, found $value"
        return 1
    fi
    {
        attempt put "$folder/path" "$path$newline" &&
            attempt put "$folder/before" "$value$newline" &&
            attempt put "$folder/after" "$3$newline" &&
            attempt put "$folder/kind" "write_kernel$newline"
    } || fail "$path: cannot write its receipt: $why"
}

commit_write_kernel() {
    target=$ROOT$1
    kernel_read "$target" || fail "$1: it is gone" || return 1
    [ "$value" != "$(plain "$3")" ] || return 0
    [ "$value" = "$(plain "$2")" ] || untouched "$1: expected $2, found $value" || return 1
    attempt kernel_write "$target" "$3" || fail "$1: the kernel refused $3: $why" || return 1
    kernel_read "$target"
    if [ "$value" != "$(plain "$3")" ]; then
        # It took something else (rounded, or clamped): no later undo could tell that from another's change.
        kernel_write "$target" "$2" 2>/dev/null
        fail "$1: expected $3 after writing it, found $value"
        return 1
    fi
}

prove_write_kernel() {
    kernel_read "$ROOT$1" && [ "$value" = "$(plain "$3")" ] || fail "$1: expected $3, found $value" || return 1
    why="set $1 from $2 to $3"
}

# ---- Commands --------------------------------------------------------------------------------------------------------

prepare_run() {
    {
        attempt put "$folder/what" "$1$newline" &&
            attempt put "$folder/do" "$2" &&
            attempt put "$folder/undo" "$3" &&
            attempt put "$folder/proof" "$4" &&
            { [ -z "${5-}" ] || attempt put "$folder/ask" "$5"; } &&
            attempt put "$folder/not_started" "" &&
            attempt put "$folder/output" "" &&
            attempt mkdir "$folder/notes" &&
            attempt put "$folder/kind" "run$newline"
    } || fail "$1: cannot write its receipt: $why"
}

commit_run() {
    commands_ran=yes
    attempt mv -f "$folder/not_started" "$folder/started" || fail "$1: cannot write its receipt: $why" || return 1
    run_command "$2" || fail "$1: it ended with status $status"
}

prove_run() {
    # What the command itself printed is kept.
    attempt cp "$folder/output" "$folder/done_output"
    run_command "$4" || fail "$1: its proof ended with status $status" || return 1
    output=$folder/done_output
    why=$1
}

# run_command TEXT: its output goes to the step's folder, its end status to `status`; signs of life are given meanwhile.
# "$NOTES" is a folder where what DO finds out is kept for UNDO.
run_command() {
    output=$folder/output
    attempt put "$output" "" || output=/dev/null
    (
        trap "kill \$asleep 2>/dev/null; exit 0" TERM
        # A number is soon another process's: the start time tells.
        while process_alive "$$" "$own_start" "$boot"; do
            between_signs_of_life >/dev/null 2>&1 &
            asleep=$!
            wait "$asleep"
            printf "%s alive\n" "$NONCE" 2>/dev/null
        done
    ) &
    heart=$!
    (
        # By the command's own process, before it begins: else we might be killed in between.
        # shellcheck disable=SC2154 # of busy.sh
        ! process_started self || put "$folder/process" "$process $started $boot$newline" 2>/dev/null
        umask 022
        NOTES=$folder/notes
        SAME_BOOT=""
        ! same_boot || SAME_BOOT=yes
        export NOTES SAME_BOOT
        exec sh -c "$1"
    ) >"$output" 2>&1 </dev/null &
    child=$!
    wait "$child"
    status=$?
    if [ "$status" -eq 141 ]; then
        # Interrupted by a PIPE of our own, or the command's own end: then there is nothing more to wait for.
        wait "$child" 2>/dev/null
        again=$?
        [ "$again" -eq 127 ] || status=$again
    fi
    {
        kill "$heart"
        # mksh loses a TERM that comes while a subshell starts, and would wait for it for ever.
        while process_started "$heart"; do
            kill "$heart"
        done
        wait "$heart"
    } 2>/dev/null
    rm -f "$folder/process"
    [ "$status" -eq 0 ]
}

between_signs_of_life() {
    exec sleep 15
}

# ---- Undo ------------------------------------------------------------------------------------------------------------

# Undoes the steps of the receipt at hand, last first, going on past what cannot be undone: `problem` is the first such.
# May be cut anywhere and begun again.
undo_receipt() {
    problem=""
    state_of "${receipt##*/}"
    was_in=$line
    if [ "$was_in" = committing ]; then
        read_alone
        if ! undisturbed_undo; then
            problem=$why
            return 1
        fi
    fi
    backwards=""
    for number in $(names "$receipt" "[0-9]*"); do
        backwards="$number $backwards"
    done
    for number in $backwards; do
        folder=$receipt/$number
        read_line "$folder/kind" || continue
        kind=$line
        # Before `committing` is on disk, nothing but our own files beside was written.
        if [ "$was_in" = committing ]; then
            # Two names of one file are no hindrance where the other is ours.
            ! own_beside || rm -f "$beside/was"
            { ready_undo && act_undo; } || problem=${problem:-$why}
        fi
        remove_beside || problem=${problem:-$why}
        remove_own_folders
    done
    [ -z "$problem" ]
}

# What undoing the step at hand would do, in `action`: nothing, put, remove, write or run. False, with `why`, where it cannot.
ready_undo() {
    action=nothing
    case $kind in
    write_file | edit_file | remove_file) ready_undo_file ;;
    write_kernel) ready_undo_kernel ;;
    run)
        # After a power cut the mark may be lost although the command ran.
        if [ -f "$folder/started" ] || ! same_boot; then
            action=run
        fi
        ;;
    *) fail "its receipt names an unknown step $kind" ;;
    esac
}

ready_undo_file() {
    # While it lies beside, ours was never in the file's place, whatever is there now.
    if own_beside && [ -f "$beside/new" ]; then
        return 0
    fi
    read_line "$folder/path"
    locate "$line" && not_changed_by_later || return 1
    if [ ! -f "$folder/before" ]; then
        case $found in
        missing) return 0 ;;
        regular)
            same "$folder/after" "$target" || fail "$path: changed since it was written" || return 1
            action=remove
            return 0
            ;;
        esac
        fail "$path: changed since: it is now $found"
        return 1
    fi
    like=$target
    content=$folder/before
    action=put
    case $found in
    missing)
        [ ! -f "$folder/after" ] || fail "$path: changed since: it was removed" || return 1
        [ -z "$missing" ] || fail "$path: changed since: its folder was removed" || return 1
        like=$folder/before
        return 0
        ;;
    regular) ;;
    *) fail "$path: changed since: it is now $found" || return 1 ;;
    esac
    if same "$folder/before" "$target" || { [ -f "$folder/restored" ] && same "$folder/restored" "$target"; }; then
        action=nothing
    elif [ ! -f "$folder/after" ]; then
        fail "$path: changed since: somebody made a new one"
    elif same "$folder/after" "$target"; then
        replaceable
    elif [ -d "$folder/edits" ]; then
        replaceable && take_out_edits || return 1
        content=$folder/restored
    else
        first_difference "$folder/after" "$target"
        fail "$path: changed since it was written$differs"
    fi
}

# A later receipt that changed $path is in the way, unless both only edited lines of it and this step's can be taken out
# under the later one's.
not_changed_by_later() {
    for later in $(later_steps); do
        if [ -d "$folder/edits" ] && [ -d "$receipts/$later/edits" ] && comes_out_under "$receipts/$later"; then
            continue
        fi
        fail "$path: changed since by ${later%%/*}: revert that first"
        return 1
    done
}

# The steps of receipts that are done and later than the one at hand that changed $path, oldest first.
later_steps() {
    later=""
    for name in $(names "$receipts" "*/*/kind"); do
        if [ "${name%%/*}" = "${receipt##*/}" ]; then
            later=yes
        elif [ -n "$later" ] && read_line "$receipts/${name%/kind}/path" && [ "$line" = "$path" ]; then
            state_of "${name%%/*}"
            [ "$line" != "done" ] || printf "%s " "${name%/kind}"
        fi
    done
}

# Whether the later step $1 can be reverted also when this step's edits are out: then it goes by its lines alone. So each that
# it left must be the only one of its text, and none may have a text that our edits bring or take. A line that only got an
# end counts as edited.
comes_out_under() {
    for name in $(names "$1/edits" "*.new"); do
        find_line "$1/edits/$name" "$1/after"
        [ "$times" -eq 1 ] || return 1
    done
    for ours in $(names "$folder" "edits/* unended"); do
        for theirs in $(names "$1" "edits/* unended"); do
            ! same "$folder/$ours" "$1/$theirs" || return 1
        done
    done
}

ready_undo_kernel() {
    read_line "$folder/before"
    old=$line
    read_line "$folder/after"
    new=$(plain "$line")
    read_line "$folder/path"
    path=$line
    target=$ROOT$path
    # The device may be gone; another value after a reboot is the kernel's own, not another's change.
    if ! kernel_read "$target" || [ "$value" = "$(plain "$old")" ]; then
        return 0
    elif [ "$value" = "$new" ]; then
        action="write"
    elif same_boot; then
        fail "$path: changed since: expected $new, found $value"
    fi
}

act_undo() {
    case $action in
    put)
        if ! own_beside; then
            name_beside
            attempt put "$folder/beside" "${beside#"$ROOT"}$newline" || fail "$path: cannot write its receipt: $why" || return 1
            flush "$folder/beside" "$folder" || fail "$path: cannot write its receipt: $why" || return 1
            make_beside || return 1
        fi
        { [ "$content" = "$folder/before" ] && [ -f "$beside/old" ] && same "$content" "$beside/old"; } ||
            build old "$content" "$like" || return 1
        flush "$beside/old" || fail "$path: cannot write beside it: $why" || return 1
        outlive "$beside"
        attempt mv -f "$beside/old" "$target" || fail "$path: cannot put it back: $why" || return 1
        [ ! -e "$beside/was" ] || flush "$target" "$parent" || fail "$path: cannot write it back to disk: $why" || return 1
        touched=$parent$newline$touched
        ;;
    remove)
        attempt rm -f "$target" || fail "$path: cannot remove it: $why" || return 1
        touched=$parent$newline$touched
        ;;
    write)
        attempt kernel_write "$target" "$old" || fail "$path: the kernel refused $old: $why" || return 1
        kernel_read "$target"
        [ "$value" = "$(plain "$old")" ] || fail "$path: expected $old after writing it back, found $value"
        ;;
    run)
        commands_ran=yes
        command_text=$(cat "$folder/undo")
        read_line "$folder/what"
        what=$line
        run_command "$command_text" && return 0
        told=$(tail -n 3 "$output" | tail -c 400)
        # EX_TEMPFAIL of sysexits.h: it goes on after a reboot, and what boots is already as it was before.
        if [ "$status" -eq 75 ]; then
            attempt put "$receipt/after_reboot" ""
            fail "$what: $told"
        fi
        fail "$what: undoing it ended with status $status${told:+: $told}"
        ;;
    esac
}

# Folders that this step made, or that a step made which was reverted while they were in use; as far as they are empty.
remove_own_folders() {
    read_line "$folder/path" || return 0
    path=$line
    for name in $(names "$receipts" "*/*/folders"); do
        if [ "$receipts/$name" != "$folder/folders" ]; then
            state_of "${name%%/*}"
            [ "$line" = reverted ] || continue
        fi
        while IFS= read -r line; do
            case $path in
            "$line"/*) ! rmdir "$ROOT$line" 2>/dev/null || touched=$touched$ROOT${line%/*}/$newline ;;
            esac
        done <"$receipts/$name"
    done
    return 0
}

# Transactions that a killed run, or a power cut, left open; newest first.
recover() {
    backwards_receipts=""
    for name in $(names "$receipts" "[0-9]*-*"); do
        unfinished "$name" && backwards_receipts="$name $backwards_receipts"
    done
    for receipt_name in $backwards_receipts; do
        receipt=$receipts/$receipt_name
        touched=""
        commands_ran=""
        state_of "$receipt_name"
        case $line in
        undone) remove_receipt ;;
        reverted) forget_backups ;;
        # A revert that was cut before it changed anything.
        done) rm -f "$receipt/reverting" ;;
        *)
            if [ ! -f "$receipt/reverting" ] && find_group "$receipt_name"; then
                finish_transaction
                emit recovered "$receipt_name" finished "all that it needed had been done when a run was cut off"
            elif [ -f "$receipt/reverting" ]; then
                if revert_receipt; then
                    emit recovered "$receipt_name" undone "its revert had been cut off and was finished"
                else
                    emit recovered "$receipt_name" failed "$(sentence "$problem")"
                fi
            elif ! undo_receipt || { ! remove_receipt && problem=$why; }; then
                flush_receipt
                emit recovered "$receipt_name" failed "$(sentence "$problem")"
            else
                emit recovered "$receipt_name" undone "a run that was cut off left it open"
            fi
            ;;
        esac
    done
}

# ---- Revert ----------------------------------------------------------------------------------------------------------

# revert RECEIPT: all of it or, where anything of it was changed since, nothing.
revert() {
    if [ "$phase" = count ]; then
        planned=$((planned + 1))
        return 0
    fi
    receipt_name=$1
    receipt=$receipts/$1
    touched=""
    commands_ran=""
    recommendation=${1#*-}
    state_of "$1"
    case $line in
    done) ;;
    reverted)
        emit reverted "$1" "$recommendation" "done" "it was reverted before"
        return 0
        ;;
    "")
        emit reverted "$1" "$recommendation" refused "there is no such receipt on this guest"
        return 0
        ;;
    *)
        emit reverted "$1" "$recommendation" failed "it was cut off and could not be undone"
        return 0
        ;;
    esac
    read_alone
    if ! undisturbed "$WAIT"; then
        emit reverted "$1" "$recommendation" refused "$(sentence "$why")"
        return 0
    fi
    for number in $(names "$receipt" "[0-9]*"); do
        folder=$receipt/$number
        read_line "$folder/kind" || continue
        kind=$line
        if ! { ready_undo && may_undo; }; then
            emit reverted "$1" "$recommendation" refused "$(sentence "$why")"
            return 0
        fi
    done
    if find_group "$1" && last_of_group "$1"; then
        for number in $(names "$receipts/$group" "[0-9]*"); do
            folder=$receipts/$group/$number
            if ! may_undo; then
                emit reverted "$1" "$recommendation" refused "$(sentence "$why")"
                return 0
            fi
        done
    fi
    # From here on a cut is mended by going on.
    if ! begin_reverting; then
        emit reverted "$1" "$recommendation" refused "$(sentence "cannot write to its receipt: $why")"
        rm -f "$receipt/reverting"
        return 0
    fi
    if revert_receipt; then
        emit reverted "$1" "$recommendation" "done" "as before"
    else
        emit reverted "$1" "$recommendation" failed "$(sentence "$problem")"
    fi
}

# The receipt at hand is in `committing` again; `reverting` tells that from a transaction's own undo. Both are on disk before
# the state is replaced, or a power cut could leave a receipt without one, which would be taken for one half removed.
begin_reverting() {
    attempt put "$receipt/reverting" "" && attempt put "$receipt/state.committing" "committing$newline" || return 1
    flush "$receipt/reverting" "$receipt/state.committing" "$receipt" && set_state committing &&
        { flush_receipt || back_to "done"; }
}

# Goes on with the revert of the receipt at hand, which has begun. False, with `problem`, where it cannot be ended yet.
revert_receipt() {
    if undo_receipt && commit_without; then
        finish_revert
    else
        flush_receipt
        return 1
    fi
}

# The receipt of the group that receipt $1 is a member of, in `group`, where it is done.
find_group() {
    for group in $(names "$receipts" "[0-9]*-*"); do
        if grep -saq "^members=.* $1 " "$receipts/$group/meta"; then
            state_of "$group"
            [ "$line" != "done" ] || return 0
        fi
    done
    return 1
}

# Of what $group committed, only the receipt $1 is left.
last_of_group() {
    read_meta "$group" members
    for other in $meta; do
        if [ "$other" != "$1" ]; then
            state_of "$other"
            [ "$line" != "done" ] || return 1
        fi
    done
}

# Whether the undo of the command in $folder would be refused, asked before anything is changed.
may_undo() {
    [ -f "$folder/ask" ] || return 0
    run_command "$(cat "$folder/ask")" && return 0
    told=$(tail -n 3 "$output" | tail -c 400)
    read_line "$folder/what"
    fail "$line: ${told:-it cannot be undone}"
}

# What a group committed is committed once more without the receipt at hand; or undone, where that was its last member.
commit_without() {
    find_group "${receipt##*/}" || return 0
    member=$receipt
    last_member=""
    ! last_of_group "${member##*/}" || last_member=yes
    receipt=$receipts/$group
    if [ -n "$last_member" ]; then
        begin_reverting ||
            fail "cannot write to the receipt $group: $why" || problem=$why
        [ -n "$problem" ] || ! undo_receipt || finish_revert
    else
        commit_again || problem=$why
    fi
    receipt=$member
    [ -z "$problem" ]
}

# The commands of the receipt at hand are run and proved again.
commit_again() {
    commands_ran=yes
    for number in $(names "$receipt" "[0-9]*"); do
        folder=$receipt/$number
        read_line "$folder/what"
        what=$line
        for part in "do" proof; do
            command_text=$(cat "$folder/$part")
            run_command "$command_text" && continue
            told=$(tail -n 3 "$output" | tail -c 400)
            fail "$what: once more, without ${member##*/}: its $part ended with status $status${told:+: $told}"
            return 1
        done
    done
}

finish_revert() {
    if ! flush_receipt; then
        problem="what was put back cannot be written to disk: $why"
        return 1
    fi
    set_state reverted
    flush "$receipt/state" "$receipt"
    forget_backups
}

# A line that this receipt gave an end, and that must keep it as others appended to the file since: the next of them to be
# reverted takes it back.
hand_over_endings() {
    for name in $(names "$receipt" "*/unended"); do
        unended=$receipt/$name
        read_line "${unended%/*}/path"
        path=$line
        for later in $(later_steps); do
            taker=$receipts/$later
            appends "$taker" || continue
            [ -f "$taker/unended" ] || {
                attempt fill "$unended" "$taker/unended.new" && flush "$taker/unended.new" &&
                    attempt mv -f "$taker/unended.new" "$taker/unended" && flush "$taker/unended" "$taker"
            } || return 1
            break
        done
    done
}

# Whether the step $1 appended a line.
appends() {
    for name in $(names "$1/edits" "*.new"); do
        [ -f "$1/edits/${name%.new}.old" ] || return 0
    done
    return 1
}

# A reverted receipt stays as a record, without the backups; `reverting` is removed last, so that a cut is seen. What a later
# receipt needs of them goes there first; where that fails, the next run tries again.
forget_backups() {
    hand_over_endings || return 0
    for number in $(names "$receipt" "[0-9]*"); do
        folder=$receipt/$number
        rm -rf "$folder/before" "$folder/after" "$folder/edits" "$folder/restored" "$folder/unended" "$folder/undo" \
            "$folder/do" "$folder/proof" "$folder/ask" "$folder/output" "$folder/done_output" "$folder/started" "$folder/work" \
            "$folder/work.after" "$folder/notes"
    done
    rm -f "$receipt/after_reboot"
    rm -f "$receipt/reverting"
}
