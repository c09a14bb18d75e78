#!/bin/sh
# usage: gate.sh NAME COMMAND...      Runs one gate between a heading and its verdict with the seconds it took.
name=$1
shift
printf '\n==> %s\n' "$name"
began=$(date +%s)
"$@"
code=$?
seconds=$(($(date +%s) - began))
if [ "$code" -eq 0 ]; then
    printf '==> %s: passed (%s s)\n' "$name" "$seconds"
else
    printf '==> %s: FAILED with exit code %s (%s s)\n' "$name" "$code" "$seconds" >&2
fi
exit "$code"
