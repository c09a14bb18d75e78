#!/bin/sh
# usage: copy_collection.sh FOLDER
#
# Copies the collection's files (those that git knows or would add) to FOLDER/ansible_collections/vmguest/linux and
# prints that path: ansible-test works only in a folder of that name, and a link to one does not do.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
mkdir -p "$1"
copy=$(cd "$1" && pwd)/ansible_collections/vmguest/linux
output=$copy/tests/output # what ansible-test keeps between runs
kept=$(mktemp -d "$1/kept.XXXXXX")
[ ! -d "$output" ] || mv "$output" "$kept/output"
rm -rf "$copy"
mkdir -p "$copy"
cd "$top"
git ls-files --cached --others --exclude-standard | while read -r file; do
    [ ! -e "$file" ] || printf '%s\n' "$file"
done | tar -c -T - | tar -x -C "$copy"
git init -q "$copy" # or ansible-test asks the tree around it, which ignores this folder
[ ! -d "$kept/output" ] || mv "$kept/output" "$output"
rmdir "$kept"
printf '%s\n' "$copy"
