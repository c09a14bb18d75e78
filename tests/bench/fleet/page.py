# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's figures as text: a table for the terminal, and the page docs/scale.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.vmguest.linux.tests.bench.fleet.controller import MIB, Cost
from ansible_collections.vmguest.linux.tests.bench.fleet.shares import (
    CORE,
    GUEST,
    LIBRARY,
    OURS,
    PROCESSES,
    UNSEEN,
    Shares,
)

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


@dataclass(frozen=True)
class Profile:
    """A no-op and an audit that were looked at while they ran: what each cost, and whose that was."""

    guests: int
    nothing_cost: Cost
    nothing: Shares
    audit_cost: Cost
    audit: Shares


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
    return _aligned([HEAD, *(cells(row) for row in rows)])


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
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


PROFILE_HEAD = (
    "processor ms/guest",
    "no-op main",
    "no-op forks",
    "audit main: own code",
    "libraries",
    "audit forks: own code",
    "libraries",
    "audit",
    "share",
)
#: As many of an owner's files are named.
PLACES = 6


def profile_lines(profile: Profile) -> list[tuple[str, ...]]:
    """Whose the time is: a line for each owner, and one for what is in no process: how the kernel starts and ends them."""

    def line(name: str, *parts: float | None, whole: float) -> tuple[str, ...]:
        cells = ["" if part is None else _each(part, profile) for part in (*parts, whole)]
        return name, *cells, f"{whole / profile.audit_cost.processor:.0%}"

    lines = []
    for owner in (OURS, CORE, GUEST, LIBRARY, UNSEEN):
        nothing = [profile.nothing.of(process, owner).seconds for process in PROCESSES]
        audit = [profile.audit.of(process, owner) for process in PROCESSES]
        parts = [seconds for share in audit for seconds in (share.own, share.libraries)]
        lines.append(line(owner, *nothing, *parts, whole=sum(parts)))
    kernel = [run.processor - shares.seconds for run, shares in _both(profile)]
    return [*lines, line("the kernel's, for forks", None, kernel[0], None, None, None, None, whole=kernel[1])]


def _both(profile: Profile) -> list[tuple[Cost, Shares]]:
    return [(profile.nothing_cost, profile.nothing), (profile.audit_cost, profile.audit)]


def _each(seconds: float, profile: Profile) -> str:
    return f"{seconds * 1000 / profile.guests:.1f}"


def profile_table(profile: Profile) -> str:
    """For the terminal."""
    return _aligned([PROFILE_HEAD, *profile_lines(profile)])


def _places(profile: Profile, owner: str) -> str:
    """The files of an owner where most of its time goes, with what libraries do for them."""
    found = sorted(
        ((seconds, place) for (whose, place), seconds in profile.audit.places.items() if whose == owner), reverse=True
    )
    return ", ".join(f"`{place}` {_each(seconds, profile)}" for seconds, place in found[:PLACES])


def _profile(profile: Profile | None) -> str:
    if profile is None:
        return ""
    whole = profile.audit_cost.processor

    def of(seconds: float) -> str:
        return f"{_each(seconds, profile)} ms ({seconds / whole:.0%})"

    ours = sum(profile.audit.of(process, OURS).seconds for process in PROCESSES)
    core = sum(profile.audit.of(process, CORE).seconds for process in PROCESSES)
    bare = sum(profile.nothing.of(process, CORE).seconds for process in PROCESSES)
    below = sum(profile.audit.below_ours.values())
    main = sum(share.seconds for (process, _owner), share in profile.audit.owners.items() if process == "main")
    clock = profile.audit_cost.seconds
    return f"""## How much is ours

A no-op and an audit of {profile.guests:,} guests, looked at after each few milliseconds of processor in the main process and in
every fork (`tests/bench/fleet/sampler.py`). A look counts for the innermost code that is no library's, since a library works
for whoever called it; "libraries" is that part: Python's own, Jinja, YAML.

{_markdown(PROFILE_HEAD, profile_lines(profile))}

Of an audit's {_each(whole, profile)} ms of processor for each guest, {of(ours)} are the collection's and {of(core)} ansible-core's,
which for a no-op are {_each(bare, profile)} ms. With what the collection has ansible-core do for it, and with the simulated guest's
answer, it is {of(below)}. The main process worked {main:.1f} s of the run's {clock:.1f} s, and waited for forks or for a core
in the other {max(clock - main, 0.0):.1f} s. "{LIBRARY}" is what none of the others had called: the interpreter's start.
"{UNSEEN}" came after a process's last look. The kernel's is what it took to end processes, when no look was possible any more.

Most of it, in ms for each guest, libraries' part included:

- {OURS}: {_places(profile, OURS)}
- {CORE}: {_places(profile, CORE)}

"""


def page(conditions: Conditions, rows: Sequence[Row], forks: Sequence[Forks], profile: Profile | None = None) -> str:
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

{_profile(profile)}## Forks, slices, pull

{FORKS_TEXT}

{slow if forks else ""}

- **Forks** help while they wait for guests. Beyond that Ansible's main process is the limit: it starts a process for each guest and
  reads its result, one after the other, and no more than one core does that.
- **Slices** (AWX) and **shards** (ansible-runner) are main processes of their own, on other cores or machines. Their folders
  of records lie side by side and are one report: [schedule.md](schedule.md#shards).
- **Pull** has no controller: its cost is each guest's own.
"""


FORKS_TEXT = "100 guests that take half a second to answer, as over a network:"
