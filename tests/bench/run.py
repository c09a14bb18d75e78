"""The bench: what an audit and a remediation cost, against ping, plain ssh and an idiomatic playbook. `make bench` runs it.

usage: run.py [--guests N] [--rounds N] [--first-rounds N] [--names N] [--page FILE]
       (or GUESTS=N ROUNDS=N FIRST_ROUNDS=N NAMES=N in the environment, as in `make bench GUESTS=20`)

Figures are ratios of runs that took turns, the median of the rounds: on a busy machine all of a round slow down together.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from guests import PREFIX, TOP, BenchError, Guests, build_image, inotify_for, run
from manifest import Manifest
from page import Conditions, Counts, Figures, Probe, page, summary
from program import ended, questions

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(TOP / ".build/import"))

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS  # noqa: E402
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import probe_payload  # noqa: E402

FORKS = 20
#: Rounds with the large fleet, each of which takes minutes.
MANY_ROUNDS = 2
NONCE = "0" * 32
#: Guests whose files are compared; they differ in nothing but their times.
COMPARED = 5
PING, NOTHING, IDIOMATIC = (str(HERE / f"playbooks/{name}.yml") for name in ("ping", "nothing", "idiomatic"))
AUDIT, REMEDIATE = "vmguest.linux.audit", "vmguest.linux.remediate"


def say(text: str) -> None:
    """A line of progress."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass
class Bench:
    """Runs what is compared, on one set of guests."""

    guests: Guests
    scratch: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.scratch / "answers").mkdir(exist_ok=True)
        self.settings = self.scratch / "ansible.cfg"  # an empty one: this machine's own settings are not asked
        self.settings.write_text("[defaults]\n", encoding="utf-8")
        self.payload = self.scratch / "probe.sh"
        self.payload.write_text(probe_payload(NONCE, READS), encoding="utf-8")
        self.guests.write_inventory()

    # ---- what is compared --------------------------------------------------------------------------------------------

    def playbook(
        self,
        name: str,
        changed: int | None = None,
        variables: dict[str, str] | None = None,
        arguments: Sequence[str] = (),
    ) -> float:
        """Seconds of a playbook's run; BenchError where a guest failed, or has not as many ``changed`` as it should."""
        words = ["ansible-playbook", "-i", str(self.guests.inventory), *arguments, name]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_COLLECTIONS_PATH": f"{TOP}/.build/import:{TOP}/.build/collections",
            "ANSIBLE_CONFIG": str(self.settings),
            "ANSIBLE_HOME": str(self.scratch / "ansible"),
            "ANSIBLE_FORKS": str(FORKS),
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_SSH_ARGS": f"-F {self.guests.ssh_config}",
            **(variables or {}),
        }
        log = self.scratch / "output"
        with log.open("wb") as output:
            began = time.perf_counter()
            done = subprocess.run(words, env=environment, cwd=self.scratch, stdout=output, stderr=output, check=False)
            took = time.perf_counter() - began
        text = log.read_text(encoding="utf-8", errors="replace")
        recap = [line for line in text.splitlines() if " unreachable=" in line]
        fine = [line for line in recap if "unreachable=0" in line and "failed=0" in line]
        if done.returncode != 0 or len(fine) != len(self.guests.targets):
            raise BenchError(f"{name} failed on a guest ({done.returncode}); the end of its output:\n{text[-4000:]}")
        if changed is not None and not all(f" changed={changed} " in line for line in recap):
            raise BenchError(f"{name} should have changed={changed} on every guest:\n" + "\n".join(recap))
        return took

    def plain_ssh(self) -> float:
        """Seconds of the same probe over the same connections without Ansible, as many guests at a time."""
        each = f'exec ssh -F {self.guests.ssh_config} "$1" sh -s <{self.payload} >{self.scratch}/answers/"$1"'
        words = ["xargs", "-n", "1", "-P", str(FORKS), "sh", "-c", each, "sh"]
        began = time.perf_counter()
        run(*words, input_text="\n".join(self.guests.names))
        took = time.perf_counter() - began
        for name in self.guests.names:
            if not (self.scratch / "answers" / name).read_text(errors="replace").endswith(f"{NONCE} end\n"):
                raise BenchError(f"the probe of {name} over plain ssh was cut")
        return took

    # ---- rounds ------------------------------------------------------------------------------------------------------

    def rounds(self, count: int, turns: dict[str, Callable[[], float]]) -> None:
        """All turns once to warm up, then ``count`` times; each round begins with another one."""
        for action in turns.values():
            action()
        names = list(turns)
        for number in range(count):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                self.seconds.setdefault(name, []).append(turns[name]())
            say(
                f"round {number + 1} of {count}: "
                + ", ".join(f"{name} {self.seconds[name][-1]:.2f} s" for name in names)
            )

    def first_remediations(self, count: int) -> str:
        """``count`` times each, on guests as good as new; what is to be said of the end states, from the first round."""
        reached: dict[str, dict[str, object]] = {}
        verdict = ""
        for number in range(count):
            # The times of the idiomatic playbook come from our first run; and the last run is ours, for what follows.
            ours_first = number == 0 or (count - number) % 2 == 0
            for ours in (ours_first, not ours_first):
                name, playbook = ("remediate, first", REMEDIATE) if ours else ("idiomatic playbook", IDIOMATIC)
                self.guests.renew()
                sample = self.guests.names[:COMPARED]
                before = self.guests.manifests(sample) if number == 0 else {}
                self.seconds.setdefault(name, []).append(self.playbook(playbook, changed=1 if ours else None))
                say(f"first remediation {number + 1} of {count}: {name} {self.seconds[name][-1]:.2f} s")
                if number == 0:
                    reached[name] = changes(before, self.guests.manifests(sample))
                if number == 0 and ours:
                    self.guests.write_inventory(self.times_of(self.guests))
            if number == 0:
                verdict = compared(reached["remediate, first"], reached["idiomatic playbook"])
                say(verdict)
        return verdict

    @staticmethod
    def times_of(guests: Guests) -> dict[str, dict[str, object]]:
        """Variables of the idiomatic playbook: each guest's crontab, and its timers with their calendars."""
        script = (
            "cat /etc/crontab; echo ====; cd /etc/systemd/system\n"
            'for file in *.timer.d/50-vmguest-scatter.conf; do sed -n "s|^OnCalendar=\\(..*\\)|${file%%.d/*} \\1|p" "$file"; done'
        )
        variables: dict[str, dict[str, object]] = {}
        for name, text in guests.on_each(script).items():
            crontab, dummy, calendars = text.partition("====\n")
            timers: dict[str, list[str]] = {}
            for line in calendars.splitlines():
                timer, dummy, calendar = line.partition(" ")
                timers.setdefault(timer, []).append(calendar)
            variables[name] = {"bench_crontab": crontab, "bench_timers": timers}
        return variables


