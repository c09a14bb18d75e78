# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kconfig: what the running kernel was built with, where its configuration lies beside it.

A recommendation that asks for another option adds it to :data:`OPTIONS`. /proc/config.gz is not read: it takes a program to unpack.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import Platform
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, Read

OPTIONS = (
    "HZ",
    "HZ_PERIODIC",
    "NO_HZ",
    "NO_HZ_COMMON",
    "NO_HZ_IDLE",
    "NO_HZ_FULL",
    "DEFAULT_IOSCHED",
    "DEFAULT_TCP_CONG",
    "TRANSPARENT_HUGEPAGE_ALWAYS",
    "TRANSPARENT_HUGEPAGE_MADVISE",
    "TRANSPARENT_HUGEPAGE_NEVER",
    "MEMORY_HOTPLUG_DEFAULT_ONLINE",
    "MHP_DEFAULT_ONLINE_TYPE_ONLINE_AUTO",
)

_LINES = Lines("kconfig", "^CONFIG_\\(" + "\\|".join(OPTIONS) + "\\)=", ("/boot/config-*", "/lib/modules/*/config"))
READS: tuple[Read, ...] = (_LINES,)


def kernel_option(probe: ProbeOutput, name: str) -> str | None:
    """The value of ``CONFIG_<name>`` of the running kernel (``y``, ``cubic``); None where it is not set, or not known.

    :raises LookupError: for an option that is not among :data:`OPTIONS`.
    """
    if name not in OPTIONS:
        raise LookupError(f"CONFIG_{name} is not among those that are read")
    release = Platform.of(probe).kernel.release
    for line in probe.lines(_LINES.name):
        word, dummy, value = line.text.partition("=")
        if word == f"CONFIG_{name}" and line.path in (f"/boot/config-{release}", f"/lib/modules/{release}/config"):
            return value.strip().strip('"')
    return None


def kernel_options(probe: ProbeOutput, release: str) -> dict[str, str] | None:
    """Those of :data:`OPTIONS` that kernel ``release`` was built with; None where its configuration is not there."""
    found = {}
    for line in probe.lines(_LINES.name):
        if line.path in (f"/boot/config-{release}", f"/lib/modules/{release}/config"):
            word, dummy, value = line.text.partition("=")
            found[word.removeprefix("CONFIG_")] = value.strip().strip('"')
    return found or None


def tickless(built: dict[str, str] | None) -> str | None:
    """Whether a kernel that was built so stops its tick: ``full``, ``idle``, ``no``; None where its configuration is not known
    (every one has CONFIG_HZ). Since 3.10 CONFIG_NO_HZ is only the answer of an older configuration, which HZ_PERIODIC overrules
    (kernel/time/Kconfig).
    """
    if built is None or "HZ" not in built:
        return None
    if built.get("NO_HZ_FULL") == "y":
        return "full"
    idle = "y" in (built.get("NO_HZ_COMMON"), built.get("NO_HZ_IDLE"), built.get("NO_HZ"))
    return "idle" if idle and built.get("HZ_PERIODIC") != "y" else "no"
