# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pvscsi_initrd: given these images and this configuration, the audit says this and the plan is that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    Step,
    WriteFile,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Boot, BootEntry, Loader
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, Unpacked
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.pvscsi_initrd import assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of
from ansible_collections.vmguest.linux.tests.unit.images_of import unpacked

IMAGE = "/boot/initrd.img-6"
OPTIONS = {"pvscsi_initrd_drivers": ["vmw_pvscsi"]}
DEP = (
    "drivers/vmw_pvscsi.ko: drivers/scsi_mod.ko\n"
    "drivers/sd_mod.ko: drivers/scsi_mod.ko\n"
    "drivers/scsi_mod.ko:\n"
    "drivers/mptspi.ko:\n"
    "drivers/nvme.ko:"
)
ALL = ("vmw_pvscsi", "mptspi", "sd_mod", "scsi_mod")
DEP_ONLY = {"/etc/initramfs-tools/initramfs.conf": "MODULES=dep", "/etc/initramfs-tools/modules": "# none"}


def entry(path: str, target: str | None = None, size: int = 30_000_000) -> Entry:
    """A directory entry."""
    return Entry(path, "l" if target else "-", "rw-------", 1, 0, 0, size, target)


def guest(
    *images: Unpacked,
    files: Mapping[str, str] | None = None,
    builder: str = "/usr/sbin/mkinitramfs",
    driver: str = "mptspi",
    dep: str = DEP,
    built_in: str = "",
    releases: tuple[str, ...] = ("6",),
    boot: Boot | None = None,
    **more: Any,
) -> Evidence:
    """A guest whose disk is served by ``driver``, with some kernels and images."""
    folder = "/lib/modules/{}/modules.{}"
    evidence = evidence_of(
        files or {},
        entries=[
            entry("/sys/block/sda", "../devices/pci0000:00/0000:00:10.0/host0/block/sda"),
            entry("/sys/bus/pci/devices/0000:00:10.0/driver", f"../../../bus/pci/drivers/{driver}"),
            entry(builder),
            *([entry("/sbin/nash")] if builder == "/sbin/mkinitrd" else []),
            *(entry(f"/boot/vmlinuz-{release}") for release in releases),
            *(entry(folder.format(release, "dep")) for release in releases),
            *(entry(image.path) for image in images),
        ],
        lines={
            "vmware_modules": [
                (folder.format(release, kind), number, line)
                for release in releases
                for kind, text in (("dep", dep), ("builtin", built_in))
                for number, line in enumerate(text.splitlines(), 1)
            ]
        },
        images=images,
        **more,
    )
    if boot:
        evidence.__dict__["boot"] = boot
    return evidence


def judged(evidence: Evidence, **options: Any) -> Verdict:
    """The verdict."""
    return assess(evidence, {**OPTIONS, **options})


def test_a_generic_image_is_compliant() -> None:
    assert judged(guest(unpacked(IMAGE, *ALL))).status is Status.COMPLIANT


@pytest.mark.parametrize("lost", ALL)
def test_an_image_that_lacks_anything_of_the_way_to_the_disk_is_noncompliant(lost: str) -> None:
    """The new driver, the present one, what they need, and the driver of SCSI disks."""
    verdict = judged(guest(unpacked(IMAGE, *(module for module in ALL if module != lost)), files=DEP_ONLY))
    assert verdict.status is Status.NONCOMPLIANT
    assert f"{IMAGE} lacks {lost}" in verdict.reason
    (run,) = verdict.commit
    assert run.what == f"build {IMAGE} anew with initramfs-tools"
    for module in ALL:
        assert module.replace("_", "[-_]") in run.do.split("build 1 ")[1].split("write_stamp")[0]


def test_every_kernel_counts_and_each_image_is_built_once() -> None:
    images = [unpacked("/boot/initrd.img-6", *ALL), unpacked("/boot/initrd.img-7", "mptspi", "sd_mod", "scsi_mod")]
    verdict = judged(guest(*images, files=DEP_ONLY, releases=("6", "7")))
    assert verdict.status is Status.NONCOMPLIANT
    assert verdict.runtime == "1 of 2 images hold all"
    (run,) = verdict.commit
    assert "build 1 boot/initrd.img-7 7 boot/vmlinuz-7 " in run.do
    assert "write_stamp boot/initrd.img-6 boot/initrd.img-7" in run.do
    assert "boot/initrd.img-6" not in run.undo


