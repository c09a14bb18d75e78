# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""io_scheduler: leave the order of I/O to the hypervisor.

The guest sees one virtual disk where the host sees arrays, queues and other guests; sorting requests twice costs CPU and
gains nothing (VMware KB 2011861). On the kernels that the talk knew the answer was ``noop``; the multi-queue block layer,
the only one since 5.0, calls it ``none``. cfq, anticipatory, bfq and kyber are never right on a VMDK; deadline and mq-deadline,
the distributions' defaults, cost little and are accepted unless ``io_scheduler_strict``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.disk_attribute import (
    doubtful_nvme,
    nvme_device,
    nvme_matches,
    scsi_lines,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    pending_reboot,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Step, WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import READS as KCONFIG
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.kconfig import kernel_options
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    Device,
    Udev,
    kernel_argument_assignments,
    tuned_assignments,
    udev_assignments,
    winner,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.storage import Disk

#: After the distributions' own rules (SUSE's scheduler rule is numbered 60), before the last word of an administrator's 99.
RULE = "/etc/udev/rules.d/66-vmguest-io-scheduler.rules"

#: On a VMDK: what leaves the order to the hypervisor, and what is accepted without `strict`.
PASS_THROUGH = ("none", "noop")
ACCEPTED = ("mq-deadline", "deadline")

#: The first kernel that switches a disk's scheduler at run time (2.6.10); EL4's 2.6.9 takes it at boot only.
FIRST_SWITCHABLE = (2, 6, 10)
#: Since 5.0 there is only the multi-queue block layer, and `elevator=` has no effect (block/elevator.c).
ELEVATOR_IGNORED = (5, 0, 0)


@dataclass(frozen=True)
class _Case:
    """One disk: what it uses, who decides that at boot, and what it should use (None: nothing on offer is better).

    ``built`` is the scheduler that the kernel which boots next was built to give a disk with one queue, None where that is not
    known.
    """

    disk: Disk
    boot: Assignment | None
    wanted: str | None
    allowed: tuple[str, ...]
    built: str | None

    @property
    def running_well(self) -> bool:
        return self.disk.scheduler in self.allowed

    @property
    def boots_well(self) -> bool:
        """At boot the owner decides, or the kernel where nobody does."""
        return self.at_boot in self.allowed

    @property
    def at_boot(self) -> str:
        """The scheduler at the next boot. Nobody's choice is the kernel's: mq-deadline for disks with one hardware queue
        (pvscsi, LSI), none for NVMe (elevator_get_default in block/elevator.c). Before the multi-queue layer it was what the
        kernel was built with; where that is not known, the distribution's, cfq or deadline, never noop: a noop that runs without
        an owner was written by hand."""
        if self.boot:
            return self.boot.value
        if self.disk.is_multi_queue:
            return "mq-deadline" if "mq-deadline" in self.disk.schedulers and not self.disk.is_nvme else "none"
        if self.built:
            return self.built
        return self.disk.scheduler if self.disk.scheduler not in (None, "noop") else "the kernel's default"


def _device(disk: Disk) -> Device:
    """The disk as udev rules see it."""
    device: Device = (
        nvme_device(disk)
        if disk.is_nvme
        else {
            "KERNEL": (disk.name,),
            "SUBSYSTEM": ("block",),
            "SUBSYSTEMS": ("block", "scsi"),
            "ENV{DEVTYPE}": ("disk",),
            "ATTRS{vendor}": (disk.vendor,),
            "ATTRS{model}": (disk.model,),
        }
    )
    if disk.rotational:
        device["ATTR{queue/rotational}"] = (disk.rotational,)
    return device


def _case(evidence: Evidence, disk: Disk, allowed: tuple[str, ...]) -> _Case:
    wanted = next((name for name in PASS_THROUGH if name in disk.schedulers), None)
    return _Case(disk, _owner(evidence, disk, allowed), wanted, allowed, _built(evidence, disk))


def _built(evidence: Evidence, disk: Disk) -> str | None:
    """The scheduler that the kernel which boots next was built to give this disk; None for SATA, which has another in RHEL 7."""
    default = evidence.boot.default
    if disk.is_multi_queue or disk.vendor.strip() == "ATA" or evidence.boot.problem or default is None:
        return None
    return (kernel_options(evidence, default.release) or {}).get("DEFAULT_IOSCHED") if default.release else None


