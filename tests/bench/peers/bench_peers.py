"""The bench against peers: the same settings on the same guests, side by side in one run. `make bench-peers` runs it.

usage: bench_peers.py [--guests N] [--rounds N] [--peers NAME,...] [--page FILE]
       (or GUESTS=N ROUNDS=N PEERS=NAME,... in the environment, as in `make bench-peers GUESTS=20`)

In every round each tool gets guests as good as new, and does the same four things: a first audit, a first application, and both
again in the steady state. Each begins without an open connection. Rounds begin with another tool each, and a ratio is the median
of the rounds' ratios. The files of some guests are compared after the first application.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from guests import PREFIX, TOP, BenchError, Guests, build_image, run  # noqa: E402
from manifest import Manifest, root_of  # noqa: E402
from peers_page import MEASURES, Figures, Peer, page, summary  # noqa: E402
from program import ended, questions  # noqa: E402
from run import AUDIT, FORKS, IDIOMATIC, REMEDIATE, Bench, changes, conditions, started  # noqa: E402

#: Guests whose files are compared; they differ in nothing but their times.
COMPARED = 3
#: What the peers are written for: the collection is asked for no more. Its probe reads what all recommendations ask for.
SETTINGS = [
    "tools_present",
    "tools_service_running",
    "io_scheduler",
    "scsi_disk_timeout",
    "hotadd_online",
    "cron_scatter",
    "timer_scatter",
]
#: Where tools leave what is theirs, and not part of an end state.
LEFTOVERS = ("root/.ansible", "tmp", "var/tmp", "var/lib/vmguest", "root/.cache")
ENVIRONMENTS = TOP / ".build/venv"


def say(text: str) -> None:
    """A line of progress."""
    print(f"bench-peers: {text}", file=sys.stderr, flush=True)


# ---- the tools -------------------------------------------------------------------------------------------------------


class Ansible:
    """What runs by ansible-playbook: the collection, and a playbook of stock modules."""

    def __init__(self, bench: Bench, audit: str, apply: str, check: bool) -> None:
        self._bench, self._audit, self._apply, self._check = bench, audit, apply, check

    def prepare(self, variables: Mapping[str, Mapping[str, object]]) -> None:
        """Give it each guest's times, where it needs them."""
        self._bench.guests.write_inventory(
            {name: dict(values) for name, values in variables.items()}, {"vmguest_only": SETTINGS}
        )

    def audit(self) -> None:
        """Look, and change nothing."""
        self._bench.playbook(self._audit, arguments=["--check"] * self._check)

    def apply(self) -> None:
        """Change what is to be changed."""
        self._bench.playbook(self._apply)


class Pyinfra:
    """pyinfra, over its own SSH (paramiko)."""

    def __init__(self, guests: Guests, scratch: Path) -> None:
        self._guests = guests
        self._program = str(ENVIRONMENTS / "pyinfra/bin/pyinfra")
        self._inventory = scratch / "pyinfra_inventory.py"
        self._scratch = scratch

    def prepare(self, variables: Mapping[str, Mapping[str, object]]) -> None:
        """Write its inventory."""
        hosts = []
        for name, address in self._guests.addresses().items():
            data = {
                "ssh_hostname": address,
                "ssh_user": "root",
                "ssh_key": str(self._scratch / "key"),
                "ssh_strict_host_key_checking": "off",
                "ssh_known_hosts_file": "/dev/null",
                **variables.get(name, {}),
            }
            hosts.append((name, data))
        self._inventory.write_text(f"guests = {hosts!r}\n", encoding="utf-8")

    def audit(self) -> None:
        """``--dry``."""
        self._run("--dry")

    def apply(self) -> None:
        """The deploy."""
        self._run()

    def _run(self, *arguments: str) -> None:
        words = [
            self._program,
            "--yes",
            "--parallel",
            str(FORKS),
            *arguments,
            str(self._inventory),
            str(HERE / "pyinfra_deploy.py"),
        ]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", cwd=self._scratch, check=False)
        if done.returncode != 0:
            raise BenchError(f"pyinfra failed ({done.returncode}):\n{(done.stdout + done.stderr)[-4000:]}")


