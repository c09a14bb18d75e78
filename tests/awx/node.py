# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One AWX node, run from AWX's source in a folder of its own: database, redis, API, dispatcher, callback receiver.

AWX itself is not touched: settings are its own settings file's, and only where it looks for receptor's configuration,
which its code has as a constant, is set from outside (:data:`APP`). Receptor is the stand-in of ``receptor.py``.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.vmguest.linux.tests.awx.api import Api

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
#: A Django application that AWX loads besides its own, for the one thing that no setting of AWX says.
APP = """\
from django.apps import AppConfig


class NodeConfig(AppConfig):
    name = "vmguest_test_node"

    def ready(self):
        from awx.main.tasks import receptor

        setattr(receptor, "__RECEPTOR_CONF", {conf!r})
"""
SETTINGS = """\
import awx

awx.MODE = "production"  # as in a release, which lacks awx/devonly.py
SECRET_KEY = {secret!r}
ALLOWED_HOSTS = ["127.0.0.1"]
CLUSTER_HOST_ID = {node!r}
SYSTEM_UUID = INSTALL_UUID = "00000000-0000-0000-0000-000000000000"
DATABASES = {{
    "default": {{
        "ATOMIC_REQUESTS": True,
        "ENGINE": "awx.main.db.profiled_pg",
        "NAME": "awx",
        "USER": "postgres",
        "HOST": {database!r},
        "PORT": "5432",
    }}
}}
BROKER_URL = {redis!r}
CACHES = {{"default": {{"BACKEND": "awx.main.cache.AWXRedisCache", "LOCATION": {redis!r} + "?db=1"}}}}
CHANNEL_LAYERS["default"]["CONFIG"]["hosts"] = [BROKER_URL]
INSTALLED_APPS += ["vmguest_test_node.NodeConfig"]
PROJECTS_ROOT = {folder!r} + "/projects"
JOBOUTPUT_ROOT = {folder!r} + "/job_status"
STATIC_ROOT = {folder!r} + "/static"
LOG_ROOT = {folder!r} + "/log"
AWX_ISOLATION_BASE_PATH = {folder!r} + "/jobs"
DEFAULT_CONTAINER_RUN_OPTIONS = ["--network", "none"]
GLOBAL_JOB_EXECUTION_ENVIRONMENTS = [{{"name": "local", "image": {image!r}}}]
CONTROL_PLANE_EXECUTION_ENVIRONMENT = {image!r}
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = False
for handler in LOGGING["handlers"].values():
    if handler.get("class") == "logging.handlers.WatchedFileHandler":
        handler["class"] = "logging.StreamHandler"
        handler.pop("filename")
"""


class NodeError(Exception):
    """AWX cannot be run here; the message is for a person."""


