# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clone_readiness: given these names of devices, images and tools, the audit says this. Nothing has a remedy."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.templates import OPTION
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot, BootEntry, Loader
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.clone_readiness import (
    assess_block_identity,
    assess_customization,
    assess_initramfs,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of
from ansible_collections.vmguest.linux.tests.unit.images_of import unpacked

GUEST, TEMPLATE = {OPTION: False}, {OPTION: True}


def entry(path, target=None):
    return Entry(path, "l" if target else "-", "rw-r--r--", 1, 0, 0, 100, target)


def numbered(path, *lines):
    return [(path, number, line) for number, line in enumerate(lines, 1)]


# ---- clone_block_identity --------------------------------------------------------------------------------------------

UUID = "UUID=3255683f-53a2-4fdf-91cf-b4c1041e2a62"


def disk(fstab=f"{UUID} / ext4 defaults 0 1", *, arguments=(), crypttab=(), command_line="", problem=None, entries=()):
    """A guest with one disk, one line of fstab, and one boot entry with these arguments."""
    evidence = evidence_of(
        {"/etc/fstab": fstab, "/proc/cmdline": command_line},
        lines={"crypttab": numbered("/etc/crypttab", *crypttab)},
        entries=[entry("/sys/block/sda", "../x"), *entries],
    )
    good = BootEntry(
        "Linux", "/boot/vmlinuz-6", ("/boot/initrd.img-6",), tuple(arguments), True, "/boot/grub/grub.cfg:9"
    )
    rescue = BootEntry(
        "Rescue", "/boot/vmlinuz-6", (), ("root=/dev/sda9",), False, "/boot/grub/grub.cfg:19", rescue=True
    )
    evidence.__dict__["boot"] = Boot(Loader.GRUB2, (good, rescue), problem)
    return evidence


@pytest.mark.parametrize(
    ("device", "good"),
    [
        (UUID, True),
        ("LABEL=/boot", True),
        ("PARTUUID=4a9e1f3c-01", True),
        ("/dev/mapper/rhel-root", True),
        ("/dev/VolGroup00/LogVol00", True),
        ("/dev/disk/by-uuid/7d0a1c55", True),
        ("/dev/disk/by-id/dm-uuid-LVM-ubuntu", True),
        ("/dev/sr0", True),
        ("/dev/cdrom", True),
        ("/dev/md0", True),
        ("nfs.example.com:/home", True),
        ("/dev/sda1", False),
        ("/dev/hdb", False),
        ("/dev/vda2", False),
        ("/dev/nvme0n1p2", False),
        ("/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1", False),
        ("/dev/disk/by-id/scsi-36000c29f3a1b7c0e-part1", False),
        ("/dev/disk/by-id/wwn-0x6000c29f3a1b7c0e", False),
    ],
)
def test_names_of_devices(device, good):
    expected = Status.COMPLIANT if good else Status.MANUAL
    for evidence, where in (
        (disk(f"# comment\n{device} /data ext4 defaults 0 2"), "/etc/fstab:2"),
        (disk(arguments=("ro", f"root={device}")), "/boot/grub/grub.cfg:9"),
        (disk(command_line=f"ro resume={device}"), "/proc/cmdline"),
    ):
        found = assess_block_identity(evidence, GUEST)
        assert found.status is expected, found.reason
        if not good:
            assert f"{device} ({where})" in found.reason
            assert found.owner == where


def test_crypttab_and_commented_lines():
    assert assess_block_identity(disk("#/dev/sda1 / ext4 defaults 0 1"), GUEST).status is Status.COMPLIANT
    assert assess_block_identity(disk(crypttab=["data /dev/sdb1 none luks"]), GUEST).status is Status.MANUAL
    assert assess_block_identity(disk(crypttab=["data /dev/disk/by-uuid/1 none"]), GUEST).status is Status.COMPLIANT


def test_a_boot_that_waits_for_what_is_not_there():
    other = entry("/dev/disk/by-uuid/aaaa", "../../sda1")
    found = assess_block_identity(disk(command_line="resume=UUID=bbbb", entries=[other]), GUEST)
    assert found.status is Status.MANUAL
    assert "resume=UUID=bbbb" in found.reason
    assert (
        assess_block_identity(disk(command_line="resume=UUID=aaaa", entries=[other]), GUEST).status is Status.COMPLIANT
    )
    # Without udev's names nothing is known of it.
    assert assess_block_identity(disk(command_line="resume=UUID=bbbb"), GUEST).status is Status.COMPLIANT


def test_no_disk_and_what_cannot_be_read():
    assert assess_block_identity(evidence_of({"/etc/fstab": ""}), GUEST).status is Status.NOT_APPLICABLE
    assert assess_block_identity(disk(State.DENIED), GUEST).status is Status.UNKNOWN
    assert assess_block_identity(disk(problem="grub.cfg cannot be read"), GUEST).status is Status.UNKNOWN
    # What is known to be wrong is said, whatever else cannot be read.
    assert assess_block_identity(disk("/dev/sda1 / ext4", problem="x"), GUEST).status is Status.MANUAL


# ---- clone_initramfs_generic -----------------------------------------------------------------------------------------

IMAGE = "/boot/initrd.img-6"
ALL = ("vmw_pvscsi", "nvme", "sd_mod")
DRACUT, TOOLS, SUSE = "/usr/bin/dracut", "/usr/sbin/mkinitramfs", "/lib/mkinitrd/scripts"


def kernel(*images, files=None, builder=TOOLS, listed=True, kernels=True, image=True):
    """A kernel that has pvscsi, nvme and sd_mod as modules."""
    folder = "/lib/modules/6/modules.dep"
    evidence = evidence_of(
        files or {},
        entries=[
            entry(builder),
            *([entry("/boot/vmlinuz-6")] if kernels else []),
            *([entry(folder)] if listed else []),
            *(entry(one.path) for one in images),
        ],
        lines={"vmware_modules": numbered(folder, *(f"drivers/{name}.ko:" for name in ALL))},
        images=images,
    )
    boots = (BootEntry("", "/boot/vmlinuz-6", (IMAGE,) if image else (), (), True, "grub.cfg:1"),) if kernels else ()
    evidence.__dict__["boot"] = Boot(Loader.GRUB2, boots)
    return evidence


@pytest.mark.parametrize(
    ("evidence", "status", "words"),
    [
        (kernel(unpacked(IMAGE, *ALL)), Status.COMPLIANT, ""),
        (kernel(unpacked(IMAGE, "vmw_pvscsi", "sd_mod")), Status.MANUAL, "lacks nvme"),
        (kernel(image=False), Status.MANUAL, "lacks nvme, sd_mod, vmw_pvscsi"),
        (
            kernel(unpacked(IMAGE, *ALL), files={"/etc/initramfs-tools/initramfs.conf": "MODULES=dep"}),
            Status.MANUAL,
            "initramfs.conf:1",
        ),
        (
            kernel(unpacked(IMAGE, *ALL), files={"/etc/dracut.conf": "hostonly=yes"}, builder=DRACUT),
            Status.MANUAL,
            "--regenerate-all",
        ),
        (
            kernel(
                unpacked(IMAGE, *ALL),
                files={"/etc/dracut.conf": 'hostonly=yes\nadd_drivers+=" vmw_pvscsi nvme "'},
                builder=DRACUT,
            ),
            Status.COMPLIANT,
            "",
        ),
        (
            kernel(unpacked(IMAGE, *ALL), files={"/etc/dracut.conf": 'omit_drivers+=" nvme "'}, builder=DRACUT),
            Status.MANUAL,
            "kept without nvme",
        ),
        (
            kernel(unpacked(IMAGE, *ALL), files={"/etc/sysconfig/kernel": ""}, builder=SUSE),
            Status.MANUAL,
            "INITRD_MODULES",
        ),
        (kernel(kernels=False), Status.UNKNOWN, "no installed kernel"),
        (kernel(unpacked(IMAGE, *ALL), listed=False), Status.UNKNOWN, "modules.dep"),
        (kernel(), Status.UNKNOWN, "was not found"),
        (kernel(unpacked(IMAGE, *ALL, status="denied")), Status.UNKNOWN, "cannot be read"),
    ],
)
def test_images_of_a_template(evidence, status, words):
    found = assess_initramfs(evidence, TEMPLATE)
    assert found.status is status, found.reason
    assert words in found.reason
    assert assess_initramfs(evidence, GUEST).status is Status.NOT_APPLICABLE


DEVICES = "/etc/lvm/devices/system.devices"
WWID = "IDTYPE=sys_wwid IDNAME=naa.6000c29f3a1b7c0e DEVNAME=/dev/sda3 PVID=IoUGXYfv PART=3"


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ({DEVICES: f"VERSION=1.1.2\n{WWID}"}, Status.MANUAL, f"naa.6000c29f3a1b7c0e ({DEVICES}:2)"),
        (
            {DEVICES: "IDTYPE=sys_serial IDNAME=9c10d318 DEVNAME=/dev/sda3"},
            Status.MANUAL,
            "may have other identities than 9c10",
        ),
        ({DEVICES: f"PRODUCT_UUID=564d0000-1111\nVERSION=1.1.29\n{WWID}"}, Status.COMPLIANT, ""),
        ({DEVICES: "IDTYPE=devname IDNAME=/dev/sda3 DEVNAME=/dev/sda3 PVID=x PART=3"}, Status.COMPLIANT, ""),
        ({DEVICES: "IDTYPE=crypt_uuid IDNAME=CRYPT-LUKS2-1a DEVNAME=/dev/dm-0 PVID=x"}, Status.COMPLIANT, ""),
        ({DEVICES: State.DENIED}, Status.UNKNOWN, f"{DEVICES} cannot be read"),
        (
            {"/etc/multipath/wwids": "# Valid WWIDs:\n/36000c29f3a1b7c0e/"},
            Status.MANUAL,
            "36000c29f3a1b7c0e (/etc/multipath/wwids:2)",
        ),
        ({"/etc/multipath/wwids": "# Valid WWIDs:"}, Status.COMPLIANT, ""),
    ],
)
def test_disks_that_lvm_or_multipath_know_by_an_identity(files, status, words):
    evidence = kernel(unpacked(IMAGE, *ALL), files=files)
    found = assess_initramfs(evidence, TEMPLATE)
    assert (found.status, words in found.reason) == (status, True), found.reason
    assert assess_initramfs(evidence, GUEST).status is Status.NOT_APPLICABLE