class SaltSsh:
    """salt-ssh, which copies a small Salt to each guest and runs it by the guest's Python."""

    def __init__(self, guests: Guests, scratch: Path) -> None:
        self._guests = guests
        self._home = scratch / "salt"
        self._scratch = scratch

    def prepare(self, variables: Mapping[str, Mapping[str, object]]) -> None:
        """Write its configuration, its roster, its states and each guest's pillar."""
        shutil.rmtree(self._home, ignore_errors=True)
        states, pillar = self._home / "states", self._home / "pillar"
        for folder in (states, pillar):
            folder.mkdir(parents=True)
        shutil.copy(HERE / "salt/bench.sls", states)
        for rules in (HERE.parent / "playbooks/files").glob("*.rules"):
            shutil.copy(rules, states)
        master = {
            "root_dir": str(self._home),
            "pki_dir": str(self._home / "pki"),
            "cachedir": str(self._home / "cache"),
            "log_file": str(self._home / "log"),
            "ssh_log_file": str(self._home / "ssh_log"),
            "file_roots": {"base": [str(states)]},
            "pillar_roots": {"base": [str(pillar)]},
            "ssh_max_procs": FORKS,
        }
        roster = {
            name: {
                "host": address,
                "user": "root",
                "priv": str(self._scratch / "key"),
                "timeout": 120,
                # Its own options for this do not reach the session in which states are run.
                "ssh_options": ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"],
            }
            for name, address in self._guests.addresses().items()
        }
        (self._home / "master").write_text(json.dumps(master), encoding="utf-8")
        (self._home / "roster").write_text(json.dumps(roster), encoding="utf-8")
        (pillar / "top.sls").write_text(json.dumps({"base": {name: [name] for name in roster}}), encoding="utf-8")
        for name in roster:
            (pillar / f"{name}.sls").write_text(json.dumps(dict(variables.get(name, {}))), encoding="utf-8")

    def audit(self) -> None:
        """``test=True``."""
        self._run("test=True")

    def apply(self) -> None:
        """The states."""
        self._run()

    def _run(self, *arguments: str) -> None:
        words = [
            str(ENVIRONMENTS / "salt/bin/salt-ssh"), "--config-dir", str(self._home), "--roster-file", str(self._home / "roster"),
            "--ignore-host-keys", "--no-host-keys", "--max-procs", str(FORKS), "--out", "json", "--static",
            "*", "state.apply", "bench", *arguments,
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", cwd=self._scratch, check=False)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise BenchError(f"salt-ssh failed ({done.returncode}):\n{(done.stdout + done.stderr)[-4000:]}") from None
        for name in self._guests.names:
            states = answer.get(name)
            if not isinstance(states, dict) or not all(isinstance(state, dict) for state in states.values()):
                wrong = [states]  # it did not come as far as the states
            else:
                wrong = [state for state in states.values() if state.get("result") is False]
            if wrong:
                raise BenchError(f"salt-ssh failed on {name}: {json.dumps(wrong)[:3000]}")


# ---- the rounds ------------------------------------------------------------------------------------------------------


@dataclass
class Contest:
    """Runs the tools in turns on one set of guests."""

    guests: Guests
    scratch: Path
    tools: dict[str, Ansible | Pyinfra | SaltSsh]
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    end_states: dict[str, dict[str, object]] = field(default_factory=dict)
    leftovers: dict[str, tuple[int, int]] = field(default_factory=dict)
    variables: dict[str, dict[str, object]] = field(default_factory=dict)

    def round(self, number: int, of: int) -> None:
        """Every tool once. Ours is the first in the first round: the others are told the times that it chose."""
        names = list(self.tools)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            tool = self.tools[name]
            self.guests.renew()
            tool.prepare(self.variables)
            sample = self.guests.names[:COMPARED]
            before = self.guests.manifests(sample) if name not in self.end_states else {}
            for measure, action in zip(MEASURES, (tool.audit, tool.apply, tool.apply, tool.audit), strict=True):
                took = self._timed(action)
                self.seconds.setdefault(name, {}).setdefault(measure, []).append(took)
                say(f"round {number + 1} of {of}: {name}, {measure}: {took:.2f} s")
                if measure == MEASURES[1] and before:
                    self._look(name, before)
                    if not self.variables:
                        self.guests.warm()
                        self.variables = Bench.times_of(self.guests)

    def _timed(self, action: Callable[[], None]) -> float:
        self.guests.disconnect()
        began = time.perf_counter()
        action()
        return time.perf_counter() - began

    def _look(self, name: str, before: dict[str, Manifest]) -> None:
        after = self.guests.manifests(list(before))
        self.end_states[name] = {
            path: entry
            for path, entry in changes(before, after).items()
            if not path.partition(":/")[2].startswith(LEFTOVERS)
        }
        self.leftovers[name] = leftovers(self.guests.names[0])


def leftovers(guest: str) -> tuple[int, int]:
    """How many files of its own a tool left on a guest, and their bytes."""
    root = Path(root_of(guest))
    files = [
        path
        for folder in LEFTOVERS
        for path in (root / folder).rglob("*")
        if path.is_file() and not path.is_symlink() and "systemd-private-" not in str(path)
    ]
    return len(files), sum(path.stat().st_size for path in files)


def end_states(reached: Mapping[str, Mapping[str, object]]) -> dict[str, list[str]]:
    """The paths by which each tool's end state differs from the first one's."""
    ours, *_others = reached.values()
    return {
        name: sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))
        for name, theirs in reached.items()
    }


