# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence of images: kernels, their images, what makes the next ones; and which driver serves the disks."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot, BootEntry, Loader
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import drivers_of_disks
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import Builder, Images, Kernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of
from ansible_collections.vmguest.linux.tests.unit.images_of import unpacked

NOWHERE = Boot(Loader.UNKNOWN, ())


def entry(path: str, target: str | None = None) -> Entry:
    """A directory entry: a link where it has a target."""
    return Entry(path, "l" if target else "-", "rwxrwxrwx", 1, 0, 0, 0, target)


def boots(title: str, kernel: str, *images: str, default: bool = False, rescue: bool = False) -> BootEntry:
    """An entry of the boot menu."""
    return BootEntry(title, kernel, images, (), default, f"menu:{title}", rescue)


DEP = "/lib/modules/{}/modules.dep"
BUILTIN = "/lib/modules/{}/modules.builtin"


def kernels(*releases: str, lines: str = "kernel/drivers/scsi/vmw_pvscsi.ko:") -> dict[str, list[tuple[str, int, str]]]:
    """The lines of each kernel's modules.dep."""
    return {
        "vmware_modules": [
            (DEP.format(release), number, line)
            for release in releases
            for number, line in enumerate(lines.splitlines(), 1)
        ]
    }


def listed(*releases: str) -> list[Entry]:
    """The entries of each kernel, and of its list of modules."""
    return [entry(path.format(release)) for release in releases for path in (DEP, "/boot/vmlinuz-{}")]


# ---- kernels and images ----------------------------------------------------------------------------------------------


def test_every_installed_kernel_has_the_image_that_its_distribution_gives_it() -> None:
    names = {
        "6.1.0-28-amd64": "/boot/initrd.img-6.1.0-28-amd64",
        "5.14.0-427.el9.x86_64": "/boot/initramfs-5.14.0-427.el9.x86_64.img",
        "6.4.0-default": "/boot/initrd-6.4.0-default",
        "2.6.18-398.el5": "/boot/initrd-2.6.18-398.el5.img",
    }
    evidence = evidence_of(entries=listed(*names, "7.0"), images=[unpacked(path) for path in names.values()])
    found = Images.of(evidence, NOWHERE)
    assert {kernel.release: kernel.image for kernel in found.kernels} == {**names, "7.0": None}


def test_what_lies_beside_a_kernel_is_none() -> None:
    others = [
        *("/boot/vmlinuz-0-rescue-0123", "/boot/vmlinuz-6.1.old", "/boot/vmlinuz-6.1.hmac", "/boot/vmlinuz"),
        *("/boot/vmlinux-6.4.gz", "/boot/vmlinuz-6.1~"),
    ]
    evidence = evidence_of(entries=[*listed("6.1"), *map(entry, others), entry("/boot/vmlinuz-link", "vmlinuz-6.1")])
    assert [kernel.release for kernel in Images.of(evidence, NOWHERE).kernels] == ["6.1"]


def test_the_boot_menu_says_which_image_a_kernel_boots_with() -> None:
    """The default first, links followed, microcode and rescue entries left out, and of two entries that differ in nothing one."""
    menu = [
        boots("old", "/boot/vmlinuz-5", "/boot/intel-ucode.img", "/boot/initrd.img-5"),
        boots("new", "/boot/vmlinuz", "/boot/initrd", default=True),
        boots("new again", "/boot/vmlinuz-6", "/boot/initrd.img-6"),
        boots("new, single", "/boot/vmlinuz-6", "/boot/own.img"),
        boots("rescue", "/boot/vmlinuz-0-rescue", "/boot/initramfs-0-rescue.img", rescue=True),
        boots("without", "/boot/0123/4/linux"),
    ]
    links = [entry("/boot/vmlinuz", "vmlinuz-6"), entry("/boot/initrd", "./initrd.img-6")]
    evidence = evidence_of(entries=[*listed("5", "6", "7"), *links], images=[unpacked("/boot/initrd.img-7")])
    found = Images.of(evidence, Boot(Loader.GRUB2, tuple(menu)))
    assert [(kernel.release, kernel.image, kernel.entry) for kernel in found.kernels] == [
        ("6", "/boot/initrd.img-6", "menu:new"),
        ("5", "/boot/initrd.img-5", "menu:old"),
        ("6", "/boot/own.img", "menu:new, single"),
        ("4", None, "menu:without"),
        ("7", "/boot/initrd.img-7", "/boot/vmlinuz-7"),
    ]
    assert [kernel.default for kernel in found.kernels] == [True, False, False, False, False]


