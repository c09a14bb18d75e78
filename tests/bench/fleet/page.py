# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's figures as text: a table for the terminal, and the page docs/scale.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.tests.bench.fleet.controller import MIB, Cost

#: The bar: the main process's memory against that of a no-op.
MEMORY = 1.2


@dataclass
class Conditions:
    """What the figures depend on."""

    core: str
    python: str
    cores: int
    forks: int
    load: float
    recordings: int = 0


@dataclass(frozen=True)
class Row:
    """One size of fleet: a no-op, an audit with its report, and the bytes that it left."""

    guests: int
    nothing: Cost
    audit: Cost
    sizes: Mapping[str, int]

    @property
    def memory(self) -> float:
        """The main process of the audit in units of the no-op's."""
        return self.audit.main / self.nothing.main


@dataclass(frozen=True)
class Forks:
    """Slow guests with so many forks."""

    forks: int
    cost: Cost


HEAD = (
    "guests",
    "no-op s",
    "audit s",
    "no-op processor ms/guest",
    "audit processor ms/guest",
    "no-op main MiB",
    "audit main MiB",
    "ratio",
    f"<= {MEMORY}",
    "no-op all MiB",
    "audit all MiB",
)


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    return (
        f"{row.guests:,}",
        f"{row.nothing.seconds:.0f}",
        f"{row.audit.seconds:.0f}",
        f"{row.nothing.processor * 1000 / row.guests:.1f}",
        f"{row.audit.processor * 1000 / row.guests:.1f}",
        f"{row.nothing.main:.0f}",
        f"{row.audit.main:.0f}",
        f"{row.memory:.2f}",
        "ok" if round(row.memory, 2) <= MEMORY else "falls short",
        f"{row.nothing.together:.0f}",
        f"{row.audit.together:.0f}",
    )


def table(rows: Sequence[Row]) -> str:
    """For the terminal."""
    lines = [HEAD, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [f"| {' | '.join(line)} |" for line in (head, *lines)]
    return "\n".join([rows[0], "|" + "---:|" * len(head), *rows[1:]])


def _sizes(rows: Sequence[Row]) -> str:
    names = sorted({name for row in rows for name in row.sizes})
    lines = [[f"{row.guests:,}", *(f"{row.sizes.get(name, 0) / MIB:.1f}" for name in names)] for row in rows]
    return _markdown(["guests", *(f"{name} MiB" for name in names)], lines)


def _growth(rows: Sequence[Row]) -> str:
    """A sentence on how seconds and memory grow between the smallest and the largest fleet."""
    if len(rows) < 2:
        return ""
    small, large = rows[0], rows[-1]
    more = large.guests - small.guests
    return (
        f"From {small.guests:,} to {large.guests:,} guests each further guest cost "
        f"{(large.audit.processor - small.audit.processor) * 1000 / more:.1f} ms of processor "
        f"({(large.nothing.processor - small.nothing.processor) * 1000 / more:.1f} ms for a no-op) and "
        f"{(large.audit.main - small.audit.main) * 1024 / more:.1f} KiB of the main process "
        f"({(large.nothing.main - small.nothing.main) * 1024 / more:.1f} KiB for a no-op: Ansible's own host and variables)."
    )


def page(conditions: Conditions, rows: Sequence[Row], forks: Sequence[Forks]) -> str:
    """docs/scale.md."""
    figures = _markdown(HEAD, [cells(row) for row in rows])
    slow = _markdown(
        ("forks", "s", "main MiB", "all MiB"),
        [
            (str(row.forks), f"{row.cost.seconds:.1f}", f"{row.cost.main:.0f}", f"{row.cost.together:.0f}")
            for row in forks
        ],
    )
    return f"""# A fleet of any size

Measured by `make bench-fleet` (`SIZES=100,1000,10000`), which writes this page. Guests are simulated:
{conditions.recordings} recorded probes of guest trees behind a connection that answers at once, each with an identity of its own.
So this is the controller alone: Ansible, the assessment, records and report. What guests and SSH cost is in [bench.md](bench.md).

- ansible-core {conditions.core}, Python {conditions.python}, {conditions.cores} cores, {conditions.forks} forks
- load average before: {conditions.load:.2f}; where it is not small, seconds are those of a busy machine; the processor's are not
- no-op: `ansible.builtin.raw: "true"` over the same connection on the same inventory
- audit: `vmguest.linux.audit`, profile `everything`, with tables, records and report
- main: the highest resident memory of Ansible's main process; all: of all its processes together, shared memory counted once, the
  highest of two looks a second

{figures}

{_growth(rows)}

A guest's findings are not kept in memory: the playbooks say `return_findings: false`, since a strategy keeps the results of a task
until its last guest has answered. When it was tried, they were about 120 KiB each, 194 MiB in place of 76 for 1,000 guests.
What the audit has more than a no-op is its code, once, and in each fork the evidence of the guest that it looks at (10 to 30 MiB).

## What a run leaves

{_sizes(rows)}

## Forks, slices, pull

{FORKS_TEXT}

{slow if forks else ""}

- **Forks** help while they wait for guests. Beyond that Ansible's main process is the limit: it starts a process for each guest and
  reads its result, one after the other, and no more than one core does that.
- **Slices** (AWX) and **shards** (ansible-runner) are main processes of their own, on other cores or machines. Their folders
  of records lie side by side and are one report: [schedule.md](schedule.md#shards).
- **Pull** has no controller: its cost is each guest's own.
"""


FORKS_TEXT = "100 guests that take half a second to answer, as over a network:"
