#!/bin/sh
# usage: ansible_test.sh newest|oldest sanity|units [ARGUMENT...]
#
# Runs one of ansible-test's commands with an environment's ansible-core, on a copy of the collection in the one place
# where ansible-test works. Only the environment's own Python is tested: others on PATH may be shims for nothing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=$(cd "$here/../.." && pwd)/.build
core=$1
command=$2
shift 2
PATH=$build/venv/$core/bin:$PATH
export PATH
unset ANSIBLE_COLLECTIONS_PATH
version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
copy=$(sh "$here/copy_collection.sh" "$build/ansible-test/$core")
log=$build/ansible-test/$core-$command.log

cd "$copy"
code=0
ansible-test "$command" --venv --python "$version" --color no "$@" >"$log" 2>&1 || code=$?
# Nothing can tell its pip to print less; those hundreds of lines stay in the log.
grep -v -e '^Looking in ' -e '^Processing ' -e '^Collecting ' -e '^Installing ' -e '^Successfully installed ' \
    -e '^Using cached ' -e '^  Downloading ' -e '^ *━' -e '^WARNING: Location ' -e 'Using locale ' \
    -e '^WARNING: Reviewing ' -e '^$' "$log" || :
exit "$code"
