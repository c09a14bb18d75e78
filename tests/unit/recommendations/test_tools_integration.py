# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""tools_integration: given these VMware Tools, kernels and scripts, the audit says this."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.file_modes import (
    executable,
    octal,
    writable_by_others,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.packages import NAMES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.tools_integration import (
    assess_current,
    assess_kmods,
    assess_ovf,
    assess_power,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of
from ansible_collections.vmguest.linux.tests.unit.images_of import unpacked

OPTIONS = {"tools_integration_oldest": "11.0.5"}
CONF = "/etc/vmware-tools/tools.conf"
DEBIAN = {"/etc/os-release": VMWARE["/etc/os-release"]}
RHEL_5 = {"/etc/redhat-release": "Red Hat Enterprise Linux Server release 5.11 (Tikanga)"}
UNINSTALLER = Entry("/usr/bin/vmware-uninstall-tools.pl", "-", "rwxr-xr-x", 1, 0, 0, 9)
LOCATIONS = Entry("/etc/vmware-tools/locations", "-", "rw-r--r--", 1, 0, 0, 9)


def rpm(**versions: str) -> str:
    known = {name.replace("_", "-"): version for name, version in versions.items()}
    return "\n".join(
        f"{name}\t{known[name]}" if name in known else f"package {name} is not installed" for name in NAMES
    )


def guest(files=None, *, version="2:12.2.0-1", release=None, entries=(), lines=None, commands=None, images=()):
    """Evidence of a Debian with open-vm-tools, or of a guest of ``release`` with what ``commands`` say."""
    base = {path: text for path, text in VMWARE.items() if path != "/etc/os-release"}
    dpkg = f"open-vm-tools\tinstall ok installed\t{version}" if version else ""
    return evidence_of(
        files or {},
        base={**base, **(release or DEBIAN)},
        entries=entries,
        lines=lines,
        images=images,
        commands={"dpkg_packages": (0, dpkg)} if commands is None else commands,
    )


def tarball(answer="tools 10.3.10.12406962", release=None, entries=(), **more):
    commands = {"rpm_packages": (0, rpm()), "host_answers": (0, answer)}
    return guest(release=release or RHEL_5, entries=[UNINSTALLER, LOCATIONS, *entries], commands=commands, **more)


# ---- tools_current ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "status", "word"),
    [
        (guest(), Status.COMPLIANT, "time synchronisation by tools.conf"),
        (guest(version="2:13.1.0-1"), Status.COMPLIANT, "13.1.0 is recent enough."),
        (guest(version="2:11.0.1-2"), Status.MANUAL, "update the package"),
        (guest(version="2:10.1.5-5055683-4"), Status.MANUAL, "the udev rule for SCSI timeouts"),
        (guest(version=""), Status.NOT_APPLICABLE, ""),
        (guest(version="unknown"), Status.UNKNOWN, ""),
        (guest(commands={}), Status.UNKNOWN, "neither dpkg nor rpm"),
        # Where there is nothing else, the last of VMware's own is the newest.
        (tarball(), Status.COMPLIANT, "tarball 10.3.10 is recent enough."),
        (tarball("tools 9.4.0.25793"), Status.MANUAL, "VMware Tools 10.3, the last"),
        (tarball(""), Status.UNKNOWN, "cannot be told"),
        (tarball(release=DEBIAN), Status.MANUAL, "tools_single_flavour"),
        (
            guest(release=RHEL_5, commands={"rpm_packages": (0, rpm(vmware_tools_esx_nox="9.10.0-1.el5"))}),
            Status.MANUAL,
            "OSP 9.10.0 is old",
        ),
    ],
)
def test_how_recent_they_are(evidence, status, word):
    found = assess_current(evidence, OPTIONS)
    assert (found.status, word in found.reason) == (status, True), found.reason


def test_somebody_asks_for_newer_ones():
    assert assess_current(guest(), {"tools_integration_oldest": "12.3"}).status is Status.MANUAL
    assert wrong_options({"tools_integration_oldest": "12.3"}) is None
    assert (wrong_options({"tools_integration_oldest": "newest"}) or "").startswith("tools_integration_oldest")


# ---- tools_kmods_after_kernel_update ---------------------------------------------------------------------------------

OLD, NEW = "2.6.18-398.el5", "2.6.18-419.el5"
MENU = f"default=0\ntitle x\n\troot (hd0,0)\n\tkernel /vmlinuz-{NEW} ro root=/dev/sda2\n\tinitrd /initrd.img\n"