def test_drivers_and_disks_are_both_told():
    found = assess_initramfs(kernel(unpacked(IMAGE, "sd_mod"), files={DEVICES: WWID}), TEMPLATE)
    assert "lacks nvme" in found.reason
    assert "Besides, a clone's disks" in found.reason


# ---- guest_customization_ready ---------------------------------------------------------------------------------------

PLUGIN = "/usr/lib/x86_64-linux-gnu/open-vm-tools/plugins/vmsvc/libdeployPkgPlugin.so"
PERL, CLOUD, CFG = "/usr/bin/perl", "/usr/bin/cloud-init", "/etc/cloud/cloud.cfg"
OURS = "disable_vmware_customization: false"


def tools(*there, settings=(), version="2:12.3.5-5", mounts=""):
    return evidence_of(
        {"/proc/mounts": mounts},
        entries=[entry(path) for path in there],
        lines={"customization": [(path, 1, line) for path, line in settings]},
        commands={"dpkg_packages": (0, f"open-vm-tools\tinstall ok installed\t{version}")},
    )


@pytest.mark.parametrize(
    ("evidence", "status", "words"),
    [
        (tools(PLUGIN, PERL), Status.COMPLIANT, "Perl scripts"),
        (tools("/usr/lib/vmware-tools/plugins64/vmsvc/libdeployPkgPlugin.so", PERL), Status.COMPLIANT, "Perl scripts"),
        (tools(PERL), Status.MANUAL, "open-vm-tools-gosc"),
        (tools(PLUGIN), Status.MANUAL, "neither Perl nor cloud-init"),
        (tools(PLUGIN, CLOUD), Status.MANUAL, "neither Perl nor cloud-init"),
        (tools(PLUGIN, CLOUD, settings=[(CFG, OURS)]), Status.COMPLIANT, "cloud-init"),
        (
            tools(PLUGIN, CLOUD, PERL, settings=[(CFG, "disable_vmware_customization: true")]),
            Status.COMPLIANT,
            "Perl scripts",
        ),
        (tools(PLUGIN, CLOUD, PERL, settings=[(f"{CFG}.d/9.cfg", OURS)]), Status.MANUAL, "not read by VMware Tools"),
        (tools(PLUGIN, CLOUD, settings=[(CFG, f"{OURS} # here")]), Status.MANUAL, "comment"),
        (tools(PLUGIN, CLOUD, settings=[(CFG, f"{OURS} # here")], version="2:13.1.0-1"), Status.COMPLIANT, ""),
        (
            tools(PLUGIN, CLOUD, settings=[(CFG, OURS), (CFG, "datasource_list: [NoCloud]")]),
            Status.MANUAL,
            "datasource",
        ),
        (tools(PLUGIN, CLOUD, settings=[(CFG, OURS), (CFG, "datasource_list: [VMware, None]")]), Status.COMPLIANT, ""),
        # A list in the next lines, which are not read.
        (tools(PLUGIN, CLOUD, settings=[(CFG, OURS), (CFG, "datasource_list:")]), Status.COMPLIANT, ""),
        (
            tools(PLUGIN, PERL, settings=[("/etc/vmware-tools/tools.conf", "enable-customization = false")]),
            Status.MANUAL,
            "switches customization off",
        ),
        (tools(PLUGIN, PERL, mounts="tmpfs /tmp tmpfs rw,noexec 0 0"), Status.MANUAL, "noexec"),
        (tools(PLUGIN, PERL, "/run/vmware-imc", mounts="tmpfs /tmp tmpfs rw,noexec 0 0"), Status.COMPLIANT, ""),
    ],
)
def test_what_vcenter_customizes_a_clone_with(evidence, status, words):
    found = assess_customization(evidence, TEMPLATE)
    assert found.status is status, found.reason
    assert words in found.reason
    assert assess_customization(evidence, GUEST).status is Status.NOT_APPLICABLE