# ---- the whole -------------------------------------------------------------------------------------------------------


def versions(names: list[str]) -> dict[str, str]:
    """The version of each tool, empty for one that is not there."""
    found = {}
    for name, command, words in (
        (
            "pyinfra",
            "pyinfra/bin/python",
            "import importlib.metadata as m, platform as p; print(m.version('pyinfra'), p.python_version())",
        ),
        (
            "salt-ssh",
            "salt/bin/python",
            "import importlib.metadata as m, platform as p; print(m.version('salt'), p.python_version())",
        ),
    ):
        if name in names:
            program = ENVIRONMENTS / command
            answer = run(str(program), "-c", words, check=False).split() if program.exists() else []
            found[name] = f"{answer[0]}, Python {answer[1]}" if len(answer) == 2 else ""
    return found


def measure(guests: int, rounds: int, wanted: list[str], scratch: Path) -> Figures:
    """All figures. The guests are gone at the end, however it comes."""
    setting = conditions(guests, rounds)
    for line in setting.lines():
        say(line)
    have = versions(wanted)
    say("building the guests' image")
    build_image()
    with started([f"{PREFIX}peer-{number:03}" for number in range(1, guests + 1)], scratch) as fleet:
        bench = Bench(fleet, scratch)
        tools: dict[str, Ansible | Pyinfra | SaltSsh] = {"vmguest.linux": Ansible(bench, AUDIT, REMEDIATE, check=False)}
        core = f"ansible-core {setting.core}, Python {setting.python}"
        peers = {"vmguest.linux": Peer("vmguest.linux", core)}
        if "stock modules" in wanted:
            tools["stock modules"] = Ansible(bench, IDIOMATIC, IDIOMATIC, check=True)
            peers["stock modules"] = Peer("stock modules", core)
        for name, kind in (("pyinfra", Pyinfra), ("salt-ssh", SaltSsh)):
            if name in wanted:
                peers[name] = Peer(name, have[name], "" if have[name] else why_not(name))
                if have[name]:
                    tools[name] = kind(fleet, scratch)
        contest = Contest(fleet, scratch, tools)
        for number in range(rounds):
            contest.round(number, rounds)
    return Figures(
        conditions=setting,
        peers=list(peers.values()),
        seconds=contest.seconds,
        changed=len(contest.end_states["vmguest.linux"]),
        compared=min(COMPARED, guests),
        differences=end_states(contest.end_states),
        leftovers=contest.leftovers,
    )


def why_not(name: str) -> str:
    """Why a peer is not there, as its setup noted it."""
    note = ENVIRONMENTS / ("salt" if name == "salt-ssh" else name) / "why_not"
    return note.read_text(encoding="utf-8").strip() if note.exists() else "it is not installed: make setup-peers"


def main() -> int:
    """Measure, print, write the page."""
    parser = questions(__doc__.splitlines()[0], guests=20, rounds=3, page=TOP / "docs/bench-peers.md")
    parser.add_argument(
        "--peers",
        default=os.environ.get("PEERS") or "stock modules,pyinfra,salt-ssh",
        help="which of them, with commas",
    )
    asked = parser.parse_args()
    if asked.guests < COMPARED or asked.rounds < 1:
        parser.error(f"at least {COMPARED} guests and 1 round are needed")
    wanted = [word.strip() for word in asked.peers.split(",") if word.strip()]
    unknown = sorted(set(wanted) - {"stock modules", "pyinfra", "salt-ssh"})
    if unknown:
        parser.error(f"no peer is called '{unknown[0]}'; there are: stock modules, pyinfra, salt-ssh")

    def figures(scratch: Path) -> Figures:
        return measure(asked.guests, asked.rounds, wanted, scratch)

    return ended("bench-peers", asked.page, figures, summary, page)


if __name__ == "__main__":
    sys.exit(main())
