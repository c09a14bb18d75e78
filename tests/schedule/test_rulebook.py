# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event-Driven Ansible for real: a guest posts that its kernel was updated, and is audited again; that guest and no other.

`make rulebook` runs it, and installs ansible-rulebook and Java before.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.bench.fleet.controller import environment
from ansible_collections.vmguest.linux.tests.bench.fleet.recordings import record

TOP = Path(__file__).resolve().parents[2]
RULEBOOK = TOP / "extensions/eda/rulebooks/kernel_updated.yml"
HOOK = TOP / "extensions/eda/guest/kernel_updated.sh"
PROGRAM = TOP / ".build/venv/rulebook/bin/ansible-rulebook"
TOKEN = "a-token-of-the-test"
#: The rulebook's window is ten minutes, and no variable may stand there.
WINDOW, SHORT_WINDOW = "once_after: 10 minutes", "once_after: 2 seconds"
#: Seconds for a start, a window and an audit on a busy machine.
PATIENCE = 120.0


@dataclass
class Rulebook:
    """A rulebook that runs, on a controller with the guests web1, web2 and db1, the first two in a group ``web``."""

    scratch: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def certificate(self) -> Path:
        """What its posts' connection is checked by."""
        return self.scratch / "certificate.pem"

    @property
    def url(self) -> str:
        """Where guests post to."""
        return f"https://localhost:{self.port}/kernel-updated"

    def post(self, body: object, url: str = "", token: str = TOKEN, **headers: str) -> int:
        """The status that a post is answered with."""
        request = urllib.request.Request(
            url or self.url, json.dumps(body).encode(), {"Authorization": f"Bearer {token}", **headers}
        )
        context = ssl.create_default_context(cafile=self.certificate)
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def runs(self) -> list[set[str]]:
        """The guests that each run audited, in the order of the runs; of those that have come to their report."""
        reports = sorted((self.scratch / "reports").glob("*/summary.json"))
        records = [[json.loads(file.read_text()) for file in (report.parent / "hosts").iterdir()] for report in reports]
        assert all(record["state"] == "ok" for run in records for record in run), records
        return [{record["host"] for record in run} for run in records]

    def said(self) -> str:
        """What it said so far."""
        return self.log.read_text(errors="replace")

    def until(self, true: Callable[[], bool], expected: str) -> None:
        """Wait for what is expected."""
        end = time.monotonic() + PATIENCE
        while not true():
            assert self.process.poll() is None, f"the rulebook ended:\n{self.said()}"
            assert time.monotonic() < end, f"{expected} did not come; runs: {self.runs()}\n{self.said()}"
            time.sleep(0.1)


def controller(scratch: Path) -> None:
    """Guests, variables and a certificate."""
    record(scratch / "recordings", 3)
    (scratch / "inventory.ini").write_text(
        "db1\n[web]\nweb1\nweb2\n[all:vars]\nansible_connection=recorded\nansible_become=false\n"
        f"recorded_folder={scratch}/recordings\n"
    )
    variables = {
        "vmguest_event_address": "127.0.0.1",
        "vmguest_event_token": TOKEN,
        "vmguest_event_certificate": str(scratch / "certificate.pem"),
        "vmguest_event_key": str(scratch / "key.pem"),
        "vmguest_reports": str(scratch / "reports"),
    }
    (scratch / "variables.yml").write_text(json.dumps(variables))
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run([*made, *names], check=True, cwd=scratch, capture_output=True)


