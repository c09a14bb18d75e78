# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records of a fleet that does not exist, for benches, tests and screenshots.

usage: python -m ansible_collections.vmguest.linux.tests.bench.made_records COUNT FOLDER [--seed N] [--runs N] [--start N]

The findings are real: the engine audits guest trees (tests/guests) once, under profile ``everything``, and what it found is kept
in .build/made-records until trees or code change. A made guest takes the findings of one tree; host-specific values (addresses,
UUIDs, machine-ids, sizes) are its own; some guests are remediated, some wait for a reboot, some have waivers, some
failed or could not be reached. The same arguments make the same records, whatever machine makes them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import REMEDIABLE, WAIVABLE, Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.starts import DAY
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.comparable import comparable
from ansible_collections.vmguest.linux.plugins.plugin_utils.report.record import FORMAT, Records
from ansible_collections.vmguest.linux.tests.unit import guest_tree

TOP = Path(__file__).resolve().parents[2]
CACHE = TOP / ".build" / "made-records"
PROFILE = "everything"
#: When the newest made run began; each earlier run (``age`` 1, 2, …) was a week before.
NEWEST = datetime(2026, 11, 24, 2, 30, tzinfo=timezone.utc)
#: A few families: enough for tests, and a few seconds of work.
FEW = ("debian12", "rhel5", "rhel9", "rhel92", "sles15sp6", "ubuntu2404", "database", "kubernetes_node", "router")
#: At most so many variants of a tree, the one that the distribution ships first.
VARIANTS = 4
#: What no fleet of VMware guests has.
_NO_FLEET = ("container", "not_vmware", "template")

_PURPOSES = ("web", "app", "db", "cache", "queue", "build", "k8s", "mail", "proxy", "log")
_SITES = ("berlin", "oslo", "porto", "zagreb")
_STAGES = ("production", "production", "production", "staging", "test")
_WAIVERS = (
    "container host that needs io.weight (OPS-1234)",
    "the vendor of the application supports no other value (APP-88)",
    "replaced in the next quarter (INF-4711)",
)
_SILENT = (
    "Failed to connect to the host via ssh: connect to host {host} port 22: Connection timed out",
    "Failed to connect to the host via ssh: {host}: Name or service not known",
    "Missing sudo password",
)
_VALUE = re.compile(
    r"\b(?P<mac>(?:[0-9a-f]{2}:){5}[0-9a-f]{2})\b"
    r"|\b(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b"
    r"|\b(?P<id>[0-9a-f]{32})\b"
    r"|\b(?P<ip>192\.0\.2\.\d+|198\.51\.100\.\d+|203\.0\.113\.\d+|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+)\b"
    r"|\b(?P<size>\d{3,})(?= (?:MiB|MB|KiB|kB|GiB|pages|bytes)\b)"
)


def found_on_trees(guests: Sequence[str] | None = None, variants: int = VARIANTS) -> list[dict[str, Any]]:
    """What the engine finds on guest trees: ``tree``, ``guest``, ``findings`` and ``fleet`` (as in a record). All trees that are
    VMware guests, or only those named; audited once, then kept until trees or code change. About half a second for a tree."""
    names = [name for name in (guests or guest_tree.names()) if name not in _NO_FLEET]
    cases = [(name, variant) for name in names for variant in guest_tree.variants(name)[:variants]]
    kept = CACHE / f"{_checksum(cases)}.json"
    if kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    found = [entry for entry in map(_audited, cases) if entry]
    CACHE.mkdir(parents=True, exist_ok=True)
    beside = kept.with_name(f".{kept.name}.{os.getpid()}")
    beside.write_text(json.dumps(found), encoding="utf-8")
    beside.rename(kept)
    return found