def changes(before: dict[str, Manifest], after: dict[str, Manifest]) -> dict[str, object]:
    """Guest and path to what is there now, for all that came, went or changed. Guests themselves differ (machine id, addresses)."""
    return {
        f"{name}:/{path}": after[name].get(path)
        for name in before
        for path in before[name].keys() | after[name].keys()
        if before[name].get(path) != after[name].get(path)
    }


def compared(ours: dict[str, object], theirs: dict[str, object]) -> str:
    """A sentence for people; BenchError where the end states differ: the two times could not be compared."""
    different = sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))
    if different:
        shown = "\n".join(f"  {path}: {ours.get(path)} / {theirs.get(path)}" for path in different[:20])
        raise BenchError(f"remediate and the idiomatic playbook leave {len(different)} files differently:\n{shown}")
    guests = len({path.partition(":")[0] for path in ours})
    return f"both reach the same end state: {len(ours)} changed files on {guests} guests compared by content, mode and owner"


# ---- what is counted, on a guest of its own ------------------------------------------------------------------------------

COUNT = (
    "printf 'LogLevel VERBOSE\\n' >/etc/ssh/sshd_config.d/count.conf; systemctl reload ssh; "
    "python=$(readlink -f /usr/bin/python3); mv $python $python.real; "
    "printf '#!/bin/sh\\necho x >>/run/bench_python\\nexec %s.real \"$@\"\\n' $python >$python; chmod 755 $python"
)


def counts(bench: Bench) -> list[Counts]:
    """Sessions that the guest's sshd opened and Pythons that started there, for each kind of run."""
    (guest,) = bench.guests.names
    run("podman", "exec", guest, "sh", "-c", COUNT)
    bench.guests.disconnect()  # sshd's log level is the connection's
    time.sleep(0.5)
    bench.guests.warm()

    def read() -> tuple[int, int]:
        script = (
            "journalctl --sync; journalctl -q -u ssh -o cat | grep -c '^Starting session: '; "
            "touch /run/bench_python; wc -l </run/bench_python"
        )
        sessions, pythons = run("podman", "exec", guest, "sh", "-c", script).split()
        return int(sessions), int(pythons)

    results = []
    for title, playbook, changed in (
        ("ping", PING, 0),
        ("audit", AUDIT, 0),
        ("remediate, first", REMEDIATE, 1),
        ("remediate, nothing to do", REMEDIATE, 0),
    ):
        before = read()
        bench.playbook(playbook, changed)
        after = read()
        results.append(Counts(title, after[0] - before[0], after[1] - before[1]))
    return results


