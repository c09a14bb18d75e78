# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The claims of docs/proof.md. What is measured of each, its scenarios tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """One claim: the recommendation whose words it is, else the law of this collection that it proves; the file of its scenarios;
    what emulation cannot show of it."""

    id: str
    title: str
    recommendation: str | None
    law: str
    file: str
    not_shown: str


DISKS = Claim(
    "disks",
    "The hypervisor orders the I/O",
    "io_scheduler",
    "",
    "test_disks.py",
    "what it gains: no array and no other guest is behind this disk.",
)
BALLOON = Claim(
    "balloon",
    "Swap keeps the OOM killer away when the balloon inflates",
    "swap_size",
    "",
    "test_balloon.py",
    "VMware's own balloon; this one is virtio's. Both take pages that the guest's kernel must find, and it is the kernel that "
    "swaps or kills. How fast VMware's takes them, and that it stops at 65 % of memory, is not shown.",
)
CRON = Claim(
    "cron",
    "Jobs of many guests do not begin in the same minute",
    "cron_scatter",
    "",
    "test_cron.py",
    "the load on a host: jobs are counted, from the guests' own evidence, not run.",
)

CLAIMS = (DISKS, BALLOON, CRON)