class Node:
    """A running AWX. ``source`` has AWX's ``awx`` and ``awx_collection``; ``python`` has what AWX requires."""

    name = "awx-node"

    def __init__(self, folder: Path, source: Path, python: Path, image: str) -> None:
        self.folder, self.source, self.python, self.image = folder, source, python, image
        self.processes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.api = Api(url, secrets.token_urlsafe())

    def __enter__(self) -> Node:
        try:
            self._look()
            self._start()
        except NodeError as error:
            self.__exit__()
            raise NodeError(f"{error}\n{self._said()}") from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        """End what was started, last first."""
        for process in reversed(self.processes):
            # PostgreSQL waits for its clients at SIGTERM, and does not at SIGINT.
            process.send_signal(signal.SIGINT if process is self.processes[0] else signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def _look(self) -> None:
        """Whether everything is there that is not made here."""
        files = [self.source / "manage.py", self.source / "awx_collection", self.python]
        files += [self.python.parent / name for name in ("ansible-runner", "uwsgi")]
        missing = [str(file) for file in files if not file.exists()]
        missing += [name for name in ("podman", "redis-server", "createdb") if not shutil.which(name)]
        if missing:
            raise NodeError(f"AWX cannot be run without {', '.join(missing)}; docs/schedule.md says what it needs")
        if os.geteuid():
            raise NodeError(
                "AWX is run as root here: podman starts its jobs' containers, and another user the database"
            )

    def _said(self) -> str:
        """The ends of what AWX's programs said; the folder that has the whole is removed."""
        ends = [(file.name, file.read_text(errors="replace")[-1500:]) for file in sorted(self.folder.glob("log/*"))]
        return "\n".join(f"---- {name}\n{end}" for name, end in ends)

    # ---- what it consists of -----------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.folder.mkdir(mode=0o711)  # PostgreSQL's own user passes through
        for part in ("projects", "job_status", "static", "log", "jobs", "receptor", "units", "app/vmguest_test_node"):
            (self.folder / part).mkdir(parents=True, mode=0o700)
        self._database()
        redis = self.folder / "redis.sock"
        self._run("redis-server", "--port", "0", "--unixsocket", str(redis), "--save", "", "--dir", str(self.folder))
        conf = self.folder / "receptor/receptor.conf"
        control = self.folder / "receptor/control.sock"
        conf.write_text(json.dumps([{"control-service": {"service": "control", "filename": str(control)}}]))
        (self.folder / "app/vmguest_test_node/__init__.py").write_text(APP.format(conf=str(conf)))
        (self.folder / "settings.py").write_text(
            SETTINGS.format(
                secret=secrets.token_urlsafe(),
                node=self.name,
                database=str(self.folder / "database/socket"),
                redis=f"unix://{redis}",
                folder=str(self.folder),
                image=self.image,
            )
        )
        (self.folder / "settings.py").chmod(0o600)
        self.manage("migrate", "--noinput")
        self.manage("createsuperuser", "--noinput", "--username=admin", "--email=admin@localhost")
        self.manage("create_preload_data")
        self.manage("register_default_execution_environments")
        self.manage("provision_instance", f"--hostname={self.name}", "--node_type=hybrid")
        self.manage("register_queue", "--queuename=controlplane", "--instance_percent=100")
        self.manage("register_queue", "--queuename=default", "--instance_percent=100")
        runner = str(self.python.parent / "ansible-runner")
        self._run(
            sys.executable,
            str(HERE / "receptor.py"),
            str(control),
            str(self.folder / "units"),
            self.name,
            runner,
            "worker",
        )
        wait_for("receptor's stand-in", control.exists, 20)
        for command in ("run_dispatcher", "run_callback_receiver", "run_cache_clear"):
            self._run(str(self.python), str(self.source / "manage.py"), command)
        self._run(
            str(self.python.parent / "uwsgi"),
            f"--http-socket={self.api.url.removeprefix('http://')}",
            "--master",
            "--die-on-term",
            "--lazy-apps",
            "--processes=2",
            "--buffer-size=32768",
            "--module=awx.wsgi:application",
        )
        wait_for("AWX's API", self._answers, 120)
        wait_for("AWX's dispatcher", lambda: self.api.get("instances/")["results"][0]["capacity"] > 0, 120)

    def _answers(self) -> bool:
        try:
            return bool(self.api.get("ping/"))
        except OSError:
            return False

    def _database(self) -> None:
        folder = self.folder / "database"
        folder.mkdir(mode=0o700)
        (folder / "socket").mkdir(mode=0o700)
        owner = pwd.getpwnam("postgres")
        for part in (folder, folder / "socket"):
            os.chown(part, owner.pw_uid, owner.pw_gid)
        programs = str(max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/bin")))
        data, control = str(folder / "data"), str(folder / "socket")
        initdb = [f"{programs}/initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", data]
        subprocess.run(
            initdb,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            user=owner.pw_uid,
            group=owner.pw_gid,
            extra_groups=[],
        )
        words = [f"{programs}/postgres", "-D", data, "-k", control, "-c", "listen_addresses=", "-c", "fsync=off"]
        with (self.folder / "log/postgres").open("wb") as said:
            self.processes.append(
                subprocess.Popen(
                    [*words, "-c", "max_connections=200"],
                    stdout=said,
                    stderr=said,
                    cwd=folder,
                    user=owner.pw_uid,
                    group=owner.pw_gid,
                    extra_groups=[],
                )
            )
        create = ["createdb", "--host", control, "--username", "postgres", "awx"]
        with (self.folder / "log/createdb").open("wb") as said:
            wait_for("the database", lambda: subprocess.run(create, stderr=said, check=False).returncode == 0, 60)

    def environment(self) -> dict[str, str]:
        """What AWX's programs inherit."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON", "AWX"))},
            "AWX_SETTINGS_FILE": str(self.folder / "settings.py"),
            "CONTAINERS_CONF": str(TOP / "tests/containers/containers.conf"),
            "AWX_SETTINGS_DIR": str(self.folder / "none"),
            "DJANGO_SETTINGS_MODULE": "awx.settings.production",
            "DJANGO_SUPERUSER_PASSWORD": self.api.password,
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{self.source}:{self.folder / 'app'}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def manage(self, *words: str) -> None:
        """One of AWX's own commands."""
        done = subprocess.run(
            [self.python, self.source / "manage.py", *words],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=1200,
        )
        if done.returncode:
            raise NodeError(f"awx-manage {words[0]} failed:\n{done.stdout.decode(errors='replace')[-3000:]}")

    def _run(self, *words: str) -> None:
        with (self.folder / f"log/{Path(words[0]).name}-{len(self.processes)}").open("wb") as said:
            process = subprocess.Popen(words, cwd=self.folder, env=self.environment(), stdout=said, stderr=said)
        self.processes.append(process)


def wait_for(what: str, there: Callable[[], object], seconds: float) -> None:
    """Until something is there.

    :raises NodeError: where it did not come in time.
    """
    end = time.monotonic() + seconds
    while not there():
        if time.monotonic() > end:
            raise NodeError(f"waited {seconds} seconds for {what}, in vain")
        time.sleep(0.5)