def legacy(has=(), driver="vmxnet3", menu=MENU, listed=True, flavour="tarball"):
    """Evidence of a RHEL 5 whose card is on ``driver``, and whose next kernel has these modules."""
    entries = [
        Entry("/sys/class/net/eth0", "d", "rwxr-xr-x", 1, 0, 0, 0),
        Entry("/sys/class/net/eth0/device", "l", "rwxrwxrwx", 1, 0, 0, 0, "../../../devices/pci0000:00/0000:00:11.0"),
        Entry("/sys/bus/pci/devices/0000:00:11.0/driver", "l", "rwxrwxrwx", 1, 0, 0, 0, f"../../drivers/{driver}"),
        Entry("/sys/class/net/eth0/device/driver", "l", "rwxrwxrwx", 1, 0, 0, 0, f"../../drivers/{driver}"),
        *([Entry(f"/lib/modules/{NEW}/modules.dep", "-", "rw-r--r--", 1, 0, 0, 9)] if listed else []),
        *([UNINSTALLER, LOCATIONS] if flavour == "tarball" else []),
    ]
    packages = rpm(vmware_tools_core="10.3.10-1") if flavour == "OSP" else rpm()
    if flavour == "open-vm-tools":
        packages = rpm(open_vm_tools="10.3.10-1")
    path = f"/lib/modules/{NEW}/modules.dep"
    return guest(
        {"/proc/sys/kernel/osrelease": OLD, **({"/boot/grub/grub.conf": menu} if menu else {})},
        release=RHEL_5,
        entries=entries,
        lines={
            "vmware_modules": [
                (path, number, f"/lib/modules/{NEW}/misc/{name}.ko:") for number, name in enumerate(has, 1)
            ]
        },
        commands={"rpm_packages": (0, packages)},
    )


@pytest.mark.parametrize(
    ("evidence", "status", "word"),
    [
        (legacy(), Status.MANUAL, f"vmware-config-tools.pl -d -k {NEW}"),
        (legacy(flavour="OSP"), Status.MANUAL, "package of drivers"),
        (legacy(has=["vmxnet3"]), Status.COMPLIANT, ""),
        (legacy(driver="e1000"), Status.COMPLIANT, "no disk and no card"),
        (legacy(menu=""), Status.UNKNOWN, ""),
        (legacy(listed=False), Status.UNKNOWN, "modules.dep is not there"),
        (legacy(flavour="open-vm-tools"), Status.NOT_APPLICABLE, ""),
        (guest(commands={}), Status.UNKNOWN, ""),
    ],
)
def test_drivers_of_the_tarball_and_the_next_kernel(evidence, status, word):
    found = assess_kmods(evidence, OPTIONS)
    assert (found.status, word in found.reason) == (status, True), found.reason


TARBALLS_DRIVER = ("pvscsi", "scsi_mod", "sd_mod")


def on_pvscsi(*images, has=TARBALLS_DRIVER, others=(), menu=MENU, builder=("/sbin/mkinitrd", "/sbin/nash")):
    """Evidence of a RHEL 5 whose disk is on the tarball's pvscsi, another on each of ``others``, and of its next kernel's image."""
    disks = list(zip("abc", ("pvscsi", *others), strict=False))
    return tarball(
        files={"/proc/sys/kernel/osrelease": OLD, "/boot/grub/grub.conf": menu},
        entries=[
            Entry(f"/lib/modules/{NEW}/modules.dep", "-", "rw-r--r--", 1, 0, 0, 9),
            *(Entry(path, "-", "rwxr-xr-x", 1, 0, 0, 9) for path in (f"/boot/vmlinuz-{NEW}", IMAGE, *builder)),
            *(
                Entry(
                    f"/sys/block/sd{name}/device",
                    "l",
                    "rwxrwxrwx",
                    1,
                    0,
                    0,
                    0,
                    f"../devices/pci0000:00/0000:0{name}:00.0/host0",
                )
                for name, dummy in disks
            ),
            *(Entry(f"/sys/block/sd{name}", "d", "rwxr-xr-x", 1, 0, 0, 0) for name, dummy in disks),
            *(
                Entry(
                    f"/sys/bus/pci/devices/0000:0{name}:00.0/driver",
                    "l",
                    "rwxrwxrwx",
                    1,
                    0,
                    0,
                    0,
                    f"../drivers/{driver}",
                )
                for name, driver in disks
            ),
        ],
        lines={
            "vmware_modules": [
                (f"/lib/modules/{NEW}/modules.dep", number, f"/lib/modules/{NEW}/misc/{name}.ko:")
                for number, name in enumerate((*has, *others), 1)
            ]
        },
        images=images,
    )


IMAGE = "/boot/initrd.img"


