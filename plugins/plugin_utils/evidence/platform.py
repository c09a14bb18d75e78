# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Platform: is this a VMware guest, which distribution and kernel, what runs as process 1."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput, once
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import (
    Command,
    Read,
    Redaction,
    entries,
    files,
)

#: What `uname -m` prints, since Linux 6.1.
ARCHITECTURE = "/proc/sys/kernel/arch"

#: Machine types of x86: those of 32-bit kernels, and all.
X86_32 = ("i386", "i486", "i586", "i686")
X86 = ("x86_64", *X86_32)

#: SUSE's tool that changes a system by its next snapshot. SLES has it installed, too, where nothing is transactional.
_TRANSACTIONAL_UPDATE = "/usr/sbin/transactional-update"

#: What :attr:`Platform.immutable` names: the system is an image that is changed as a whole, and takes effect at the next boot.
OSTREE = "ostree"
TRANSACTIONAL = "transactional"

READS: tuple[Read, ...] = (
    files(
        "/sys/class/dmi/id/sys_vendor",
        "/sys/class/dmi/id/product_name",
        "/sys/class/dmi/id/product_serial",
        "/sys/class/dmi/id/product_uuid",
        "/proc/sys/kernel/osrelease",
        ARCHITECTURE,
        "/proc/sys/kernel/hostname",
        "/proc/1/comm",
        "/proc/1/cgroup",
        "/etc/os-release",
        "/usr/lib/os-release",
        "/etc/redhat-release",
        "/etc/SuSE-release",
        "/etc/debian_version",
        "/etc/photon-release",
        "/run/systemd/container",
        "/run/ostree-booted",
        "/proc/mounts",
    ),
    # Some boot with a password among the arguments.
    files("/proc/cmdline", redact=Redaction.BOOTLOADER),
    entries(
        "/run/.containerenv",
        "/.dockerenv",
        "/run/systemd/system",
        "/proc/vz",
        "/proc/bc",
        "/sys/bus/pci/devices",
        _TRANSACTIONAL_UPDATE,
    ),
    # Machine type, and on kernels without DMI in sysfs (EL4, before 2.6.27) the vendor.
    Command("machine", ("uname", "-m"), unless=ARCHITECTURE, single=True),
    Command("dmidecode_vendor", ("dmidecode", "-s", "system-manufacturer"), unless="/sys/class/dmi/id/product_uuid"),
    Command("dmidecode_uuid", ("dmidecode", "-s", "system-uuid"), unless="/sys/class/dmi/id/product_uuid"),
)

#: os-release ID, or a word of an old release file, to family. Derived ones come by ID_LIKE.
FAMILIES = {
    "rhel": "redhat",
    "centos": "redhat",
    "rocky": "redhat",
    "almalinux": "redhat",
    "ol": "redhat",
    "fedora": "redhat",
    "amzn": "amazon",
    "sles": "suse",
    "sled": "suse",
    "sles_sap": "suse",
    "suse": "suse",
    "opensuse": "suse",
    "opensuse-leap": "suse",
    "opensuse-tumbleweed": "suse",
    "debian": "debian",
    "ubuntu": "debian",
    "photon": "photon",
}


_NUMBER = re.compile(r"\d+")
_RELEASE = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Distribution:
    """``id`` as in os-release (``rhel`` for old Red Hat releases), ``family`` of :data:`FAMILIES`, version as numbers."""

    id: str
    family: str
    version: str
    name: str

    @property
    def major(self) -> int:
        """The first number of the version, 0 where there is none."""
        return self._number(0)

    @property
    def minor(self) -> int:
        """The second number of the version, 0 where there is none (SLES: the service pack)."""
        return self._number(1)

    def _number(self, position: int) -> int:
        numbers = _NUMBER.findall(self.version)
        return int(numbers[position]) if len(numbers) > position else 0


@dataclass(frozen=True)
class Kernel:
    """``release`` as uname -r prints it; ``version`` its first three numbers."""

    release: str

    @property
    def version(self) -> tuple[int, int, int]:
        """(major, minor, patch); (0, 0, 0) where it could not be read."""
        found = _RELEASE.match(self.release)
        return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)


