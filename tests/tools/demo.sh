#!/bin/sh
# The main job on a throwaway guest: audit, plan, remediate, audit, revert, audit. `make demo` sets things up and runs it.
#
# The guest is a Debian container with systemd as PID 1, and VMware's firmware strings and disk laid over its /sys
# (tests/containers/fake_kernel.sh); it is removed at the end, whatever happened.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
containers=$top/tests/containers
guest=vmguest-demo
CONTAINERS_CONF=$containers/containers.conf
export CONTAINERS_CONF

heading() { printf '\n\n######## %s\n' "$*"; }
playbook() { ansible-playbook -i "$inventory" "$@"; }

[ "$(id -u)" -eq 0 ] || {
    echo 'demo: needs root, for a guest with systemd: sudo make demo' >&2
    exit 1
}
inventory=$top/.build/demo.yml
trap 'podman rm --force --time 1 "$guest" >/dev/null 2>&1 || :' EXIT
trap 'exit 130' INT TERM

heading 'A guest to throw away'
sh "$containers/build.sh" debian12
podman rm --force --time 1 "$guest" >/dev/null 2>&1 || :
podman run --detach --name "$guest" --hostname "$guest" --systemd always localhost/vmguest-test/debian12:current >/dev/null
podman exec "$guest" systemctl is-system-running --wait >/dev/null || : # "degraded" will do
sh "$containers/fake_kernel.sh" "$guest"
{
    echo 'all:'
    echo '  hosts:'
    echo "    $guest:"
    echo '      ansible_connection: containers.podman.podman'
    echo '      ansible_user: root'
    echo '  vars:'
    echo '    # a container is no VMware guest: look away for this one'
    echo '    vmguest_lab_guest: true'
    echo '    vmguest_profile: everything'
} >"$inventory"
echo "demo: $guest runs; its inventory is ${inventory#"$top"/}"

heading '1. Audit: what is not as it should be? (writes nothing on the guest)'
playbook vmguest.linux.audit
heading '2. The plan: what would be done about it? (check mode, writes nothing either)'
playbook vmguest.linux.remediate --check --diff
heading '3. Remediate'
playbook vmguest.linux.remediate
heading '4. Audit again'
playbook vmguest.linux.audit
heading '5. Revert: everything as it was'
playbook vmguest.linux.revert
heading '6. Audit: as in the beginning'
playbook vmguest.linux.audit
