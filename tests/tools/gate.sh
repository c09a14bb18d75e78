#!/bin/sh
# usage: gate.sh NAME COMMAND...      Runs one gate between a heading and its verdict with the seconds it took.
#
# What the gate puts into TMPDIR lies in memory where that serves, and is gone with the gate.
#
# GATE_PROGRESS  set where make keeps what a gate prints until it ends: that it begins is told on fd 3, at once
# GATE_TIMES     a file whose first line is when all gates began, in seconds of the epoch, and that takes down what each
#                took; after each, all of them are told: the end of a log that was cut off still says where the time went
# GATE_LIMIT     seconds after which a gate that hangs is ended, and failed
name=$1
shift

# Tests write and remove some million small files. Memory serves where a gate may fill 4 GiB of it, run programs there and
# give files attributes, as on a disk.
serves() {
    [ "$(df -Pk "$1" | awk 'NR == 2 { print ($4 >= 4194304) }')" = 1 ] || return 1
    awk '$1 == "MemAvailable:" { enough = ($2 >= 8388608) } END { exit !enough }' /proc/meminfo || return 1
    printf '#!/bin/sh\n' >"$1/try" && chmod 0700 "$1/try" && "$1/try" || return 1
    ! command -v setfattr >/dev/null || setfattr -n user.try -v 1 "$1/try" || return 1
    rm "$1/try"
}

if ! { scratch=$(mktemp -d /dev/shm/gate.XXXXXX) && serves "$scratch"; } 2>/dev/null; then
    rm -rf "$scratch"
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/gate.XXXXXX") || exit
fi
chmod 0711 "$scratch" # as in /tmp: a test that becomes another user finds its own folder
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
TMPDIR=$scratch
export TMPDIR

printf '\n==> %s\n' "$name"
[ -z "${GATE_PROGRESS:-}" ] || printf '==> %s: begins\n' "$name" >&3
began=$(date +%s)
if [ -n "${GATE_LIMIT:-}" ]; then
    timeout --kill-after=60 "$GATE_LIMIT" "$@"
else
    "$@"
fi
code=$?
seconds=$(($(date +%s) - began))
if [ "$code" -eq 0 ]; then
    printf '==> %s: passed (%s s)\n' "$name" "$seconds"
elif [ "$code" -eq 124 ] && [ -n "${GATE_LIMIT:-}" ]; then
    printf '==> %s: FAILED, not done after %s s\n' "$name" "$GATE_LIMIT" >&2
else
    printf '==> %s: FAILED with exit code %s (%s s)\n' "$name" "$code" "$seconds" >&2
fi
if [ -n "${GATE_TIMES:-}" ]; then
    printf '%s s %s\n' "$seconds" "$name" >>"$GATE_TIMES"
    awk -v now="$(date +%s)" 'NR == 1 { all = now - $1; next } { told = told (NR > 2 ? "; " : "") $0 }
        END { printf "==> so far %d s: %s\n", all, told }' "$GATE_TIMES"
fi
exit "$code"
