# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A parameter that a kernel module takes when it is loaded: the verdict on its value now, and on who sets it at boot. Pure.

A driver of disks is loaded from the boot image, where a drop-in of modprobe.d arrives only when the image is built anew.
``module.parameter=`` on the kernel's line reaches it wherever it is loaded from, built in or not, and wins over modprobe.d. So that
is the remedy: where GRUB 2's menu is generated, and only where the user asks for it, since it takes a reboot. Other boot loaders'
lines are a person's, with the exact thing to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_arguments import (
    InForce,
    Wish,
    normal_entries,
    wish_verdict,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    REMEDIABLE,
    Verdict,
    compliant,
    manual,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import Loader
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.modules import is_built_in
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    Assignment,
    kernel_argument_assignments,
    modprobe_assignments,
    winner,
)


@dataclass(frozen=True)
class ModuleParameter:
    """What is wanted of a parameter. ``enough`` tells it of a value; ``now`` is the value in sysfs, which was read.

    ``allowed`` says that the user lets it be set, ``option`` is the variable that would. ``right`` is the reason where all is as
    desired, ``wrong`` begins the sentence where it is not, ``caution`` ends it. ``often_written`` marks one that people set in
    sysfs, so that its value does not tell the driver's default.
    """

    module: str
    name: str
    wanted: str
    enough: Callable[[str], bool]
    now: str
    allowed: bool
    option: str
    right: str
    wrong: str
    caution: str = ""
    often_written: bool = False

    @property
    def argument(self) -> str:
        """As it stands on the kernel's line."""
        return f"{self.module}.{self.name}={self.wanted}"

    @property
    def file(self) -> str:
        """Where the kernel shows its value."""
        return f"/sys/module/{self.module}/parameters/{self.name}"

    def value_in(self, word: str) -> str | None:
        """The value that an argument of the kernel gives it, None for another's. The kernel takes - for _."""
        name, equals, value = word.partition("=")
        same = name.replace("-", "_") == f"{self.module}.{self.name}".replace("-", "_")
        return value if same and equals else None

    def sets_enough(self, word: str) -> bool:
        """True for an argument that sets enough."""
        value = self.value_in(word)
        return value is not None and self.enough(value)

    def sets_too_little(self, word: str) -> bool:
        """True for an argument that sets it, and not enough."""
        value = self.value_in(word)
        return value is not None and not self.enough(value)


def option_assignments(evidence: Evidence, module: str, name: str, now: str) -> list[Assignment]:
    """Which lines of modprobe.d set a parameter, whose value in sysfs is ``now``.

    Nobody reads them for a driver that is built in. One that is loaded from the boot image has those that were there when the image
    was built: a line is certain only where the parameter shows that it arrived, and no argument of this boot had set it so.
    """
    if is_built_in(evidence, module):
        return []
    argued = evidence.platform.argument(f"{module}.{name}") is not None
    return [
        replace(entry, certain=entry.value == now and not argued)
        for entry in modprobe_assignments(evidence, module, name)
    ]


def parameter_assignments(evidence: Evidence, module: str, name: str, now: str) -> list[Assignment]:
    """Who sets a parameter at the next boot: modprobe.d, and the kernel's line, which wins."""
    return [
        *option_assignments(evidence, module, name, now),
        *kernel_argument_assignments(evidence, f"{module}.{name}"),
    ]


def assess_parameter(evidence: Evidence, parameter: ModuleParameter) -> Verdict:
    """Both sides of a parameter, and the argument that would set it at every next boot."""
    enough_now = parameter.enough(parameter.now)
    option = winner(option_assignments(evidence, parameter.module, parameter.name, parameter.now))
    entries = normal_entries(evidence.boot)
    next_boot = [word for entry in entries for word in entry.arguments if parameter.value_in(word) is not None]
    started_with = [word for word in evidence.platform.command_line if parameter.value_in(word) is not None]
    sides = {
        "runtime": parameter.now,
        "persistent": option.value if option else "the driver's default",
        "desired": parameter.argument,
        "owner": option.owner if option else "the driver's default",
    }
    # What no argument has set is the driver's default, or modprobe.d's, and the next boot brings the same; unless it was written.
    arrived = not parameter.often_written or (option is not None and option.certain)
    lasts = arrived and (option is None or parameter.enough(option.value))
    if enough_now and lasts and not started_with and not any(map(parameter.sets_too_little, next_boot)):
        return compliant(parameter.right, **sides)
    argued = entries and all(any(map(parameter.sets_enough, entry.arguments)) for entry in entries)
    if option is not None and not parameter.enough(option.value) and not argued:
        return manual(
            f"{parameter.wrong}: {option.owner} gives {parameter.module} {parameter.name}={option.value}; change that to "
            f"{parameter.wanted} and have the boot images built anew, or remove it{parameter.caution}",
            **sides,
        )
    if not enough_now and started_with and parameter.sets_enough(started_with[-1]):
        return manual(
            f"the kernel was started with {started_with[-1]}, and yet {parameter.file} says {parameter.now}: see what the driver "
            f"says of it (dmesg | grep {parameter.module})",
            **sides,
        )
    wish = Wish(
        parameter.sets_too_little, (parameter.argument,), entries, lambda word, dummy: parameter.sets_enough(word)
    )
    in_force = InForce(enough_now, parameter.now)
    found = wish_verdict(evidence, wish, parameter.argument, parameter.right, in_force)
    if found.status not in REMEDIABLE:
        return found
    told = {"runtime": found.runtime, "persistent": found.persistent, "desired": found.desired, "owner": found.owner}
    loader = evidence.boot.loader
    wrong = f"{parameter.file} is {parameter.now} until the next boot only" if enough_now else parameter.wrong
    if not parameter.allowed:
        how = f"{by_hand(evidence, parameter.argument)}, and a reboot"
        if loader is Loader.GRUB2:
            how += f"; {parameter.option} has this collection do it"
        return manual(f"{wrong}: expected {how}{parameter.caution}", **told)
    if loader is not Loader.GRUB2:
        return manual(
            f"{wrong}, and with {loader.value} this collection adds no argument: expected "
            f"{by_hand(evidence, parameter.argument)}, and a reboot{parameter.caution}",
            **told,
        )
    return found


def by_hand(evidence: Evidence, argument: str) -> str:
    """How a person adds an argument, by boot loader."""
    boot = evidence.boot
    if boot.loader is Loader.BLS or (
        boot.loader is Loader.GRUB_LEGACY and evidence.platform.distribution.family == "redhat"
    ):
        return f"grubby --update-kernel=ALL --args={argument}"
    if boot.loader is Loader.GRUB2:
        return f"{argument} in GRUB_CMDLINE_LINUX of /etc/default/grub, its menu {boot.config} made anew"
    if boot.loader is Loader.PHOTON:
        # Not photon.cfg: that is a link to a file of the kernel's package, and leads to another one after an update.
        if "$user_cmdline" in evidence.file(boot.config).text:
            return f"{argument} in user_cmdline of /boot/user.cfg"
        return f"{argument} at the end of the linux line of {boot.config}"
    return f"{argument} on the kernel's line of the boot loader"
