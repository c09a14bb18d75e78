# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""pvscsi_initrd: every kernel's image holds the paravirtual controller's driver, and the one that the guest boots by now."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_images import (
    GROUP,
    STAMP,
    Rebuild,
    can_rebuild,
    rebuild,
    room_kib,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    noncompliant,
    not_applicable,
    not_persistent,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import (
    AppendLine,
    EditFile,
    ReplaceLine,
    Step,
    WriteFile,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Loader
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import READS as CONTROLLERS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.controllers import TOOLS_NAMES, drivers_of_disks
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import (
    INITRAMFS_TOOLS_MODULES,
    Builder,
    Case,
    Kernel,
    case_of,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.images import READS as IMAGES

DRACUT_DROP_IN = "/etc/dracut.conf.d/90-vmguest.conf"
MODPROBE_CONF = "/etc/modprobe.conf"
SYSCONFIG_KERNEL = "/etc/sysconfig/kernel"

#: What a person does where no remedy of ours serves.
_BY_HAND = {
    Builder.MKINITCPIO: "add it to MODULES= in /etc/mkinitcpio.conf and run 'mkinitcpio -P'",
    Builder.BOOSTER: "add it to modules: in /etc/booster.yaml and run '/usr/lib/booster/regenerate_images'",
    Builder.NONE: "none of dracut, initramfs-tools and mkinitrd is here: build the image with the tool that made it",
}
_LOADERS = {
    Loader.OSTREE: "its images come with the deployment: use 'rpm-ostree initramfs --enable --arg=--add-drivers --arg=…'",
    Loader.UKI: "its image is part of a unified kernel image: build that anew with the driver in it",
    Loader.TRANSACTIONAL: "its root is read-only: configure dracut and run 'transactional-update initrd'",
}


def assess(evidence: Evidence, options: Options) -> Verdict:
    """Judge the image of every boot entry and of every installed kernel, and the configuration that makes the next ones."""
    found = evidence.initramfs
    wanted = tuple(dict.fromkeys(options["pvscsi_initrd_drivers"]))
    names = ", ".join(wanted)
    unified = [entry.kernel for entry in evidence.boot.entries if entry.kernel.lower().endswith(".efi")]
    if unified:
        return unknown(
            f"it boots from unified kernel images ({', '.join(unified)}), whose initramfs is part of them and is not read: look "
            f"with 'lsinitrd' whether it holds {names}"
        )
    if evidence.boot.loader is Loader.OSTREE and evidence.boot.problem:
        # Kernels and images right in /boot are not those of its deployments.
        return unknown(f"which images it boots is not known: {evidence.boot.problem}")
    if not found.kernels:
        return unknown("no installed kernel was found in /boot, nor named by the boot loader")
    for kernel in found.kernels:
        if not kernel.listed:
            return unknown(
                f"what kernel {kernel.release} has is not known: /lib/modules/{kernel.release}/modules.dep is not there; "
                f"remove what is left of that kernel ({kernel.entry}), or run 'depmod {kernel.release}'"
            )
    present = drivers_of_disks(evidence)
    # Disks may be on the wanted driver by its name in VMware Tools: a kernel that has it by that name alone counts, too.
    judged = (*wanted, *(TOOLS_NAMES[driver] for driver in wanted if TOOLS_NAMES.get(driver) in present))
    kernels = [kernel for kernel in found.kernels if any(kernel.has(driver) for driver in judged)]
    if not kernels:
        releases = ", ".join(dict.fromkeys(kernel.release for kernel in found.kernels))
        return not_applicable(
            f"no installed kernel has {names} ({releases}): leave the disks on the controller that they are on"
        )
    if all(driver in kernel.built_in or not kernel.has(driver) for kernel in kernels for driver in judged):
        return not_applicable(f"{names} is built into every kernel that is installed")
    if not present:
        return unknown(
            "which driver serves the disks now is not known (neither sysfs nor the loaded modules tell), so no new image could be "
            "proved to hold it"
        )

    cases = [case_of(found, kernel, (*wanted, *present)) for kernel in kernels]
    missing = [case for case in cases if case.missing]
    future = _not_in_future(evidence, wanted, present)
    sides = _sides(evidence, cases, wanted, present, future)
    riddles = [case.riddle for case in cases if case.riddle]
    if riddles:
        return unknown("; ".join(riddles), **sides)
    hopeless = [case.hopeless for case in cases if case.hopeless]
    if hopeless:
        return manual("; ".join(hopeless), **sides)
    if not missing and not future:
        return compliant(f"every image holds {', '.join(dict.fromkeys((*wanted, *present)))}", **sides)

    lacks = "; ".join(f"{case.kernel.image} lacks {', '.join(case.missing)}" for case in missing)
    obstacle = _obstacle(evidence, missing, future)
    if obstacle:
        return manual(f"{lacks or 'images that are built from now on will lack ' + names}: {obstacle}", **sides)
    steps = _configure(evidence, future)
    if not missing:
        return not_persistent(
            f"every image holds {names} now, but those that are built from now on will not: {sides['persistent']}",
            remedy=steps,
            **sides,
        )
    builds = [
        Rebuild(case.kernel.image or "", case.kernel.release, case.kernel.path, _needs(case.kernel, wanted, present))
        for case in missing
    ]
    return noncompliant(
        f"the guest would not boot{'' if _loses_root(missing, present) else ' from a disk on another controller'}: {lacks}",
        remedy=steps,
        commit=(rebuild(found.builder, builds, [case.kernel.image for case in cases if case.kernel.image]),),
        group=GROUP,
        **sides,
    )


def _loses_root(missing: list[Case], present: tuple[str, ...]) -> bool:
    """True where an image lacks what the disks need on the controller that they are on."""
    return any(module in case.kernel.needs(present) for case in missing for module in case.missing)


def _needs(kernel: Kernel, wanted: tuple[str, ...], present: tuple[str, ...]) -> tuple[str, ...]:
    return kernel.needs((*wanted, *present))


def _not_in_future(evidence: Evidence, wanted: tuple[str, ...], present: tuple[str, ...]) -> tuple[str, ...]:
    """Of the modules that only this recommendation wants, those that images built from now on would lack.

    The present hardware's driver goes in by itself, in a host-only image too.
    """
    found = evidence.initramfs
    if found.configuration.host_only is None:
        return ()
    roots: list[str] = []
    for kernel in found.kernels:
        by_itself = kernel.needs(present)
        companions = [module for module in kernel.needs(wanted) if module == "sd_mod"]
        roots += [
            module
            for module in (*wanted, *companions)
            if module in kernel.ships and module not in kernel.built_in and module not in by_itself
        ]
    return tuple(module for module in dict.fromkeys(roots) if module not in found.configuration.named)


def _sides(
    evidence: Evidence, cases: list[Case], wanted: tuple[str, ...], present: tuple[str, ...], future: tuple[str, ...]
) -> dict[str, Any]:
    configuration = evidence.initramfs.configuration
    owners = [f"{configuration.named[module]}" for module in wanted if module in configuration.named]
    if configuration.host_only is None:
        persistent = f"{evidence.initramfs.builder.value} puts the drivers of all disks in"
    elif future:
        persistent = f"{configuration.host_only}, and nothing names {', '.join(future)}"
    else:
        persistent = f"named by {', '.join(owners)}" if owners else "it is the driver of this hardware"
    images = {case.kernel.image: not (case.missing or case.riddle or case.hopeless) for case in cases}
    return {
        "runtime": f"{sum(images.values())} of {len(images)} images hold all",
        "persistent": persistent,
        "desired": f"{', '.join(wanted)} for a new controller, {', '.join(present)} for the present one",
        "owner": ", ".join(owners) or configuration.host_only,
    }


def _obstacle(evidence: Evidence, missing: list[Case], future: tuple[str, ...]) -> str | None:
    """Why no remedy of ours serves, and what to do instead."""
    found = evidence.initramfs
    if evidence.boot.loader in _LOADERS:
        return _LOADERS[evidence.boot.loader]
    if evidence.platform.immutable:
        return f"this is a {evidence.platform.immutable} system: its images come with the system's own updates"
    if not can_rebuild(found.builder):
        return _BY_HAND[found.builder]
    for module in dict.fromkeys((*future, *(module for case in missing for module in case.missing))):
        if module in found.configuration.omitted:
            return (
                f"{found.configuration.omitted[module]} keeps {module} out, which somebody decided: take it out of that line, or "
                "waive this recommendation"
            )
    lacking = [kernel.release for kernel in found.kernels for module in future if not kernel.has(module)]
    if lacking and evidence.platform.distribution.family == "photon":
        return f"Photon's dracut fails for a driver that a kernel lacks, as {', '.join(lacking)} does: remove that kernel first"
    if found.builder is Builder.SUSE and future and not evidence.file(SYSCONFIG_KERNEL):
        return f'{SYSCONFIG_KERNEL} is not there: make it, with INITRD_MODULES="{" ".join(future)}"'
    shared = [case.kernel.image for case in missing]
    if len(set(shared)) < len(shared):
        return "two kernels boot with the same image: give each its own"
    return _no_room(evidence, missing)


def _no_room(evidence: Evidence, missing: list[Case]) -> str | None:
    sizes = {
        case.kernel.image: entry.size
        for case in missing
        if (entry := evidence.entry(case.kernel.image or "")) is not None
    }
    if not sizes:
        return None
    largest = max(sizes, key=lambda path: sizes[path])
    for place, need, what in (
        (largest or "", room_kib(sizes[largest]), "to build an image beside the old one"),
        (STAMP, room_kib(sum(sizes.values())), "to keep the old images"),
    ):
        file_system = evidence.memory.file_system_of(place)
        if file_system is not None and file_system.free_kib is not None and file_system.free_kib < need:
            return (
                f"{file_system.mount_point} has {file_system.free_kib} KiB free, and {need} KiB are needed {what}: remove old "
                "kernels, or make it larger"
            )
    return None


def _configure(evidence: Evidence, future: tuple[str, ...]) -> tuple[Step, ...]:
    """What makes every image from now on hold the modules."""
    if not future:
        return ()
    builder = evidence.initramfs.builder
    if builder is Builder.DRACUT:
        named = evidence.initramfs.configuration.named
        ours = [module for module, owner in named.items() if owner.startswith(f"{DRACUT_DROP_IN}:")]
        present = evidence.file(DRACUT_DROP_IN)
        content = (
            "# vmguest.linux: drivers of disk controllers that this guest may be moved to\n"
            f'add_drivers+=" {" ".join(dict.fromkeys((*ours, *future)))} "\n'
        )
        return (WriteFile(DRACUT_DROP_IN, content, present.text if present else None),)
    if builder is Builder.INITRAMFS_TOOLS:
        return (_append(evidence, INITRAMFS_TOOLS_MODULES, list(future)),)
    if builder is Builder.NASH:
        lines = evidence.file(MODPROBE_CONF).lines
        numbers = [
            int(found[1] or 0) for line in lines if (found := re.match(r"\s*alias\s+scsi_hostadapter(\d*)\s", line))
        ]
        first = max(numbers, default=-1) + 1
        aliases = [f"alias scsi_hostadapter{number or ''} {module}" for number, module in enumerate(future, first)]
        return (_append(evidence, MODPROBE_CONF, aliases),)
    line = next(
        (line for line in evidence.file(SYSCONFIG_KERNEL).lines if re.match(r'INITRD_MODULES="[^"]*"\s*$', line)), None
    )
    if line is None:
        return (EditFile(SYSCONFIG_KERNEL, (AppendLine(f'INITRD_MODULES="{" ".join(future)}"'),)),)
    words = line.split('"')[1].split()
    return (EditFile(SYSCONFIG_KERNEL, (ReplaceLine(line, f'INITRD_MODULES="{" ".join((*words, *future))}"'),)),)


def _append(evidence: Evidence, path: str, lines: list[str]) -> Step:
    if evidence.file(path):
        return EditFile(path, tuple(AppendLine(line) for line in lines))
    return WriteFile(path, "".join(line + "\n" for line in lines))


RECOMMENDATIONS = (
    Recommendation(
        id="pvscsi_initrd",
        area="boot",
        title="Have the paravirtual controller's driver in every boot image",
        severity=Severity.HIGH,
        baseline="audit",
        talk="You will need to create a new initrd image to use pvscsi for the boot disk.",
        today=(
            "Valid wherever images are made for the hardware at hand (dracut's hostonly, MODULES=dep of initramfs-tools): such a "
            "guest does not boot after its disk was moved to another controller. Generic images, and kernels that have the "
            "driver built in (Photon), need nothing."
        ),
        risk=(
            "An image is built anew, which needs room in /boot. It is built beside the old one, proved to hold the present "
            "controller's driver, too, and the old one is kept for a revert."
        ),
        source="dracut.conf(5); initramfs.conf(5); mkinitrd(8); dracut modules.d/90kernel-modules; Linux drivers/scsi/vmw_pvscsi.c",
        reads=(*IMAGES, *CONTROLLERS, *BOOT),
        assess=assess,
    ),
)