@pytest.mark.parametrize(
    ("evidence", "status", "word"),
    [
        (on_pvscsi(unpacked(IMAGE, *TARBALLS_DRIVER)), Status.COMPLIANT, "and so has its image"),
        (
            on_pvscsi(unpacked(IMAGE, "scsi_mod", "sd_mod")),
            Status.MANUAL,
            f"vmware-config-tools.pl -d -k {NEW}, or mkinitrd -f --with=pvscsi {IMAGE} {NEW}",
        ),
        (on_pvscsi(unpacked(IMAGE), builder=()), Status.MANUAL, "lacks pvscsi, sd_mod:"),
        (on_pvscsi(unpacked(IMAGE, *TARBALLS_DRIVER, status="denied")), Status.UNKNOWN, f"{IMAGE}: it cannot be read"),
        (on_pvscsi(), Status.UNKNOWN, "was not found"),
        (on_pvscsi(menu=MENU.replace("\tinitrd /initrd.img\n", "")), Status.MANUAL, "boots without an image"),
        (on_pvscsi(has=("scsi_mod", "sd_mod")), Status.MANUAL, "has no vmw_pvscsi"),
        # By then the kernel has the driver itself: either name is enough.
        (
            on_pvscsi(unpacked(IMAGE, "vmw_pvscsi", "scsi_mod", "sd_mod"), has=(*TARBALLS_DRIVER, "vmw_pvscsi")),
            Status.COMPLIANT,
            "and so has its image",
        ),
        # VMware's own advice for kernels of that time: data on pvscsi, the root on LSI Logic.
        (
            on_pvscsi(unpacked(IMAGE, "mptspi", "scsi_mod", "sd_mod"), others=("mptspi",)),
            Status.UNKNOWN,
            "which disks hold what the boot needs is not known",
        ),
        (on_pvscsi(unpacked(IMAGE, "sd_mod"), others=("mptspi",)), Status.MANUAL, "would not find its disks"),
    ],
)
def test_the_driver_of_the_disks_is_in_the_image_too(evidence, status, word):
    found = assess_kmods(evidence, OPTIONS)
    assert (found.status, word in found.reason) == (status, True), found.reason


# ---- tools_power_ops -------------------------------------------------------------------------------------------------


def scripts(poweroff="rwxr-xr-x", missing=(), extra=()):
    found = {name: "rwxr-xr-x" for name in ("poweron", "poweroff", "suspend", "resume") if name not in missing}
    if "poweroff" in found:
        found["poweroff"] = poweroff
    return [
        *(Entry(f"/etc/vmware-tools/{name}-vm-default", "-", mode, 1, 0, 0, 9) for name, mode in found.items()),
        *(Entry(f"/etc/vmware-tools/{name}", "-", "rwxr-xr-x", 1, 0, 0, 9) for name in extra),
    ]


@pytest.mark.parametrize(
    ("evidence", "status"),
    [
        (guest(entries=scripts()), Status.COMPLIANT),
        (guest(entries=scripts("rw-r--r--")), Status.NONCOMPLIANT),
        (guest(entries=scripts(missing=["poweroff"])), Status.MANUAL),
        (guest({CONF: "[powerops]\npoweroff-script="}, entries=scripts(missing=["poweroff"])), Status.COMPLIANT),
        (guest({CONF: "[powerops]\npoweroff-script=own"}, entries=scripts(extra=["own"])), Status.COMPLIANT),
        (guest({CONF: "[powerops]\npoweroff-script=/opt/own"}, entries=scripts()), Status.UNKNOWN),
        (guest({CONF: State.DENIED}, entries=scripts()), Status.UNKNOWN),
        (guest(version=""), Status.NOT_APPLICABLE),
    ],
)
def test_scripts_of_power_operations(evidence, status):
    found = assess_power(evidence, OPTIONS)
    assert found.status is status, found.reason
    if status is Status.NONCOMPLIANT:
        (step,) = found.remedy
        assert "chmod 0755" in step.do
        assert "chmod 0644" in step.undo


@pytest.mark.parametrize(
    ("mode", "number", "runs", "exposed"),
    [
        ("rw-r--r--", "0644", False, False),
        ("rwxrwxr-x", "0775", True, True),
        ("rwsr-xr-x", "4755", True, False),
        ("rwxrwxrwt", "1777", True, True),
        ("rw-r-Sr-T", "3644", False, False),
    ],
)
def test_modes(mode, number, runs, exposed):
    entry = Entry("/x", "-", mode, 1, 0, 0, 9)
    assert (octal(mode), executable(entry), writable_by_others(entry)) == (number, runs, exposed)


# ---- ovf_environment -------------------------------------------------------------------------------------------------

CLOUD_INIT = Entry("/usr/bin/cloud-init", "-", "rwxr-xr-x", 1, 0, 0, 9)
DISK = Entry("/dev/disk/by-label/OVF\\x20ENV", "l", "rwxrwxrwx", 1, 0, 0, 9, "../../sr0")


@pytest.mark.parametrize(
    ("answer", "status", "entries", "verdict"),
    [
        ("ovf\nfilled hostname\nempty password", 0, [CLOUD_INIT], Status.COMPLIANT),
        ("ovf\nfilled hostname", 0, [], Status.UNKNOWN),
        ("ovf\nfilled root_password", 0, [CLOUD_INIT], Status.MANUAL),
        ("", 0, [], Status.NOT_APPLICABLE),
        ("", 0, [DISK], Status.UNKNOWN),
        ("", 127, [], Status.UNKNOWN),
    ],
)
def test_the_ovf_environment(answer, status, entries, verdict):
    found = assess_ovf(guest(entries=entries, commands={"host_answers": (status, answer)}), OPTIONS)
    assert found.status is verdict, found.reason
