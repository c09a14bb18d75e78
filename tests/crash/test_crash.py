# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A seeded sample of the boot safety campaign (``make crash-sample``): a guest that is cut off boots, and is brought in order.

``CRASH_SEED`` chooses another sample. `make crashtest` is the whole of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.crash.bugs import BUGS
from ansible_collections.vmguest.linux.tests.crash.campaign import Kit, Tally, record
from ansible_collections.vmguest.linux.tests.crash.disk import LAYOUTS, Layout
from ansible_collections.vmguest.linux.tests.crash.machine import Machine, MachineError, prepare
from ansible_collections.vmguest.linux.tests.crash.run import (
    CACHE,
    CUT_AGAIN,
    POWER_CUT,
    find_bug,
    memory,
    other_interruptions,
    power_cuts,
)

pytestmark = pytest.mark.timeout(1800)  # dozens of guests in an emulator

SEED = int(os.environ.get("CRASH_SEED", "1"))


@pytest.fixture(scope="module")
def kit() -> Iterator[Kit]:
    """The machine. Where it cannot be had: a failure in CI, a reason to skip on a developer's machine."""
    try:
        kernel, initramfs = prepare(CACHE)
    except MachineError as error:
        if os.environ.get("CI"):
            pytest.fail(f"the crash campaign needs its machine: {error}")
        pytest.skip(f"{error}")
    with tempfile.TemporaryDirectory(prefix="vmguest-crash-", dir=memory()) as work:
        yield Kit(Machine(kernel, initramfs), Path(work), CACHE, SEED)


def assert_survived(tallies: list[Tally]) -> None:
    """Something was tried of each kind, and no guest was lost."""
    failures = [f"{tally.interruption}: {line}" for tally in tallies for line in tally.failures]
    assert not failures, "\n".join(failures)
    assert all(tally.states for tally in tallies), [tally.interruption for tally in tallies if not tally.states]


#: One with all in the root file system, one with /boot and /var on file systems of their own; ext4 and xfs.
TWO = (LAYOUTS[SEED % 2], LAYOUTS[3 - SEED % 2])


@pytest.mark.parametrize("layout", TWO, ids=lambda layout: layout.name.replace(", ", " with "))
def test_a_power_cut_leaves_old_or_new_and_the_next_run_brings_order(kit: Kit, layout: Layout) -> None:
    """Given writes that were cut off anywhere, reordered or torn, the guest boots, and the next run, cut or not, mends it."""
    own = kit.named(f"sample {layout.name}")
    tallies: list[Tally] = []
    power_cuts(own, record(own, layout, "busybox"), number=14, boots=3, tallies=tallies)
    assert_survived(tallies)
    mended = {tally.interruption: tally.mended for tally in tallies}
    assert mended[POWER_CUT] > 0, mended
    assert mended[CUT_AGAIN] > 0, mended


def test_other_interruptions_leave_old_or_new(kit: Kit) -> None:
    """Given a killed machine, no room in /boot, failing writes, killed shells and a lost connection: the same."""
    own = kit.named("sample others")
    layout = LAYOUTS[2 + SEED % 2]
    tallies: list[Tally] = []
    other_interruptions(own, record(own, layout, "busybox"), 2, tallies)
    assert_survived(tallies)


def test_a_bug_that_is_put_in_is_found(kit: Kit) -> None:
    """Given a bug in apply.sh, states of it fail: a campaign that finds nothing must be able to."""
    # `make crashtest` looks for those that take many boots.
    names = [name for name, bug in BUGS.items() if not bug.met_by_grub]
    name = names[SEED % len(names)]
    assert find_bug(kit.named(f"sample {name}"), name).failures, f"not found: {name}"