def kernel_of(evidence: Evidence) -> Kernel:
    """The only kernel."""
    (kernel,) = Images.of(evidence, NOWHERE).kernels
    return kernel


def test_what_a_driver_needs_comes_from_the_kernels_own_list() -> None:
    lines = (
        "kernel/drivers/scsi/vmw_pvscsi.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\n"
        "kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz kernel/lib/crc-t10dif.ko.xz\n"
        "kernel/drivers/scsi/scsi_mod.ko.xz: kernel/drivers/scsi/scsi_common.ko.xz\n"
        "kernel/drivers/scsi/scsi_common.ko.xz:\n"
        "kernel/drivers/nvme/host/nvme.ko.xz: kernel/drivers/nvme/host/nvme-core.ko.xz\n"
        "kernel/drivers/nvme/host/nvme-core.ko.xz:\n"
    )
    kernel = kernel_of(evidence_of(entries=listed("6"), lines=kernels("6", lines=lines)))
    assert kernel.needs(["vmw_pvscsi"]) == ("scsi_common", "scsi_mod", "sd_mod", "vmw_pvscsi")
    assert kernel.needs(["nvme"]) == ("nvme", "nvme_core")
    assert kernel.needs(["mptspi"]) == ()
    assert not kernel.has("mptspi")


def test_what_is_built_in_needs_no_file() -> None:
    built_in = [
        (BUILTIN.format("6"), 1, "kernel/drivers/scsi/scsi_mod.ko"),
        (BUILTIN.format("6"), 2, "kernel/drivers/scsi/sd_mod.ko"),
    ]
    lines = kernels("6")
    kernel = kernel_of(
        evidence_of(entries=listed("6"), lines={"vmware_modules": [*lines["vmware_modules"], *built_in]})
    )
    assert kernel.needs(["vmw_pvscsi"]) == ("vmw_pvscsi",)
    assert kernel.has("sd_mod")
    assert kernel.listed


def test_paths_of_el5() -> None:
    """Before 2.6.29, modules.dep has whole paths."""
    start = "/lib/modules/2.6.18/kernel/drivers"
    lines = f"{start}/message/fusion/mptspi.ko: {start}/message/fusion/mptbase.ko\n{start}/message/fusion/mptbase.ko:"
    kernel = kernel_of(evidence_of(entries=listed("2.6.18"), lines=kernels("2.6.18", lines=lines)))
    assert kernel.needs(["mptspi"]) == ("mptbase", "mptspi")


# ---- builders --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "builder"),
    [
        (["/usr/bin/dracut", "/sbin/mkinitrd"], Builder.DRACUT),
        (["/sbin/dracut", "/sbin/mkinitrd", "/sbin/nash"], Builder.DRACUT),
        (["/usr/sbin/mkinitramfs"], Builder.INITRAMFS_TOOLS),
        # Debian: what is left of initramfs-tools beside dracut, and dracut-core beside initramfs-tools.
        (["/usr/sbin/mkinitramfs", "/usr/bin/dracut", "/etc/kernel/postinst.d/dracut"], Builder.DRACUT),
        (["/usr/sbin/mkinitramfs", "/usr/bin/dracut"], Builder.INITRAMFS_TOOLS),
        (["/sbin/mkinitrd", "/sbin/nash"], Builder.NASH),
        (["/sbin/mkinitrd", "/lib/mkinitrd/scripts"], Builder.SUSE),
        (["/usr/bin/mkinitcpio", "/usr/bin/dracut"], Builder.MKINITCPIO),
        (["/usr/bin/booster"], Builder.BOOSTER),
        (["/sbin/mkinitrd"], Builder.NONE),
        ([], Builder.NONE),
    ],
    ids=str,
)
def test_the_builder_is_known_by_its_program(paths: list[str], builder: Builder) -> None:
    assert Images.of(evidence_of(entries=map(entry, paths)), NOWHERE).builder is builder