@pytest.mark.parametrize(
    ("builder", "files", "steps"),
    [
        ("/usr/sbin/mkinitramfs", DEP_ONLY, (EditFile("/etc/initramfs-tools/modules", (AppendLine("vmw_pvscsi"),)),)),
        (
            "/usr/sbin/mkinitramfs",
            {"/etc/initramfs-tools/initramfs.conf": "MODULES=dep"},
            (WriteFile("/etc/initramfs-tools/modules", "vmw_pvscsi\n"),),
        ),
        ("/usr/sbin/mkinitramfs", {**DEP_ONLY, "/etc/initramfs-tools/modules": "vmw_pvscsi"}, ()),
        ("/usr/sbin/mkinitramfs", {}, ()),
        (
            "/usr/bin/dracut",
            {"/etc/dracut.conf": 'hostonly="yes"'},
            (
                WriteFile(
                    "/etc/dracut.conf.d/90-vmguest.conf",
                    "# vmguest.linux: drivers of disk controllers that this guest may be moved to\n"
                    'add_drivers+=" vmw_pvscsi "\n',
                ),
            ),
        ),
        (
            "/sbin/mkinitrd",
            {"/etc/modprobe.conf": "alias scsi_hostadapter mptbase\nalias scsi_hostadapter1 mptspi"},
            (EditFile("/etc/modprobe.conf", (AppendLine("alias scsi_hostadapter2 vmw_pvscsi"),)),),
        ),
        (
            "/lib/mkinitrd/scripts",
            {"/etc/sysconfig/kernel": 'INITRD_MODULES="mptspi ext3"'},
            (
                EditFile(
                    "/etc/sysconfig/kernel",
                    (ReplaceLine('INITRD_MODULES="mptspi ext3"', 'INITRD_MODULES="mptspi ext3 vmw_pvscsi"'),),
                ),
            ),
        ),
    ],
    ids=["modules", "no modules file", "named", "most", "dracut", "nash", "suse"],
)
def test_where_the_driver_is_named(builder: str, files: dict[str, str], steps: tuple[Step, ...]) -> None:
    verdict = judged(guest(unpacked(IMAGE, "mptspi", "sd_mod", "scsi_mod"), files=files, builder=builder))
    assert verdict.status is Status.NONCOMPLIANT
    assert verdict.remedy == steps


def test_right_now_and_lost_with_the_next_image() -> None:
    verdict = judged(guest(unpacked(IMAGE, *ALL), files=DEP_ONLY))
    assert verdict.status is Status.NOT_PERSISTENT
    assert verdict.commit == ()
    assert verdict.persistent == "/etc/initramfs-tools/initramfs.conf:1, and nothing names vmw_pvscsi"


def test_a_host_only_image_of_a_guest_on_pvscsi_is_compliant() -> None:
    """The driver of the present hardware goes in by itself."""
    verdict = judged(guest(unpacked(IMAGE, "vmw_pvscsi", "sd_mod", "scsi_mod"), files=DEP_ONLY, driver="vmw_pvscsi"))
    assert verdict.status is Status.COMPLIANT


TARBALL = DEP.replace("vmw_pvscsi", "pvscsi")


def test_the_driver_by_its_name_in_vmware_tools_counts_where_the_disks_are_on_it() -> None:
    """A RHEL 5 with the tarball: no kernel has vmw_pvscsi, and without pvscsi in its image it boots no more."""
    verdict = judged(guest(unpacked(IMAGE, "sd_mod", "scsi_mod"), files=DEP_ONLY, driver="pvscsi", dep=TARBALL))
    assert verdict.status is Status.NONCOMPLIANT
    assert verdict.reason == f"the guest would not boot: {IMAGE} lacks pvscsi"
    assert verdict.remedy == ()
    (run,) = verdict.commit
    assert "pvscsi" in run.do.split("build 1 ")[1].split("write_stamp")[0]
    held = unpacked(IMAGE, "pvscsi", "sd_mod", "scsi_mod")
    assert judged(guest(held, files=DEP_ONLY, driver="pvscsi", dep=TARBALL)).status is Status.COMPLIANT


def test_a_driver_of_the_tarball_that_no_disk_is_on_is_nothing_to_it() -> None:
    verdict = judged(guest(unpacked(IMAGE, "sd_mod", "scsi_mod"), files=DEP_ONLY, dep=TARBALL))
    assert verdict.status is Status.NOT_APPLICABLE


