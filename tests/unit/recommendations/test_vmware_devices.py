# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""vmware_devices: given these devices, this fstab and this default target, the audit says this."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import RECOMMENDATIONS as REGISTRY
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, ReplaceLine
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.vmware_devices import (
    assess_hgfs,
    assess_svga,
    assess_vmci,
    assess_x_server,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

KERNEL = "6.1.0-28-amd64"
DEP = f"/lib/modules/{KERNEL}/modules.dep"
PCI = "003f\t15ad0740\t10\n0078\t15ad0405\t10"
ANY, SERVER, DESKTOP = ({"vmware_devices_guest": name} for name in ("any", "server", "desktop"))


def place(path, kind="-", target=None):
    return Entry(path, kind, "rwxr-xr-x", 1, 0, 0, 9, target)


SYSTEMD = place("/run/systemd/system", "d")


def guest(files=None, *, entries=(), lines=None, pci=PCI, host="host VMware ESXi 8.0.3", desktop=False, systemd=True):
    """Evidence of a Debian on ESX."""
    packages = "open-vm-tools\tinstall ok installed\t2:12.2.0-1"
    if desktop:
        packages += "\nopen-vm-tools-desktop\tinstall ok installed\t2:12.2.0-1"
    return evidence_of(
        {"/proc/bus/pci/devices": pci, **(files or {})},
        base=VMWARE if systemd else {**VMWARE, "/proc/1/comm": "init"},
        entries=[*([SYSTEMD] if systemd else []), *entries],
        lines=lines,
        commands={"dpkg_packages": (0, packages), "host_answers": (0, host)},
    )


# ---- vmci_vsock ------------------------------------------------------------------------------------------------------

LOADED = place("/sys/module/vmw_vmci", "d")
OWN = {"vmware_modules": [(DEP, 1, "kernel/drivers/misc/vmw_vmci/vmw_vmci.ko:")]}
BUILTIN = {"vmware_modules": [(DEP.replace("dep", "builtin"), 1, "kernel/drivers/misc/vmw_vmci/vmw_vmci.ko")]}
BLOCKED = {"/etc/modprobe.d/cis.conf": "blacklist vmw_vmci"}


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (guest(entries=[LOADED]), Status.COMPLIANT),
        (guest(lines=BUILTIN), Status.COMPLIANT),
        (guest(BLOCKED, entries=[LOADED]), Status.MANUAL),
        (guest(entries=[place(DEP)], lines=OWN), Status.MANUAL),
        (guest(entries=[place(DEP)]), Status.NOT_APPLICABLE),
        (guest(), Status.UNKNOWN),
        (guest(pci="0300\t15ad07c0\t12"), Status.NOT_APPLICABLE),
        (guest(pci=State.DENIED), Status.UNKNOWN),
    ],
)
def test_vmci_has_its_driver(evidence, status):
    assert assess_vmci(evidence, ANY).status is status


# ---- hgfs_shared_folders ---------------------------------------------------------------------------------------------

OLD = ".host:/ /mnt/hgfs vmhgfs defaults 0 0"
FUSE = "vmhgfs-fuse /mnt/hgfs fuse defaults,allow_other 0 0"


@pytest.mark.parametrize(
    ("fstab", "host", "entries", "status"),
    [
        ("/dev/sda1 / ext4 defaults 0 1", "host VMware ESXi 8.0.3", (), Status.COMPLIANT),
        (f"# {OLD}", "host VMware ESXi 8.0.3", (), Status.COMPLIANT),
        (OLD, "host VMware ESXi 8.0.3", (), Status.NONCOMPLIANT),
        (FUSE, "host VMware ESXi 8.0.3", (), Status.NONCOMPLIANT),
        (f"{OLD}\n{OLD}", "host VMware ESXi 8.0.3", (), Status.MANUAL),
        ("", "host VMware ESXi 8.0.3", (place("/sys/module/vmhgfs", "d"),), Status.MANUAL),
        (OLD, "", (), Status.MANUAL),
        # It may be ESX or Workstation.
        (FUSE, "", (), Status.UNKNOWN),
        ("", "", (place("/sys/module/vmhgfs", "d"),), Status.UNKNOWN),
        ("", "", (), Status.COMPLIANT),
        (State.DENIED, "", (), Status.UNKNOWN),
    ],
)
def test_shared_folders(fstab, host, entries, status):
    assert assess_hgfs(guest({"/etc/fstab": fstab}, host=host, entries=entries), ANY).status is status