DRACUT = [entry("/usr/bin/dracut")]


def test_dracut_reads_its_drop_ins_after_its_main_file_and_etc_hides_the_distributions() -> None:
    evidence = evidence_of(
        {
            "/etc/dracut.conf": '#add_drivers+=""\nadd_drivers+=" mptspi "',
            "/usr/lib/dracut/dracut.conf.d/01-dist.conf": 'hostonly="yes"\nomit_drivers+=" floppy nvme-core "',
            "/usr/lib/dracut/dracut.conf.d/50-x.conf": 'force_drivers+=" ahci "',
            "/etc/dracut.conf.d/50-x.conf": "add_drivers+=' vmw-pvscsi nvme ' # why",
        },
        entries=DRACUT,
    )
    found = Images.of(evidence, NOWHERE).configuration
    assert found.named == {
        "mptspi": "/etc/dracut.conf:2",
        "vmw_pvscsi": "/etc/dracut.conf.d/50-x.conf:1",
        "nvme": "/etc/dracut.conf.d/50-x.conf:1",
    }
    assert set(found.omitted) == {"floppy", "nvme_core"}
    assert found.host_only == "/usr/lib/dracut/dracut.conf.d/01-dist.conf:1"


def test_dracut_is_generic_where_the_last_word_says_so() -> None:
    evidence = evidence_of(
        {
            "/usr/lib/dracut/dracut.conf.d/01-dist.conf": 'hostonly="yes"',
            "/usr/lib/dracut/dracut.conf.d/02-generic-image.conf": "hostonly=no",
        },
        entries=DRACUT,
    )
    assert Images.of(evidence, NOWHERE).configuration.host_only is None
    assert Images.of(evidence_of(entries=DRACUT), NOWHERE).configuration.host_only is None


@pytest.mark.parametrize(
    ("files", "host_only"),
    [
        ({}, None),
        ({"/etc/initramfs-tools/initramfs.conf": "# MODULES=dep\nMODULES=most"}, None),
        ({"/etc/initramfs-tools/initramfs.conf": "MODULES=dep"}, "/etc/initramfs-tools/initramfs.conf:1"),
        (
            {"/etc/initramfs-tools/initramfs.conf": "MODULES=dep", "/etc/initramfs-tools/conf.d/site": "MODULES=most"},
            None,
        ),
        (
            {
                "/etc/initramfs-tools/initramfs.conf": "MODULES=most",
                "/etc/initramfs-tools/conf.d/a": 'x=1\nMODULES="list"',
            },
            "/etc/initramfs-tools/conf.d/a:2",
        ),
    ],
    ids=["default", "most", "dep", "most after all", "list"],
)
def test_initramfs_tools(files: dict[str, str], host_only: str | None) -> None:
    modules = {"/etc/initramfs-tools/modules": "# x\n\nvmw_pvscsi\nsd-mod option=1\n"}
    found = Images.of(
        evidence_of({**files, **modules}, entries=[entry("/usr/sbin/mkinitramfs")]), NOWHERE
    ).configuration
    assert found.host_only == host_only
    assert found.named == {"vmw_pvscsi": "/etc/initramfs-tools/modules:3", "sd_mod": "/etc/initramfs-tools/modules:4"}


