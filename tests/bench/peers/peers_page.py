"""The peers' figures as text: a table for the terminal, and the page docs/bench-peers.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from page import Conditions, Row, _aligned, _markdown

#: What is measured of every tool, in this order.
MEASURES = ("first audit", "first application", "application, steady state", "audit, steady state")
OURS = "vmguest.linux"


@dataclass(frozen=True)
class Peer:
    """A tool, its version, and why it is not measured, where it is not."""

    name: str
    version: str
    why_not: str = ""


@dataclass(frozen=True)
class Figures:
    """All that was measured. ``seconds``: tool, measure, by round; ``differences``: tool to the paths by which its end state is
    another than ours; ``leftovers``: files and bytes that a tool left on a guest beside the end state."""

    conditions: Conditions
    peers: Sequence[Peer]
    seconds: Mapping[str, Mapping[str, Sequence[float]]]
    changed: int
    compared: int
    differences: Mapping[str, Sequence[str]]
    leftovers: Mapping[str, tuple[int, int]]

    @property
    def measured(self) -> list[str]:
        """The tools that took part."""
        return [peer.name for peer in self.peers if peer.name in self.seconds]


def ratio(figures: Figures, name: str, measure: str) -> float:
    """Ours in units of a peer's, in the same round; the median of the rounds."""
    pairs = zip(figures.seconds[OURS][measure], figures.seconds[name][measure], strict=True)
    return median(ours / theirs for ours, theirs in pairs)


def time_rows(figures: Figures) -> list[Row]:
    """Median seconds of each tool, and ours / theirs."""
    peers = [name for name in figures.measured if name != OURS]
    rows: list[Row] = [("seconds", OURS, *(word for name in peers for word in (name, f"ours / {name}")))]
    for measure in MEASURES:
        cells = [f"{median(figures.seconds[OURS][measure]):.2f}"]
        for name in peers:
            value = ratio(figures, name, measure)
            cells += [
                f"{median(figures.seconds[name][measure]):.2f}",
                f"{value:.2f}" + (" **behind**" if value >= 1 else ""),
            ]
        rows.append((measure, *cells))
    return rows


def tool_rows(figures: Figures) -> list[Row]:
    """What each is, and what it came to."""
    rows: list[Row] = [("tool", "version", "end state", "left on a guest")]
    for peer in figures.peers:
        if peer.name not in figures.seconds:
            rows.append((peer.name, peer.version or "-", f"not measured: {peer.why_not}", "-"))
            continue
        different = figures.differences[peer.name]
        files, size = figures.leftovers[peer.name]
        state = (
            "the measure"
            if peer.name == OURS
            else "the same"
            if not different
            else f"differs: {', '.join(different[:3])}"
        )
        rows.append((peer.name, peer.version, state, f"{files} files, {size / 1024:.0f} KiB" if files else "nothing"))
    return rows


def behind(figures: Figures) -> list[str]:
    """Sentences on where we are not ahead."""
    found = []
    for name in figures.measured:
        for measure in MEASURES:
            if name != OURS and ratio(figures, name, measure) >= 1:
                found.append(f"{measure}: {ratio(figures, name, measure):.2f} of {name}'s time. {_WHY[measure]}")
    return found


_LOOKS = (
    "Ansible's own start is in it, our probe reads what all recommendations ask for, and reports are made; "
    "theirs looks at these settings."
)
#: Why we may be behind somebody.
_WHY = {
    "first audit": _LOOKS,
    "first application": "Both wait for the guest's package manager; ours logs, backs up, syncs and proves each change besides.",
    "application, steady state": "Ansible's own start is in it, and ours reads all that it would audit before it says that nothing "
    "is to be done.",
    "audit, steady state": _LOOKS,
}


def summary(figures: Figures) -> str:
    """For the terminal."""
    lines = ["", *figures.conditions.lines()]
    for rows in (time_rows(figures), tool_rows(figures)):
        lines += ["", *_aligned(rows)]
    return "\n".join([*lines, "", *behind(figures)]).replace(" **behind**", " behind")


def page(figures: Figures) -> str:
    """docs/bench-peers.md."""
    times, tools = ("\n".join(_markdown(rows)) for rows in (time_rows(figures), tool_rows(figures)))
    conditions = figures.conditions
    late = behind(figures)
    not_ahead = (
        "Where we are not ahead:\n\n" + "\n".join(f"- {line}" for line in late)
        if late
        else "Ahead of every peer measured, in all four."
    )
    rounds = f"{conditions.rounds} round{'s' if conditions.rounds != 1 else ''}"
    return f"""# Against peers

Measured by `make bench-peers` (as root), which writes this page. In every round each tool
gets guests as good as new (containers: Debian 12, systemd, sshd, Python 3) and does the same four things. Every run begins
without an open connection. Rounds begin with another tool each; seconds are medians, and a ratio is the median of the rounds'
ratios.

- {conditions.guests} guests, {rounds}, {conditions.forks} guests at a time for every tool, login as root
- OpenSSH {conditions.openssh}, {conditions.cores} cores for controller and guests, load average before: {conditions.load:.2f}

{times}

{not_ahead}

## What was compared

{tools}

The settings: open-vm-tools installed and running, the I/O scheduler and the disks' timeouts now and from the next boot on, CPUs and
memory that are added used, the guest's own times for crontab and timers. The peers are given those times; the collection works
them out. Of {figures.compared} guests all files were
compared by content, mode and owner after the first application: ours changed {figures.changed}.

What differs, and no second shows:

- Our probe reads what all recommendations ask for, though only these are assessed here (`vmguest_only`), with reasons, owners and
  both sides; a record of each guest, and the reports of the run, are in its time. A peer's dry run looks at the settings above.
- A dry run does not tell all: what comes after a first step, such as the service of a package that is not there yet, is guessed
  or passed over. Our check mode is the computation that applies.
- Our application logs, backs up, syncs, proves, and leaves receipts by which it can be undone ("left on a guest"). The peers do
  none of that. Theirs would put a file in place of one that somebody else edited since.
- salt-ssh copies a small Salt to a guest at its first contact, and keeps it there: that is in its first audit. It and the stock
  modules need a Python on the guest; pyinfra, as we, a shell.
- pyinfra has its own SSH (paramiko), the others OpenSSH.
"""