def _owner(
    evidence: Evidence, disk: Disk, allowed: tuple[str, ...], ours: tuple[str, str] | None = None
) -> Assignment | None:
    """Who decides at the next boot: as things are, or as they were with our rule file (path, content)."""
    kernel = evidence.platform.kernel.version
    boot: list[Assignment] = []
    if kernel < ELEVATOR_IGNORED and not disk.is_multi_queue:
        boot += kernel_argument_assignments(evidence, "elevator")
    boot += [
        entry
        for entry in udev_assignments(evidence, _device(disk), "queue/scheduler", ours)
        # A rule that may or may not hold for this disk counts where ours, which sorts after it, puts an end to the doubt.
        if entry.certain or (entry.value not in allowed and _rule_name(entry) < RULE.rpartition("/")[2])
    ]
    # tuned starts after udev has settled, so its word is the last.
    tuned = [
        replace(entry, value=_tuned_choice(entry.value, disk))
        for entry in tuned_assignments(evidence, "disk", "elevator")
    ]
    # What it may set or not counts where that would be wrong.
    boot += [entry for entry in tuned if entry.certain or entry.value not in allowed]
    return winner(boot)


def _rule_name(assignment: Assignment) -> str:
    """The name of the rule file that makes an assignment: udev reads rule files in the order of their names."""
    return assignment.owner.rpartition("/")[2].partition(":")[0]


def _tuned_choice(value: str, disk: Disk) -> str:
    """tuned takes a list of schedulers and uses the first on offer."""
    names = [name.strip() for name in value.split(",")]
    return next((name for name in names if name in disk.schedulers), names[0])


def _rule(udev: Udev, cases: list[_Case]) -> str:
    """Our udev rules, for SCSI VMDKs and for NVMe ones; the value is one that this kernel offers."""
    scsi = [case for case in cases if not case.disk.is_nvme]
    nvme = [case for case in cases if case.disk.is_nvme]
    lines = ["# vmguest.linux, io_scheduler: the hypervisor orders the I/O of virtual disks.\n"]
    wanted = next((case.wanted for case in scsi if case.wanted), None)
    if wanted:
        lines += scsi_lines(udev, "queue/scheduler", wanted)
    # No kernel with a driver for NVMe has an udev so old that it would need other keys.
    wanted = next((case.wanted for case in nvme if case.wanted), None)
    for match in nvme_matches([case.disk for case in nvme]) if wanted else ():
        lines.append(
            f'ACTION=="add|change", SUBSYSTEM=="block", ENV{{DEVTYPE}}=="disk", {match}, '
            f'TEST=="queue/scheduler", ATTR{{queue/scheduler}}="{wanted}"\n'
        )
    return "".join(lines)


def _summary(values: list[tuple[str, str]]) -> str:
    """`none` where all disks agree, else `sda cfq, sdb none`."""
    distinct = {value for dummy, value in values}
    return distinct.pop() if len(distinct) == 1 else ", ".join(f"{name} {value}" for name, value in values)


def _stale_elevator(evidence: Evidence) -> str:
    """The end of a reason: an elevator= that the kernel ignores."""
    value = evidence.platform.argument("elevator")
    if value is None or evidence.platform.kernel.version < ELEVATOR_IGNORED:
        return ""
    return (
        f" Stale parameter: elevator={value} has no effect since kernel 5.0 and can be taken out of the boot options."
    )


def assess(evidence: Evidence, options: Options) -> Verdict:
    """All VMDKs' schedulers, now and at the next boot."""
    doubtful = doubtful_nvme(evidence)
    if doubtful:
        return doubtful
    disks = evidence.storage.virtual_disks
    if not disks:
        return not_applicable("it has no disk that reports itself as VMware's")
    allowed = PASS_THROUGH if options["io_scheduler_strict"] else PASS_THROUGH + ACCEPTED
    if (0, 0, 0) < evidence.platform.kernel.version < FIRST_SWITCHABLE:
        return _assess_boot_only(evidence, allowed)
    # A disk without the file has no scheduler to choose, such as one whose driver takes each bio as it comes.
    switchable = [disk for disk in disks if evidence.file(disk.scheduler_file).exists]
    unread = [disk.name for disk in switchable or disks if disk.scheduler is None]
    if unread:
        return unknown(f"the scheduler of {', '.join(unread)} cannot be read in /sys/block/*/queue/scheduler")
    cases = [_case(evidence, disk, allowed) for disk in switchable]
    stale = _stale_elevator(evidence)
    sides = {
        "runtime": _summary([(case.disk.name, case.disk.scheduler or "") for case in cases]),
        "persistent": _summary([(case.disk.name, case.at_boot) for case in cases]),
        "desired": _summary([(case.disk.name, case.wanted or "none") for case in cases])
        if options["io_scheduler_strict"]
        else "one of " + ", ".join(allowed),
        "owner": next((case.boot.owner for case in cases if case.boot), "the kernel's default"),
    }
    wrong_now = [case for case in cases if not case.running_well]
    wrong_at_boot = [case for case in cases if not case.boots_well]
    if not wrong_now and not wrong_at_boot:
        accepted = sorted({case.disk.scheduler or "" for case in cases} & set(ACCEPTED))
        return compliant(
            (
                f"{accepted[0]} is accepted; io_scheduler_strict asks for none."
                if accepted
                else "the hypervisor orders the I/O."
            )
            + stale,
            **sides,
        )
    hopeless = [case.disk.name for case in wrong_now + wrong_at_boot if case.wanted is None]
    if hopeless:
        return manual(f"the kernel offers neither none nor noop for {', '.join(sorted(set(hopeless)))}", **sides)
    content = _rule(Udev.of(evidence), cases)
    blocked = _blocked(evidence, [*wrong_now, *wrong_at_boot], content)
    if blocked:
        return manual(blocked + stale, **sides)
    remedy = _remedy(evidence, content, wrong_now)
    if wrong_now:
        names = ", ".join(f"{case.disk.name} uses {case.disk.scheduler}" for case in wrong_now)
        return noncompliant(f"{names}.{stale}", remedy=remedy, **sides)
    case = wrong_at_boot[0]
    owner = case.boot.owner if case.boot else "the kernel"
    return not_persistent(
        f"right now, but {owner} sets {case.at_boot} at the next boot.{stale}", remedy=remedy, **sides
    )