def test_a_mounted_shared_folder_is_served_by_the_host():
    files = {"/etc/fstab": FUSE, "/proc/mounts": "vmhgfs-fuse /mnt/hgfs fuse.vmhgfs-fuse rw,allow_other 0 0"}
    assert assess_hgfs(guest(files, host=""), ANY).status is Status.COMPLIANT


def test_the_line_becomes_a_comment():
    found = assess_hgfs(guest({"/etc/fstab": OLD}), ANY)
    assert found.remedy == (EditFile("/etc/fstab", (ReplaceLine(OLD, f"# vmguest hgfs_shared_folders: {OLD}"),)),)


# ---- graphics --------------------------------------------------------------------------------------------------------

SHIPPED = place("/usr/lib/systemd/system/default.target", "l", "graphical.target")
TEXT = place("/etc/systemd/system/default.target", "l", "/usr/lib/systemd/system/multi-user.target")
MANAGER = place("/etc/systemd/system/display-manager.service", "l", "/usr/lib/systemd/system/gdm.service")
SUSES_MANAGER = place(
    "/etc/systemd/system/graphical.target.wants/display-manager.service",
    "l",
    "/usr/lib/systemd/system/display-manager.service",
)
DRIVER = place("/sys/module/vmwgfx", "d")
X = place("/tmp/.X11-unix/X0", "s")


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (guest(entries=[SHIPPED]), Status.COMPLIANT),
        (guest(entries=[SHIPPED], desktop=True), Status.MANUAL),
        (guest(entries=[SHIPPED, MANAGER, DRIVER], desktop=True), Status.COMPLIANT),
        (guest(entries=[SHIPPED, SUSES_MANAGER, DRIVER], desktop=True), Status.COMPLIANT),
        (guest(entries=[SHIPPED, MANAGER, DRIVER]), Status.MANUAL),
        (guest(entries=[SHIPPED, MANAGER], desktop=True), Status.MANUAL),
        (guest(entries=[SHIPPED, MANAGER, TEXT]), Status.COMPLIANT),
        (guest(), Status.UNKNOWN),
        (evidence_of(entries=[SYSTEMD, SHIPPED]), Status.UNKNOWN),
    ],
)
def test_graphics_where_there_is_a_desktop(evidence, status):
    assert assess_svga(evidence, ANY).status is status


@pytest.mark.parametrize(
    ("entries", "options", "status"),
    [
        ([SHIPPED], ANY, Status.COMPLIANT),
        ([TEXT, MANAGER], SERVER, Status.COMPLIANT),
        ([TEXT, MANAGER, X], SERVER, Status.PENDING_REBOOT),
        ([SHIPPED, MANAGER, X], ANY, Status.MANUAL),
        ([SHIPPED, MANAGER, X], DESKTOP, Status.COMPLIANT),
        ([SHIPPED, MANAGER, X], SERVER, Status.NONCOMPLIANT),
        ([SHIPPED, SUSES_MANAGER, X], SERVER, Status.NONCOMPLIANT),
        ([SHIPPED, MANAGER], SERVER, Status.NOT_PERSISTENT),
        ([], ANY, Status.UNKNOWN),
    ],
)
def test_a_server_starts_no_display_manager(entries, options, status):
    assert assess_x_server(guest(entries=entries), options).status is status


def test_what_runs_is_not_stopped():
    """Its page, and every finding, say that it takes a reboot."""
    assert REGISTRY["no_idle_x_server"].reboot


@pytest.mark.parametrize(("level", "status"), [("5", Status.NONCOMPLIANT), ("3", Status.COMPLIANT)])
def test_runlevels(level, status):
    line = f"id:{level}:initdefault:"
    evidence = guest(
        systemd=False, entries=[X] if level == "5" else [], lines={"runlevel": [("/etc/inittab", 18, line)]}
    )
    found = assess_x_server(evidence, SERVER)
    assert found.status is status
    if level == "5":
        assert found.remedy == (EditFile("/etc/inittab", (ReplaceLine(line, "id:3:initdefault:"),)),)
