# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processor that the VM offers: 64 bits or not, which level of x86-64 (psABI) programs may ask of it, and what makes page
table isolation cheap.

Kernels since 3.3 name all its features in one line of sysfs, by the numbers of arch/x86/include/asm/cpufeatures.h. /proc/cpuinfo
has them by name, but once for each CPU: of older kernels its first lines are read.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import ProbeOutput
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Command, Read, files

MODALIAS = "/sys/devices/system/cpu/modalias"

READS: tuple[Read, ...] = (
    files(MODALIAS),
    Command(
        "first_cpu",
        ("sh", "-c", "[ -e proc/1 ] || cd /\nhead -n 40 proc/cpuinfo"),
        unless=MODALIAS,
    ),
)

#: Name in /proc/cpuinfo to the number of the feature (word * 32 + bit). pni is SSE3, abm has LZCNT.
FEATURES = {
    "lm": 1 * 32 + 29,
    "pni": 4 * 32 + 0,
    "ssse3": 4 * 32 + 9,
    "fma": 4 * 32 + 12,
    "cx16": 4 * 32 + 13,
    "pcid": 4 * 32 + 17,
    "sse4_1": 4 * 32 + 19,
    "sse4_2": 4 * 32 + 20,
    "movbe": 4 * 32 + 22,
    "popcnt": 4 * 32 + 23,
    "xsave": 4 * 32 + 26,
    "avx": 4 * 32 + 28,
    "f16c": 4 * 32 + 29,
    "lahf_lm": 6 * 32 + 0,
    "abm": 6 * 32 + 5,
    "bmi1": 9 * 32 + 3,
    "avx2": 9 * 32 + 5,
    "bmi2": 9 * 32 + 8,
    "invpcid": 9 * 32 + 10,
    "avx512f": 9 * 32 + 16,
    "avx512dq": 9 * 32 + 17,
    "avx512cd": 9 * 32 + 28,
    "avx512bw": 9 * 32 + 30,
    "avx512vl": 9 * 32 + 31,
}
#: What each level adds to the one before (x86-64 psABI, section 3.1.1).
LEVELS = (
    ("lm",),
    ("pni", "ssse3", "sse4_1", "sse4_2", "cx16", "popcnt", "lahf_lm"),
    ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"),
    ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
)


@dataclass(frozen=True)
class Cpu:
    """``features`` are those of :data:`FEATURES` that an x86 processor has; None where that could not be read."""

    features: frozenset[str] | None

    @property
    def long_mode(self) -> bool | None:
        """True where a 64-bit kernel would run; None where that is not known."""
        return None if self.features is None else "lm" in self.features

    @property
    def level(self) -> int | None:
        """The level of x86-64, 1 to 4; 0 for a 32-bit processor, None where it is not known."""
        if self.features is None:
            return None
        level = 0
        for wanted in LEVELS:
            if not self.features.issuperset(wanted):
                break
            level += 1
        return level

    @classmethod
    def of(cls, probe: ProbeOutput) -> Cpu:
        """Read from the probe's output."""
        mark = ":feature:"
        alias = probe.file(MODALIAS).value
        if mark in alias and alias.startswith(("cpu:type:x86", "x86cpu:")):
            numbers = {int(word, 16) for word in alias.partition(mark)[2].split(",") if word.isalnum()}
            return cls(frozenset(name for name, number in FEATURES.items() if number in numbers))
        for line in probe.command("first_cpu").lines:
            key, dummy, words = line.partition(":")
            if key.strip() == "flags":
                return cls(frozenset(FEATURES) & frozenset(words.split()))
        return cls(None)