def probe_figures(bench: Bench) -> Probe:
    """Processes and milliseconds of the probe on an idle guest, run from outside in the guest's namespaces."""
    (guest,) = bench.guests.names
    pid = run("podman", "inspect", "--format", "{{.State.Pid}}", guest).strip()
    enter = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "nsenter", "--target", pid, "--all", "sh", "-s"]
    payload = bench.payload.read_text(encoding="utf-8")
    trace = bench.scratch / "trace"
    run("strace", "-f", "-qq", "-e", "trace=exit_group", "-o", str(trace), *enter, input_text=payload)
    ended = {line.split()[0] for line in trace.read_text(errors="replace").splitlines() if "exit_group" in line}
    took = []
    for dummy in range(21):
        began = time.perf_counter()
        run(*enter, input_text=payload)
        took.append((time.perf_counter() - began) * 1000)
    return Probe(processes=len(ended) - 1, milliseconds=median(took), payload_bytes=len(payload))  # nsenter is one


# ---- the whole -----------------------------------------------------------------------------------------------------------


def conditions(guests: int, rounds: int) -> Conditions:
    """What the figures depend on."""
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    python = "import ansible.release, platform; print(ansible.release.__version__, platform.python_version())"
    core, version = run(sys.executable, "-c", python).split()
    return Conditions(
        core=core,
        python=version,
        openssh=ssh.split(",")[0].split()[0].removeprefix("OpenSSH_"),
        cores=os.cpu_count() or 0,
        guests=guests,
        rounds=rounds,
        forks=FORKS,
        load=os.getloadavg()[0],
    )


def measure(guests: int, rounds: int, first_rounds: int, aliases: int, scratch: Path) -> Figures:
    """All figures. The guests are gone at the end, however it comes."""
    setting = conditions(guests, rounds)
    for line in setting.lines():
        say(line)
    say("building the guests' image")
    build_image()
    with started([f"{PREFIX}count"], scratch / "count") as single:
        say("counting on one guest")
        bench = Bench(single, scratch / "count")
        probe = probe_figures(bench)
        counted = counts(bench)
    with started([f"{PREFIX}{number:03}" for number in range(1, guests + 1)], scratch) as fleet:
        bench = Bench(fleet, scratch)
        others = {
            "ping": lambda: bench.playbook(PING, 0),
            "plain ssh": bench.plain_ssh,
            "Ansible without a task's work": lambda: bench.playbook(NOTHING),
        }
        say(f"guests as made: {rounds} rounds")
        bench.rounds(rounds, {**others, "audit": lambda: bench.playbook(AUDIT, 0)})
        as_made, bench.seconds = bench.seconds, {}
        many: dict[str, list[float]] = {}
        if aliases > 1:
            say(f"{guests * aliases} names of the guests: {MANY_ROUNDS} rounds")
            fleet.named(aliases)
            bench.rounds(
                MANY_ROUNDS, {"ping": lambda: bench.playbook(PING, 0), "audit": lambda: bench.playbook(AUDIT, 0)}
            )
            many, bench.seconds = bench.seconds, {}
            fleet.named(1)
        verdict = bench.first_remediations(first_rounds)
        say(f"remediated guests: {rounds} rounds")
        bench.rounds(
            rounds,
            {
                **others,
                "audit": lambda: bench.playbook(AUDIT, 0),
                "remediate, nothing to do": lambda: bench.playbook(REMEDIATE, 0),
            },
        )
    return Figures(setting, as_made, bench.seconds, counted, probe, verdict, many, aliases)


@contextmanager
def started(names: list[str], scratch: Path) -> Iterator[Guests]:
    """New guests for as long as they are needed."""
    scratch.mkdir(mode=0o700, exist_ok=True)
    guests = Guests(names, scratch)
    with inotify_for(len(names)):
        try:
            say(f"starting {len(names)} guest{'s' if len(names) != 1 else ''}")
            guests.renew()
            yield guests
        finally:
            # One Ctrl-C is enough; a second must not stop the clearing up.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            guests.remove()
            signal.signal(signal.SIGINT, before)


def main() -> int:
    """Measure, print, write the page."""
    parser = questions(__doc__.splitlines()[0], guests=50, rounds=5, page=TOP / "docs/bench.md")
    parser.add_argument(
        "--first-rounds",
        type=int,
        default=int(os.environ.get("FIRST_ROUNDS") or 3),
        help="rounds of first remediations, which take minutes each",
    )
    parser.add_argument(
        "--names",
        type=int,
        default=int(os.environ.get("NAMES") or 10),
        help="names of each guest in the inventory of a large fleet; 1 leaves that out",
    )
    asked = parser.parse_args()

    def figures(scratch: Path) -> Figures:
        return measure(asked.guests, asked.rounds, asked.first_rounds, asked.names, scratch)

    return ended("bench", asked.page, figures, summary, page)


if __name__ == "__main__":
    sys.exit(main())
