"""The bench's figures as text: a table for the terminal, and the page docs/bench.md. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

#: What the figures are held against; see the sections of the page.
AUDIT_TO_PING, AUDIT_TO_SSH, REMEDIATE_TO_PING = 0.65, 1.3, 0.7
PROCESSES, MILLISECONDS = 25, 60
EXECS = {"ping": None, "audit": 1, "remediate, first": 2, "remediate, nothing to do": 1}

Seconds = dict[str, list[float]]


@dataclass(frozen=True)
class Conditions:
    """What the figures depend on."""

    core: str
    python: str
    openssh: str
    cores: int
    guests: int
    rounds: int
    forks: int
    load: float

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.guests} guests (containers: Debian 12, systemd, sshd, Python for ping's sake), {self.rounds} rounds, medians",
            f"ansible-core {self.core}, Python {self.python}, OpenSSH {self.openssh}, {self.cores} cores for controller and guests",
            f"{self.forks} forks, pipelining on, warm multiplexed SSH, login as root, default output, profile everything",
            f"load average before: {self.load:.2f}",
        ]


@dataclass(frozen=True)
class Counts:
    """What one run caused on one guest: sessions at its sshd, Pythons started."""

    title: str
    execs: int
    pythons: int


@dataclass(frozen=True)
class Probe:
    """The probe on an idle guest, as made: processes, the shell and subshells included, and wall time."""

    processes: int
    milliseconds: float
    payload_bytes: int


@dataclass(frozen=True)
class Figures:
    """All that was measured. Seconds of each run, by round: on guests as made, and on remediated ones."""

    conditions: Conditions
    as_made: Seconds
    remediated: Seconds
    counts: list[Counts]
    probe: Probe
    end_state: str
    #: Runs against a large fleet: each guest by ``aliases`` names of its own.
    many: Seconds
    aliases: int


def ratio(seconds: Seconds, name: str, base: str) -> float:
    """Median over the rounds of ``name`` in units of ``base`` in the same round."""
    return median(one / other for one, other in zip(seconds[name], seconds[base], strict=True))


def verdict(value: float, goal: float | None, digits: int = 2) -> str:
    """``<= 0.65 ok`` or ``<= 0.65 falls short``; judged as it is printed."""
    if goal is None:
        return ""
    return f"<= {goal:g} " + ("ok" if round(value, digits) <= goal else "falls short")


#: What an audit has to do at the least: Ansible's own part, and the probe over ssh.
FLOOR = "both of these together"


def with_floor(seconds: Seconds) -> Seconds:
    """``seconds`` and, in each round, the least that an audit could take where all cores are busy."""
    parts = zip(seconds["plain ssh"], seconds["Ansible without a task's work"], strict=True)
    return {**seconds, FLOOR: [one + other for one, other in parts]}


Row = tuple[str, ...]


def run_rows(figures: Figures) -> list[Row]:
    """Runs against ping and plain ssh."""
    rows: list[Row] = [("", "seconds", "/ ping", "bar", "/ plain ssh", "bar")]
    for group, seconds in (("guests as made", figures.as_made), ("remediated guests", figures.remediated)):
        seconds = with_floor(seconds)
        for name, to_ping, to_ssh in (
            ("ping", None, None),
            ("plain ssh", None, None),
            ("Ansible without a task's work", None, None),
            (FLOOR, None, None),
            ("audit", AUDIT_TO_PING, AUDIT_TO_SSH),
            ("remediate, nothing to do", REMEDIATE_TO_PING, None),
        ):
            if name in seconds:
                ping, ssh = ratio(seconds, name, "ping"), ratio(seconds, name, "plain ssh")
                rows.append(
                    (
                        f"{group}: {name}",
                        f"{median(seconds[name]):.2f}",
                        f"{ping:.2f}",
                        verdict(ping, to_ping),
                        f"{ssh:.2f}",
                        verdict(ssh, to_ssh),
                    )
                )
    return rows


def many_rows(figures: Figures) -> list[Row]:
    """Audit against ping for a large fleet."""
    names = figures.conditions.guests * figures.aliases
    rows: list[Row] = [(f"{names} names of {figures.conditions.guests} guests", "seconds", "/ ping", "bar")]
    for name, goal in (("ping", None), ("audit", AUDIT_TO_PING)):
        if name in figures.many:
            to_ping = ratio(figures.many, name, "ping")
            rows.append((name, f"{median(figures.many[name]):.2f}", f"{to_ping:.2f}", verdict(to_ping, goal)))
    return rows


def first_rows(figures: Figures) -> list[Row]:
    """First remediation against the idiomatic playbook."""
    seconds = figures.remediated
    rounds = len(seconds["idiomatic playbook"])
    head = f"first remediation, new guests, {rounds} round{'s' if rounds != 1 else ''}"
    rows: list[Row] = [(head, "seconds", "/ idiomatic")]
    for name in ("remediate, first", "idiomatic playbook"):
        rows.append((name, f"{median(seconds[name]):.2f}", f"{ratio(seconds, name, 'idiomatic playbook'):.2f}"))
    return rows


def count_rows(figures: Figures) -> list[Row]:
    """Execs and Pythons."""
    rows: list[Row] = [("on a guest", "execs", "expected", "Pythons", "expected")]
    for entry in figures.counts:
        execs = EXECS[entry.title]
        rows.append(
            (
                entry.title,
                str(entry.execs),
                "" if execs is None else f"{execs} " + ("ok" if entry.execs == execs else "falls short"),
                str(entry.pythons),
                "" if execs is None else "0 " + ("ok" if entry.pythons == 0 else "falls short"),
            )
        )
    return rows


def probe_rows(figures: Figures) -> list[Row]:
    """The probe by itself."""
    probe = figures.probe
    return [
        ("probe on an idle guest", "", "bar"),
        ("processes", str(probe.processes), verdict(probe.processes, PROCESSES)),
        ("milliseconds", f"{probe.milliseconds:.0f}", verdict(probe.milliseconds, MILLISECONDS, 0)),
        ("bytes sent", str(probe.payload_bytes), ""),
    ]


def _tables(figures: Figures) -> list[list[Row]]:
    return [run_rows(figures), many_rows(figures), first_rows(figures), count_rows(figures), probe_rows(figures)]


def _aligned(rows: Sequence[Row]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            f"{cell:<{width}}" if column == 0 or "<=" in cell or "ok" in cell or "short" in cell else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _markdown(rows: Sequence[Row]) -> list[str]:
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return [head, "|" + "---|" + "---:|" * (len(rows[0]) - 1), *body]


def summary(figures: Figures) -> str:
    """For the terminal."""
    lines = ["", *figures.conditions.lines()]
    for rows in _tables(figures):
        lines += ["", *_aligned(rows)]
    return "\n".join([*lines, "", figures.end_state])


def page(figures: Figures) -> str:
    """docs/bench.md."""
    runs, many, first, counted, probe = ("\n".join(_markdown(rows)) for rows in _tables(figures))
    setting = "\n".join(f"- {line}" for line in figures.conditions.lines())
    least = ratio(with_floor(figures.as_made), FLOOR, "plain ssh")
    return f"""# What it costs

