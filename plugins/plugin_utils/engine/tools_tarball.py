# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking the tarball of VMware Tools off a guest, as a step that can be undone: by its own uninstaller, its files kept."""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import TOOLS_DAEMONS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.tools import CONFIGURATION, LOCATIONS, UNINSTALLER
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import ON_DISK

#: Answers in `locations` that make the uninstaller change more than its own files, and what. Putting those back would
#: not undo it.
OUTSIDE = {
    "RESTORE_RAMDISK_CMD": "rebuild the initramfs in place",
    "INITRDMODS_CONF_FILE": "edit the configuration of the initramfs",
    "RESTORE_BACK_LIST": "put back files of others that it once replaced",
    "APPENDED_FILES": "edit files of others",
    "LD_DOT_SO_DOT_CONF_MODIFIED": "edit the configuration of the dynamic linker",
    "OV_COMPAT_CMD_OVERWRITE": "remove commands of open-vm-tools that it replaced",
}
#: The files and directories that the tarball put on the guest, while it is gone.
ARCHIVE = "/var/lib/vmguest/open_vm_tools-tarball.tar"

#: Names in the archive are relative to the root directory. `file PATH MTIME` and `directory PATH` are lines of the
#: database; of a directory only itself is kept, for its files have lines of their own. Links of services have none.
_KEEP = r"""umask 077
cd "$ROOT/" || exit 1
{
  sed -n -e 's,^file /\(.*\) [0-9][0-9]*$,./\1,p' -e t -e 's,^file /,./,p' -e 's,^directory /,./,p' .@locations@
  find .@configuration@
  find ./etc/init.d ./etc/init ./etc/rc*.d ./etc/systemd/system -name '*vmware-tools*'
} 2>/dev/null | sort -u | {
  while IFS= read -r name; do
    if [ -e "$name" ] || [ -h "$name" ]; then set -- "$@" "$name"; fi
  done
  tar -cpf .@archive@.new --no-recursion "$@"
} || exit 1
# What is kept, then its name, are on the disk before the first file goes, which may be another disk: else a power cut, or a
# write that failed, might leave the removals and not what undoes them.
on_disk .@archive@.new
mv .@archive@.new .@archive@ || exit 1
sync
@uninstaller@"""

_PUT_BACK = r"""rm -f "$ROOT"@archive@.new
[ -e "$ROOT"@archive@ ] || exit 0
cd "$ROOT/" && tar -xpf .@archive@ || exit 1
# What tar makes has its folder's SELinux type: an init script would not be started as one.
if command -v restorecon >/dev/null 2>&1; then
  { tar -tf .@archive@ | restorecon -f -; } 2>/dev/null
fi
for list in "$ROOT"/lib/modules/*/modules.dep; do
  kernel=${list%/*}
  if [ -e "$list" ]; then depmod -a "${kernel##*/}"; fi
done
if [ -d "$ROOT"/run/systemd/system ]; then systemctl daemon-reload; fi
@start@
started=$?
# Without the archive there is nothing to put back any more: so all of it is on the disk, and started, before that goes.
sync
rm -f "$ROOT"@archive@
exit $started"""


def removal(evidence: Evidence) -> tuple[Step, ...]:
    """Keep what the tarball's database says it installed, and let its uninstaller remove it; the undo puts it back."""
    start = "systemctl start vmware-tools" if evidence.platform.systemd else "service vmware-tools start"
    words = {
        "locations": LOCATIONS,
        "configuration": CONFIGURATION,
        "archive": ARCHIVE,
        "uninstaller": UNINSTALLER.rpartition("/")[2],
        "start": start if evidence.services.daemons & frozenset(TOOLS_DAEMONS) else ":",
    }

    def filled(text: str) -> str:
        for name, word in words.items():
            text = text.replace(f"@{name}@", word)
        return text

    return (
        Run(
            what=f"keep the tarball's files in {ARCHIVE} and run {UNINSTALLER}",
            do=ON_DISK + filled(_KEEP),
            undo=filled(_PUT_BACK),
            proof=f'[ ! -e "$ROOT"{UNINSTALLER} ] && [ ! -e "$ROOT"{LOCATIONS} ]',
            # It takes drivers away that an image is being built of.
            alone_from=("boot",),
            ask=f'[ ! -e "$ROOT"{LOCATIONS} ] || {{ echo "the tarball was installed again since: {UNINSTALLER} first"; exit 1; }}',
        ),
    )