@dataclass(frozen=True)
class Platform:
    """What kind of guest this is.

    ``vendor`` is the DMI system vendor, None where it could not be read. ``container`` names the evidence of a container.
    ``uuid`` is the DMI system UUID in lower case, None where unreadable. ``immutable`` is :data:`OSTREE` or :data:`TRANSACTIONAL`,
    None where packages change the running system.
    """

    vendor: str | None
    product: str
    uuid: str | None
    container: str | None
    distribution: Distribution
    kernel: Kernel
    machine: str
    init: str
    hostname: str
    command_line: tuple[str, ...]
    immutable: str | None

    @property
    def is_vmware(self) -> bool | None:
        """True on VMware, False elsewhere, None where nothing tells."""
        return None if self.vendor is None else self.vendor.startswith("VMware")

    @property
    def systemd(self) -> bool:
        """True where systemd is process 1."""
        return self.init == "systemd"

    def argument(self, name: str) -> str | None:
        """The value of a kernel argument in /proc/cmdline; the last one wins; "" for one without a value, None if absent."""
        found = None
        for word in self.command_line:
            key, dummy, value = word.partition("=")
            if key.replace("-", "_") == name.replace("-", "_"):
                found = value
        return found

    @classmethod
    def of(cls, probe: ProbeOutput) -> Platform:
        """Read it from the probe's output."""
        return once(probe, "platform", cls._of)

    @classmethod
    def _of(cls, probe: ProbeOutput) -> Platform:
        vendor = _first(probe, "/sys/class/dmi/id/sys_vendor", "dmidecode_vendor")
        serial = probe.file("/sys/class/dmi/id/product_serial").value
        if (vendor is None or not vendor.startswith("VMware")) and serial.startswith("VMware-"):
            vendor = "VMware, Inc."  # a reflected vendor string keeps the serial (kernel: arch/x86/kernel/cpu/vmware.c)
        uuid = _first(probe, "/sys/class/dmi/id/product_uuid", "dmidecode_uuid")
        return cls(
            vendor=vendor,
            product=probe.file("/sys/class/dmi/id/product_name").value,
            uuid=uuid.lower() if uuid else None,
            container=_container(probe),
            distribution=_distribution(probe),
            kernel=Kernel(probe.file("/proc/sys/kernel/osrelease").value),
            machine=probe.file(ARCHITECTURE).value or " ".join(probe.command("machine").lines[:1]).strip(),
            init="systemd" if probe.entry("/run/systemd/system") else probe.file("/proc/1/comm").value or "init",
            hostname=probe.file("/proc/sys/kernel/hostname").value,
            command_line=tuple(probe.file("/proc/cmdline").value.split()),
            immutable=_immutable(probe),
        )


def mount_options(probe: ProbeOutput) -> dict[str, list[str]]:
    """The options of every mounted file system by its mount point, as /proc/mounts spells it; empty where that is unreadable."""
    rows = (line.split() for line in probe.file("/proc/mounts").lines)
    return {fields[1]: fields[3].split(",") for fields in rows if len(fields) > 3}


def _immutable(probe: ProbeOutput) -> str | None:
    """SLE Micro, MicroOS: a read-only root below an /etc that can be written (an overlay, or a subvolume of its own). A root
    that is not to be seen counts as read-only: what is written into a snapshot would be lost with the next one."""
    if probe.file("/run/ostree-booted").exists:
        return OSTREE
    read_only = "ro" in mount_options(probe).get("/", ["ro"])
    return TRANSACTIONAL if read_only and probe.entry(_TRANSACTIONAL_UPDATE) else None


def _first(probe: ProbeOutput, path: str, command: str) -> str | None:
    value = probe.file(path).value
    if value:
        return value
    output = probe.command(command)
    lines = [line.strip() for line in output.lines if line.strip() and not line.startswith("#")]
    return lines[0] if output and lines else None


def _container(probe: ProbeOutput) -> str | None:
    for path in ("/run/.containerenv", "/.dockerenv"):
        if probe.entry(path):
            return path
    if probe.file("/run/systemd/container").value:
        return "/run/systemd/container"
    if probe.entry("/proc/vz") and not probe.entry("/proc/bc"):
        return "/proc/vz without /proc/bc"
    for line in probe.file("/proc/1/cgroup").lines:
        if re.search(r"/(docker|lxc|kubepods|libpod|machine\.slice/libpod)", line):
            return "/proc/1/cgroup"
    return None


def _distribution(probe: ProbeOutput) -> Distribution:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        fields = _assignments(probe.file(path).lines)
        if fields.get("ID"):
            candidates = [fields["ID"], *fields.get("ID_LIKE", "").split()]
            family = next((FAMILIES[word] for word in candidates if word in FAMILIES), "unknown")
            version = fields.get("VERSION_ID", "")
            return Distribution(fields["ID"], family, version, fields.get("PRETTY_NAME", fields["ID"]))
    redhat = probe.file("/etc/redhat-release").value
    if redhat:
        found = re.search(r"release (\d+)(?:\.(\d+))?(?:.*Update (\d+))?", redhat)
        minor = (found[2] or found[3] or "0") if found else "0"
        identity = "centos" if redhat.startswith("CentOS") else "rhel"
        return Distribution(identity, "redhat", f"{found[1]}.{minor}" if found else "", redhat)
    suse = probe.file("/etc/SuSE-release")
    if suse.lines:
        fields = _assignments(tuple(line.replace(" = ", "=") for line in suse.lines))
        version = f"{fields.get('VERSION', '')}.{fields.get('PATCHLEVEL', '0')}"
        return Distribution("sles", "suse", version, suse.value)
    debian = probe.file("/etc/debian_version").value
    if debian:
        return Distribution("debian", "debian", debian, f"Debian {debian}")
    photon = probe.file("/etc/photon-release").value
    if photon:
        return Distribution("photon", "photon", "".join(re.findall(r"[\d.]+", photon)[:1]), photon)
    return Distribution("unknown", "unknown", "", "an unknown distribution")


def _assignments(lines: tuple[str, ...]) -> dict[str, str]:
    fields = {}
    for line in lines:
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            fields[key] = value.strip().strip("\"'")
    return fields