def test_red_hats_old_mkinitrd() -> None:
    text = "alias eth0 e1000\nalias scsi_hostadapter mptbase\nalias  scsi_hostadapter1  mptspi\n#alias scsi_hostadapter2 x\n"
    evidence = evidence_of({"/etc/modprobe.conf": text}, entries=[entry("/sbin/mkinitrd"), entry("/sbin/nash")])
    assert Images.of(evidence, NOWHERE).configuration.named == {
        "mptbase": "/etc/modprobe.conf:2",
        "mptspi": "/etc/modprobe.conf:3",
    }


def test_suses_mkinitrd() -> None:
    text = '# INITRD_MODULES="x"\nINITRD_MODULES="mptspi ext3"\nDOMU_INITRD_MODULES="xennet"\n'
    evidence = evidence_of({"/etc/sysconfig/kernel": text}, entries=[entry("/lib/mkinitrd/scripts")])
    assert set(Images.of(evidence, NOWHERE).configuration.named) == {"mptspi", "ext3"}


# ---- the driver of the disks -----------------------------------------------------------------------------------------

PCI = "../devices/pci0000:00/0000:00:15.0/0000:03:00.0"


def driver(address: str, name: str, bus: str = "pci") -> Entry:
    """The link of a device to its driver."""
    return entry(f"/sys/bus/{bus}/devices/{address}/driver", f"../../../../bus/{bus}/drivers/{name}")


@pytest.mark.parametrize(
    ("entries", "files", "drivers"),
    [
        (
            [
                entry("/sys/block/sda", f"{PCI}/host0/target0:0:0/0:0:0:0/block/sda"),
                entry("/sys/block/sr0", "../devices/pci0000:00/0000:00:07.1/ata2/host2/block/sr0"),
                driver("0000:00:15.0", "pcieport"),
                driver("0000:03:00.0", "vmw_pvscsi"),
                driver("0000:00:07.1", "ata_piix"),
            ],
            {},
            ("vmw_pvscsi",),
        ),
        (
            [
                entry("/sys/block/sda", "../devices/pci0000:00/0000:00:10.0/host0/target0:0:0/0:0:0:0/block/sda"),
                entry("/sys/block/nvme0n1", f"{PCI}/nvme/nvme0/nvme0n1"),
                driver("0000:00:10.0", "mptspi"),
                driver("0000:03:00.0", "nvme"),
            ],
            {},
            ("mptspi", "nvme"),
        ),
        (
            [
                entry("/sys/block/vda", "../devices/pci0000:00/0000:00:05.0/virtio2/block/vda"),
                driver("0000:00:05.0", "virtio-pci"),
                driver("virtio2", "virtio_blk", "virtio"),
            ],
            {},
            ("virtio_blk",),
        ),
        (
            # EL5: a disk is a folder, its device a link.
            [
                Entry("/sys/block/sda", "d", "rwxr-xr-x", 2, 0, 0, 0),
                entry("/sys/block/sda/device", "../../devices/pci0000:00/0000:00:10.0/host0/target0:0:0/0:0:0:0"),
                driver("0000:00:10.0", "mptspi"),
            ],
            {},
            ("mptspi",),
        ),
        (
            # BusLogic registers no PCI driver.
            [entry("/sys/block/sda", "../devices/pci0000:00/0000:00:10.0/host0/target0:0:0/0:0:0:0/block/sda")],
            {"/sys/class/scsi_host/host0/proc_name": "BusLogic", "/sys/class/scsi_host/host1/proc_name": "<NULL>"},
            ("BusLogic",),
        ),
        ([Entry("/sys/module/mptspi", "d", "rwxr-xr-x", 2, 0, 0, 0)], {}, ("mptspi",)),
        ([], {}, ()),
    ],
    ids=["pvscsi", "two controllers", "virtio", "el5", "buslogic", "loaded", "nothing"],
)
def test_which_driver_serves_the_disks(entries: list[Entry], files: dict[str, str], drivers: tuple[str, ...]) -> None:
    assert drivers_of_disks(evidence_of(files, entries=entries)) == drivers