def surroundings(scratch: Path) -> dict[str, str]:
    """A run's environment; the ansible-playbook that is found is this Python's."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # It writes to a file: Python would keep back what it says until there is more of it.
    return {**environment(scratch, 2), "PATH": path, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def started(scratch: Path, rulebook: str) -> Iterator[Rulebook]:
    """A rulebook, by its file or its name, from when it listens."""
    assert PROGRAM.exists(), "ansible-rulebook is not installed; do: make setup-rulebook"
    log, port = scratch / "log", free_port()
    words = [str(PROGRAM), "--rulebook", rulebook, "--inventory", "inventory.ini", "--vars", "variables.yml"]
    words += ["--env-vars", "vmguest_event_port"]
    settings = {**surroundings(scratch), "vmguest_event_port": str(port)}
    with log.open("wb") as output:
        process = subprocess.Popen(words, env=settings, cwd=scratch, stdout=output, stderr=output)
    running = Rulebook(scratch, port, log, process)

    def listens() -> bool:
        try:
            return running.post({}, token="") == 401
        except OSError:
            return False

    try:
        running.until(listens, "an answer")
        yield running
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("controller")
    controller(folder)
    return folder


@pytest.fixture
def by_file(scratch: Path) -> Iterator[Rulebook]:
    """The rulebook as it is shipped, but for its window."""
    text = RULEBOOK.read_text()
    assert text.count(WINDOW) == 1
    (scratch / "rulebook.yml").write_text(text.replace(WINDOW, SHORT_WINDOW))
    yield from started(scratch, "rulebook.yml")


@pytest.fixture
def by_name(scratch: Path) -> Iterator[Rulebook]:
    """The rulebook as it is shipped."""
    yield from started(scratch, "vmguest.linux.kernel_updated")


def hook(scratch: Path, rulebook_url: str) -> subprocess.CompletedProcess[str]:
    """The guest's hook, on a guest that the inventory calls db1."""
    settings = scratch / "event.curl"
    settings.write_text(
        f'url = "{rulebook_url}"\ncacert = "{scratch}/certificate.pem"\nheader = "Authorization: Bearer {TOKEN}"\n'
        'data = "{\\"host\\": \\"db1\\"}"\n'
    )
    return subprocess.run(
        ["sh", HOOK, "6.1.0-40-amd64", "/boot/vmlinuz-6.1.0-40-amd64"],
        env={**os.environ, "VMGUEST_EVENT_SETTINGS": str(settings)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_guest_that_posts_is_audited_and_no_other(by_file: Rulebook) -> None:
    made = by_file.scratch / "made_by_an_event"
    template = f"{{{{ lookup('pipe', 'touch {made}') }}}}"
    malformed: list[object] = [
        *({"host": name} for name in ("web*", "web1,web2", "web1:db1", "~web", "!db1", "web[1:2]", "@/etc/passwd", "")),
        *(
            {"host": name}
            for name in ("web2\n", "web2\nx", "-web2", "web2 ", "$(id)", template, ["web2"], None, {"a": 1})
        ),
        *({}, [], "web2", 5),
    ]
    for body in malformed:
        by_file.post(body)
    assert by_file.post({"host": "web2"}, url=by_file.url.replace("kernel-updated", "something-else")) == 200
    refused = len(malformed) + 1
    by_file.until(lambda: by_file.said().count("A post was refused") >= refused, "the last refusal")

    # Well-formed, but no guest: groups, a name that nobody has, and the controller that Ansible knows by itself.
    for name in ("all", "web", "ungrouped", "nobody", "localhost", "127.0.0.1"):
        assert by_file.post({"host": name}) == 200
    # Twice within the window is once; and what else is in a post is never looked at.
    for _time in range(2):
        assert by_file.post({"host": "web1", "more": template}, **{"User-Agent": template}) == 200
    by_file.until(lambda: {"web1"} <= set().union(*by_file.runs()), "web1's record")

    done = hook(by_file.scratch, by_file.url)
    assert (done.returncode, done.stderr) == (0, "")
    by_file.until(lambda: len(by_file.runs()) >= 2, "db1's record")
    assert by_file.runs() == [{"web1"}, {"db1"}]
    assert by_file.said().count("A post was refused") == refused
    assert not made.exists(), "a template of an event was evaluated"


def test_is_found_by_its_name_and_refuses_who_has_no_token(by_name: Rulebook) -> None:
    assert by_name.post({"host": "web1"}, token="another") == 401
    by_name.until(lambda: "kernel_updated.yml" in by_name.said(), "its name in what it says")


def test_a_controller_that_does_not_answer_does_not_fail_the_update(scratch: Path) -> None:
    done = hook(scratch, "https://localhost:1/kernel-updated")
    assert done.returncode == 0
    assert "the controller was not told" in done.stderr


@pytest.mark.parametrize(
    ("names", "audited"),
    [
        (["web1", "all", "web", "ungrouped", "localhost", "127.0.0.1", "nobody"], {"web1"}),
        (["all"], set()),
        (None, set()),
    ],
)
def test_only_guests_by_their_own_names_are_audited(scratch: Path, names: list[str] | None, audited: set[str]) -> None:
    words = ["ansible-playbook", "--inventory", "inventory.ini", "--list-hosts", "vmguest.linux.audit_on_event"]
    given = [] if names is None else ["--extra-vars", json.dumps({"vmguest_event_hosts": names})]
    done = subprocess.run(
        [*words, *given], env=surroundings(scratch), cwd=scratch, capture_output=True, text=True, check=True
    )
    _head, _colon, hosts = done.stdout.partition("hosts (")
    assert set(hosts.split("):")[1].split()) == audited
