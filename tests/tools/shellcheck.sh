#!/bin/sh
# Lints every shell script of the tree as POSIX sh.
set -eu
cd "$(dirname -- "$0")/../.."
git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run | while read -r file; do
    [ ! -e "$file" ] || printf '%s\n' "$file"
done | xargs shellcheck --shell=sh