def _checksum(cases: Sequence[tuple[str, str]]) -> str:
    """Of all that findings come from: trees, the code that judges them, and which are asked for."""
    digest = hashlib.sha256(json.dumps(cases).encode())
    code = TOP / "plugins" / "plugin_utils"
    parts = [
        TOP / "tests" / "guests",
        *(code / name for name in ("engine", "evidence", "guest", "recommendations", "profiles", "report")),
    ]
    for path in (
        path for part in parts for path in sorted(part.rglob("*")) if path.is_file() and path.suffix != ".pyc"
    ):
        digest.update(str(path.relative_to(TOP)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:24]


def _audited(case: tuple[str, str]) -> dict[str, Any] | None:
    """One tree; None where it is no guest that can be audited whole."""
    guest = guest_tree.load(*case)
    with tempfile.TemporaryDirectory(prefix="vmguest-made-") as folder:
        tree = guest_tree.materialise(guest, Path(folder) / "guest")
        evidence = guest_tree.probe(tree)
        findings = [
            finding.record() for finding in guest_tree.findings(tree, evidence, {"vmguest_profile": PROFILE}).values()
        ]
    if all(finding["status"] in ("not_applicable", "unknown") for finding in findings):
        return None
    platform = evidence.platform
    about = {
        "distribution": platform.distribution.name,
        "kernel": platform.kernel.release,
        "vendor": platform.vendor,
        "uuid": platform.uuid,
    }
    options = guest_tree.policy(tree, {"vmguest_profile": PROFILE}).options
    return {"tree": str(guest), "guest": about, "findings": findings, "fleet": comparable(evidence, options)}


def made_records(
    count: int, seed: int = 1, *, age: int = 0, trees: Sequence[Mapping[str, Any]] | None = None, start: int = 0
) -> Iterator[dict[str, Any]]:
    """``count`` records, one at a time, of the guests number ``start`` and on.

    ``age`` 0 is the newest run, 1 the one a week before, in which fewer guests were remediated. A guest is the same in every run,
    and whichever shard makes it. Findings are shared among records: read them, do not write to them.
    """
    marked = [_marked(tree) for tree in (found_on_trees() if trees is None else trees)]
    for number in range(start, start + count):
        yield _record(number, seed, age, marked)


def _marked(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with each finding beside whether it holds host-specific values: most do not, and are shared by all guests."""
    findings = [(finding, _VALUE.search(json.dumps(finding)) is not None) for finding in tree["findings"]]
    return {**tree, "findings": findings}


def _record(number: int, seed: int, age: int, trees: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    always = random.Random(f"{seed}/{number}")  # what the guest is
    now = random.Random(f"{seed}/{number}/{age}")  # what became of it in this run
    purpose, site, stage = always.choice(_PURPOSES), always.choice(_SITES), always.choice(_STAGES)
    host = f"{purpose}-{number:05d}.{site}.example.com"
    tree = always.choice(trees)
    rebuilt = random.Random(f"{seed}/{number}/values")
    values: dict[str, str] = {}
    record: dict[str, Any] = {
        "format": FORMAT,
        "run": hashlib.sha256(f"{seed}/{age}".encode()).hexdigest()[:16],
        "time": _when(number, age),
        "host": host,
        "action": "audit",
        "check": False,
        "state": "ok",
        "message": None,
        "profile": PROFILE,
        "groups": sorted({purpose, f"site_{site}", stage}),
    }
    fate = now.random()
    if fate < 0.008:
        return {**record, "state": "unreachable", "message": now.choice(_SILENT).format(host=host), "findings": []}
    if fate < 0.011:
        return {
            **record,
            "state": "interrupted",
            "message": "the task was ended before the guest answered",
            "findings": [],
        }
    record["guest"] = _own(tree["guest"], rebuilt, values)
    record["transport"] = "stdin"
    remediated = always.random() < 0.75 - 0.09 * age
    rebooted = always.random() < 0.8
    record["fleet"] = _compared(tree["fleet"], random.Random(f"{seed}/{number}/fleet"), remediated)
    waived = always.random() < 0.1
    record["findings"] = []
    for finding, own in tree["findings"]:
        if own:
            finding = _own(finding, rebuilt, values)
        if waived and finding["status"] in WAIVABLE and always.random() < 0.3:
            finding = _waived(finding, always)
        elif remediated and finding["status"] in REMEDIABLE and now.random() > 0.02:
            finding = _remediated(finding, rebooted)
        record["findings"].append(finding)
    return record


def _compared(fleet: Mapping[str, Any], rng: random.Random, remediated: bool) -> dict[str, Any]:
    """What the guest is compared by: identities of its own, but for one in fifty, who is a clone of a bad template; its
    jobs where the distribution put them, or scattered once it was remediated."""
    clone = rng.random() < 0.02
    identity = {
        kind: ids
        and [f"made:{'template' if clone and kind != 'mac' else f'{rng.getrandbits(64):016x}'}" for _id in ids]
        for kind, ids in fleet["identity"].items()
    }
    scattered = fleet["starts_scattered"] and " ".join(
        _scattered(word, rng) for word in fleet["starts_scattered"].split()
    )
    made = {**fleet, "identity": identity, "starts_scattered": scattered}
    return {**made, "starts": scattered, "starts_before": fleet["starts"]} if remediated else made


def _scattered(word: str, rng: random.Random) -> str:
    """A start at another minute: of its hour where it is hourly, of the two hours from then on where it is daily."""
    found = re.match(r"\d+", word)
    if found is None:
        return word
    first = int(found[0])
    moved = first // 60 * 60 + rng.randrange(60) if "+" in word else (first + rng.randrange(120)) % DAY
    return f"{moved}{word[found.end() :]}"


def _when(number: int, age: int) -> str:
    """About 30 guests are audited in a second."""
    return (NEWEST - timedelta(weeks=age) + timedelta(seconds=number // 30)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _own(value: Any, rng: random.Random, values: dict[str, str]) -> Any:
    """The same data with the made guest's own values; a value that occurs twice is replaced by one and the same."""
    if isinstance(value, str):
        return _VALUE.sub(lambda match: values.setdefault(match[0], _other(match, rng)), value)
    if isinstance(value, Mapping):
        return {key: _own(item, rng, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_own(item, rng, values) for item in value]
    return value


def _other(match: re.Match[str], rng: random.Random) -> str:
    digits = f"{rng.getrandbits(128):032x}"
    if match["mac"]:
        return "00:50:56:" + ":".join(digits[at : at + 2] for at in (0, 2, 4))
    if match["uuid"]:
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if match["id"]:
        return digits
    if match["ip"]:
        return f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    return str(round(int(match["size"]) * rng.choice((0.5, 0.75, 1, 1, 1, 2))))


def _remediated(finding: dict[str, Any], rebooted: bool) -> dict[str, Any]:
    """What a remedy leaves: as desired, after a reboot where it needs one."""
    sides = {"persistent": finding["desired"], "remedy": []}
    if finding["reboot"] and not rebooted:
        reason = "the configuration is right, the running system takes it at the next boot"
        return {**finding, **sides, "status": Status.PENDING_REBOOT.value, "reason": reason}
    return {
        **finding,
        **sides,
        "runtime": finding["desired"],
        "status": Status.COMPLIANT.value,
        "reason": "as desired.",
    }


def _waived(finding: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Under a waiver, of which one in five has expired; in the words of engine/assess.py."""
    reason = rng.choice(_WAIVERS)
    expired = rng.random() < 0.2
    day = NEWEST.date() + timedelta(days=rng.randrange(-40, -1) if expired else rng.randrange(5, 400))
    finding = dict(finding)
    if expired:
        told = f"its waiver expired on {day} ({reason}): renew or remove it; {finding['reason']}"
        finding.update(reason=told, mode="audit" if finding["status"] in REMEDIABLE else finding["mode"])
    else:
        told = f"{reason} (until {day}); without the waiver {finding['status']}: {finding['reason']}"
        finding.update(status=Status.WAIVED.value, reason=told, remedy=[])
    finding["waiver"] = {"reason": reason, "expires": day.isoformat()}
    return finding


def write_records(
    folder: Path, count: int, seed: int = 1, *, runs: int = 1, start: int = 0, **options: Any
) -> list[Path]:
    """Write ``runs`` runs of ``count`` guests below ``folder``, as audits would; the runs' folders, oldest first."""
    made = []
    for age in reversed(range(runs)):
        began = (NEWEST - timedelta(weeks=age)).strftime("%Y%m%dT%H%M%SZ")
        run = hashlib.sha256(f"{seed}/{age}".encode()).hexdigest()[:6]
        records = Records(folder / f"{began}-{run}")
        records.prepare()
        for record in made_records(count, seed, age=age, start=start, **options):
            records.write(record["host"], record)
        made.append(records.folder)
    return made


def main(words: Sequence[str]) -> int:
    """The program."""
    parser = argparse.ArgumentParser(description="Write records of made guests.")
    parser.add_argument("count", type=int, help="guests")
    parser.add_argument("folder", type=Path, help="the reports' folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1, help="runs, a week apart")
    parser.add_argument("--start", type=int, default=0, help="number of the first guest, for shards")
    given = parser.parse_args(words)
    for folder in write_records(given.folder, given.count, given.seed, runs=given.runs, start=given.start):
        print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
