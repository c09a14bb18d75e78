# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running AWX, set up by docs/awx/configure.yml, with a fleet of guests that are recorded probes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.vmguest.linux.tests.awx.api import Api, Reply
from ansible_collections.vmguest.linux.tests.awx.node import Node
from ansible_collections.vmguest.linux.tests.bench.fleet.controller import environment
from ansible_collections.vmguest.linux.tests.bench.fleet.recordings import record
from ansible_collections.vmguest.linux.tests.schedule.test_awx import built_collection

TOP = Path(__file__).resolve().parents[2]
BASE = "localhost/vmguest-test/controller:current"
IMAGE, CONTROL = "localhost/vmguest-test/execution-environment:current", "localhost/vmguest-test/control-plane:current"
GUESTS = [f"guest{number:02}" for number in range(1, 9)]
SLICES = 4
#: What the nodes share, and where jobs find it: in AWX "Paths to expose to isolated jobs".
REPORTS, RECORDINGS, PROJECT = "/srv/vmguest-reports", "/srv/recordings", "/srv/vmguest-project"


@dataclass
class Fleet:
    """AWX, the folder that its jobs report into, and what each run of configure.yml said."""

    api: Api
    scratch: Path
    reports: Path
    collections: Path
    said: list[str] = field(default_factory=list)

    def configure(self) -> str:
        """Run docs/awx/configure.yml as a user does; what it said."""
        words = []
        for name, value in {"project_url": f"file://{PROJECT}", "image": IMAGE, "slices": SLICES, "forks": 4}.items():
            words += ["-e", f"{name}={value}"]
        said = self.play(
            "docs/awx/configure.yml",
            *words,
            ANSIBLE_COLLECTIONS_PATH=str(self.collections),
            CONTROLLER_HOST=self.api.url,
            CONTROLLER_OAUTH_TOKEN=self.api.post("tokens/", scope="write")["token"],
        )
        self.said.append(said)
        return said

    def play(self, *words: str, **more: str) -> str:
        """Run a playbook here, with ``more`` in its environment; what it said."""
        done = subprocess.run(
            [sys.executable, "-c", "from ansible.cli.playbook import main; main()", *words],
            cwd=TOP,
            env={**environment(self.scratch, 2), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def template(self, name: str) -> Reply:
        """A job template, by its name."""
        return self.api.one("job_templates/", name=name)


def execution_environment(scratch: Path) -> None:
    """The image that jobs run in, the collection as built on Debian's Ansible; and the one for AWX's own work."""
    context = scratch / "context"
    (context / "linux").mkdir(parents=True)
    shutil.unpack_archive(built_collection(scratch), context / "linux", filter="data")
    shutil.copytree(TOP / "tests/bench/fleet", context / "fleet")
    shutil.copy(Path(__file__).with_name("Containerfile"), context)
    for image, target in ((IMAGE, "job"), (CONTROL, "control")):
        words = ["--build-arg", f"BASE={BASE}", "--target", target, "--tag", image, str(context)]
        subprocess.run(["podman", "build", "--quiet", *words], check=True, stdout=subprocess.DEVNULL)


def project(folder: Path) -> None:
    """The project as a git repository."""
    folder.mkdir(mode=0o755)
    for name in ("audit.yml", "remediate.yml", "report.yml"):
        shutil.copy(TOP / "docs/awx" / name, folder)
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "The project"]):
        git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-C", str(folder)]
        subprocess.run([*git, *words], check=True)


@contextmanager
def configured(source: Path, python: Path) -> Iterator[Fleet]:
    """AWX with an inventory of guests that answer with recordings, and what configure.yml makes of it, run twice."""
    with tempfile.TemporaryDirectory(prefix="awx.") as folder:  # not below .build: a socket's path is short
        scratch = Path(folder)
        scratch.chmod(0o711)  # PostgreSQL's own user passes through
        try:
            execution_environment(scratch)
            project(scratch / "project")
            record(scratch / "recordings", 10)
            reports = scratch / "reports"
            reports.mkdir()
            collections = scratch / "collections"
            (collections / "ansible_collections/awx").mkdir(parents=True)
            (collections / "ansible_collections/awx/awx").symlink_to(source / "awx_collection")
            with Node(scratch / "node", source, python, CONTROL) as node:
                fleet = Fleet(node.api, scratch, reports, collections)
                what_a_user_has(fleet)
                fleet.configure()
                fleet.configure()
                yield fleet
        finally:
            remove = ["podman", "rmi", "--force", IMAGE, CONTROL]
            subprocess.run(remove, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def what_a_user_has(fleet: Fleet) -> None:
    """Inventory, machine credential and exposed paths: configure.yml takes them as there already."""
    api, scratch = fleet.api, fleet.scratch
    shown = [
        f"{fleet.reports}:{REPORTS}:rw",
        f"{scratch}/recordings:{RECORDINGS}:ro",
        f"{scratch}/project:{PROJECT}:ro",
    ]
    api.patch("settings/jobs/", AWX_ISOLATION_SHOW_PATHS=shown)
    organization = api.one("organizations/", name="Default")["id"]
    make_inventory(api, "VMware guests", GUESTS)
    machine = api.one("credential_types/", namespace="ssh")["id"]
    api.post(
        "credentials/",
        name="VMware guests",
        organization=organization,
        credential_type=machine,
        inputs={"username": "root"},
    )


def make_inventory(api: Api, name: str, guests: list[str], more: str = "") -> Reply:
    """An inventory of guests that answer with recordings."""
    variables = f"ansible_connection: recorded\nansible_become: false\nrecorded_folder: {RECORDINGS}\n{more}"
    organization = api.one("organizations/", name="Default")["id"]
    inventory = api.post("inventories/", name=name, organization=organization, variables=variables)
    for guest in guests:
        api.post(f"inventories/{inventory['id']}/hosts/", name=guest)
    return inventory