def _assess_boot_only(evidence: Evidence, allowed: tuple[str, ...]) -> Verdict:
    """EL4: no queue/scheduler in sysfs, only the kernel's argument; without it the distribution's default, cfq."""
    running = evidence.platform.argument("elevator") or "cfq"
    boot = winner(kernel_argument_assignments(evidence, "elevator"))
    at_boot = boot.value if boot else "cfq"
    sides = {
        "runtime": running,
        "persistent": at_boot,
        "desired": "one of " + ", ".join(allowed),
        "owner": boot.owner if boot else "the kernel's default",
    }
    if at_boot not in allowed:
        return manual(
            f"the next boot uses {at_boot}, and this kernel takes its scheduler at boot only: add elevator=noop to its line "
            "in /boot/grub/grub.conf and reboot",
            **sides,
        )
    if running not in allowed:
        return pending_reboot(f"{running} is in use, {at_boot} from the next boot on", **sides)
    return compliant(f"{running} since boot", **sides)


def _blocked(evidence: Evidence, wrong: list[_Case], content: str) -> str | None:
    """Why a rule file of ours with ``content`` would not last: its udev obeys none, or somebody else has the last word."""
    if Udev.of(evidence) is Udev.NO_RUN:
        names = ", ".join(dict.fromkeys(case.disk.name for case in wrong))
        return (
            f"{names} should have another scheduler, and its udev ({Udev.NO_RUN.value}) sets none at boot: add elevator=noop to "
            "the kernel's line in the boot loader's menu, and reboot"
        )
    for case in wrong:
        then = _owner(evidence, case.disk, case.allowed, (RULE, content))
        if then is None or then.value in case.allowed:
            continue
        if then.owner.startswith("tuned profile"):
            return (
                f"{then.owner} sets {then.value} on {case.disk.name} and would win over a udev rule: "
                f"set elevator={case.wanted} in the [disk] section of a child profile, or choose another profile"
            )
        return f"{then.owner} sets {then.value} on {case.disk.name} after our rule would: change or remove that rule"
    return None


def _remedy(evidence: Evidence, content: str, wrong_now: list[_Case]) -> tuple[Step, ...]:
    """The rule for boots and hot-added disks, the live value for now. No reboot."""
    present = evidence.file(RULE)
    before = present.text if present else None
    steps: list[Step] = []
    if before != content:
        steps.append(WriteFile(RULE, content, before))
    for case in wrong_now:
        steps.append(WriteKernel(case.disk.scheduler_file, case.disk.scheduler or "", case.wanted or ""))
    return tuple(steps)


RECOMMENDATIONS = (
    Recommendation(
        id="io_scheduler",
        area="storage",
        title="Leave the order of I/O to the hypervisor",
        severity=Severity.MEDIUM,
        baseline="enforce",
        talk="Guest I/O scheduling is too far from the physical disk; the noop scheduler works better.",
        today=(
            "Right, under another name: the multi-queue block layer, the only one since kernel 5.0, calls it none, and "
            "elevator= has no effect any more. mq-deadline, most distributions' default, costs little and is accepted."
        ),
        risk=(
            "none gives up ionice priorities and the io.weight of control groups (bfq). Changing it under heavy I/O stalls the "
            "queue for a moment."
        ),
        source="VMware KB 2011861; Linux block/elevator.c; Documentation/block/switching-sched.rst",
        reads=(*KCONFIG, files(RULE)),
        assess=assess,
    ),
)