Measured by `make bench` (as root), which writes this page. Runs take turns, and a
ratio is the median of the rounds' ratios: what slows the machine down slows a whole round. Guests and controller share
the machine, so a probe's work on the guests counts in every figure.

{setting}

## Audit and remediation with nothing to do

Against `ansible.builtin.ping`, and against the very same probe over the same connections without Ansible
(`ssh GUEST sh -s < probe`, {figures.conditions.forks} at a time). The playbooks are the shipped ones, with tables, records and
reports (HTML, JSON, CSV, JUnit, Prometheus).
"Ansible without a task's work" is `ansible.builtin.raw: "true"`: its start, a fork, an ssh and a result line for each guest.
An audit does the work of both: where all cores are busy, as here, it cannot cost less than "{FLOOR}", which
is {least:.2f} of plain ssh. The bar of {AUDIT_TO_SSH:g} would need a probe that costs the guests more: the cheaper the probe,
the larger the share of Ansible itself, and that bar is out of reach here. What is ours to save is the
difference between "audit" and "{FLOOR}".

{runs}

A large fleet, on the same containers: each has several names in the inventory, and a connection for each of them.

{many}

## First remediation

Against a playbook of `ansible.builtin` tasks (`tests/bench/playbooks/idiomatic.yml`) that reaches the same end state, on
guests that were made anew before every run. {figures.end_state[0].upper()}{figures.end_state[1:]}.

{first}

## On the guest

Sessions that the guest's sshd opened for one run, from its log, and how many times a Python was started there; ping shows
that the counters count. This is a pass of its own, with connections that are open already.

{counted}

The probe by itself, on an idle guest as made; processes are counted by `strace -f`, shell and subshells included, and the
time includes starting the shell.

{probe}
"""
