#!/bin/sh
# Builds the collection, installs it into an empty folder and shows the documentation of every module from there: what a
# user gets works without the tree that it was built from. Run with the environment's programs first in PATH.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
scratch=$(mktemp -d "$top/.build/package.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$top"
ansible-galaxy collection build --output-path "$scratch" >/dev/null
cd "$scratch" # away from the tree, and with no other place to find the collection in
export ANSIBLE_COLLECTIONS_PATH="$scratch/installed"
export ANSIBLE_COLLECTIONS_SCAN_SYS_PATH=false
ansible-galaxy collection install --offline --collections-path "$scratch/installed" "$scratch"/vmguest-linux-*.tar.gz >/dev/null
installed=$scratch/installed/ansible_collections/vmguest/linux

modules=
for file in "$installed"/plugins/modules/*.py; do
    name=${file##*/}
    [ "$name" = __init__.py ] || modules="$modules vmguest.linux.${name%.py}"
done
[ -n "$modules" ] || {
    echo 'package: the installed collection has no module' >&2
    exit 1
}
# shellcheck disable=SC2086 # a list of words
ansible-doc --type module $modules >/dev/null
for file in "$installed"/playbooks/*.yml; do
    name=${file##*/}
    ansible-playbook --syntax-check --inventory localhost, "vmguest.linux.${name%.yml}" >/dev/null
done
for entry in "$installed"/.[!.]* "$installed/tests" "$installed/molecule"; do
    [ ! -e "$entry" ] || {
        echo "package: ${entry##*/} is in the package; add it to build_ignore in galaxy.yml" >&2
        exit 1
    }
done
archive=$(echo "$scratch"/*.tar.gz)
echo "package: ${archive##*/}: documentation and playbooks load from an empty path"