def test_from_nvme_the_driver_of_scsi_disks_is_named_too() -> None:
    verdict = judged(guest(unpacked(IMAGE, "nvme"), files=DEP_ONLY, driver="nvme"))
    assert verdict.remedy == (
        EditFile("/etc/initramfs-tools/modules", (AppendLine("vmw_pvscsi"), AppendLine("sd_mod"))),
    )


@pytest.mark.parametrize(
    ("evidence", "status", "says"),
    [
        (guest(dep="", built_in="drivers/vmw_pvscsi.ko"), Status.NOT_APPLICABLE, "built into every kernel"),
        (
            guest(unpacked(IMAGE), dep="drivers/mptspi.ko:"),
            Status.NOT_APPLICABLE,
            "no installed kernel has vmw_pvscsi (6)",
        ),
        (guest(releases=()), Status.UNKNOWN, "no installed kernel was found"),
        (guest(unpacked(IMAGE, *ALL, status="1")), Status.UNKNOWN, "damaged: gzip ended with status 1"),
        (guest(unpacked(IMAGE, *ALL, status="absent", form="zstd")), Status.UNKNOWN, "no program to unpack it (zstd)"),
        (guest(unpacked(IMAGE, *ALL, status="152")), Status.UNKNOWN, "took too long"),
        (guest(unpacked(IMAGE, *ALL, status="")), Status.UNKNOWN, "cut off"),
        (guest(), Status.MANUAL, "kernel 6 (/boot/vmlinuz-6) boots without an image"),
        (
            guest(
                boot=Boot(Loader.GRUB2, (BootEntry("x", "/boot/vmlinuz-6", ("/boot/gone",), (), True, "grub.cfg:7"),))
            ),
            Status.UNKNOWN,
            "/boot/gone, the image of kernel 6 (grub.cfg:7), was not found",
        ),
        (
            guest(boot=Boot(Loader.GRUB2, (BootEntry("x", "/boot/vmlinuz-5", (IMAGE,), (), True, "grub.cfg:7"),))),
            Status.UNKNOWN,
            "/lib/modules/5/modules.dep is not there",
        ),
        (guest(unpacked(IMAGE, "mptspi"), builder="/usr/bin/mkinitcpio"), Status.MANUAL, "mkinitcpio -P"),
        (guest(unpacked(IMAGE, "mptspi"), builder="/usr/bin/booster"), Status.MANUAL, "regenerate_images"),
        (guest(unpacked(IMAGE, "mptspi"), builder="/nothing"), Status.MANUAL, "none of dracut"),
        (guest(unpacked(IMAGE, "mptspi"), boot=Boot(Loader.OSTREE, ())), Status.MANUAL, "rpm-ostree initramfs"),
        (
            guest(unpacked(IMAGE, *ALL), boot=Boot(Loader.OSTREE, (), "no entry was found in /boot/loader/entries")),
            Status.UNKNOWN,
            "which images it boots is not known: no entry was found",
        ),
        (guest(unpacked(IMAGE, "mptspi"), boot=Boot(Loader.UKI, ())), Status.MANUAL, "unified kernel image"),
        (guest(unpacked(IMAGE, "mptspi"), boot=Boot(Loader.TRANSACTIONAL, ())), Status.MANUAL, "transactional-update"),
        (
            guest(
                unpacked(IMAGE, "mptspi"),
                builder="/usr/bin/dracut",
                files={"/etc/dracut.conf": 'omit_drivers+=" vmw_pvscsi "'},
            ),
            Status.MANUAL,
            "/etc/dracut.conf:1 keeps vmw_pvscsi out",
        ),
        (
            guest(
                unpacked(IMAGE, "mptspi"),
                files={"/proc/mounts": "/dev/sda1 / ext4 rw 0 0\n/dev/sda2 /boot ext4 rw 0 0"},
                commands={"free_space": (0, "/dev/sda1 9 9 99999999 1% /\n/dev/sda2 9 9 40000 1% /boot")},
            ),
            Status.MANUAL,
            "/boot has 40000 KiB free, and 44812 KiB are needed",
        ),
    ],
)
def test_verdicts(evidence: Evidence, status: Status, says: str) -> None:
    verdict = judged(evidence)
    assert (verdict.status, says in verdict.reason) == (status, True), verdict.reason


def test_a_driver_that_a_kernel_has_not_is_not_asked_of_it() -> None:
    verdict = judged(guest(unpacked(IMAGE, *ALL)), pvscsi_initrd_drivers=["vmw_pvscsi", "BusLogic"])
    assert verdict.status is Status.COMPLIANT
