# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs by hand and for Molecule: ``python -m ansible_collections.vmguest.linux.tests.vm.run COMMAND``."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from ansible_collections.vmguest.linux.tests.vm import page, results
from ansible_collections.vmguest.linux.tests.vm.demo import demo
from ansible_collections.vmguest.linux.tests.vm.machine import CONTROLLERS, Hardware
from ansible_collections.vmguest.linux.tests.vm.progress import waiting
from ansible_collections.vmguest.linux.tests.vm.vm import TOP, VM, VmError, image

IMAGES = ("debian", "dracut", "grub-legacy")


def shell(name: str, controller: str) -> int:
    """A session on a VM that ends with it. The exit status is the session's."""
    disk = image(name)
    with VM(f"shell-{name}", disk, Hardware(controller)) as vm:
        print(f"vm-shell: a {name} guest on a {controller} disk; all you do there is thrown away at the end.")
        print(f"  serial console  {vm.places.console.relative_to(TOP)}")
        with waiting("booting (half a minute to a minute, emulated)"):
            vm.boot()
        print(f"  from elsewhere  ssh -F {vm.ssh_config} {vm.name}\n", flush=True)
        status = subprocess.call(["ssh", "-t", "-F", str(vm.ssh_config), vm.name])
        with waiting("powering off"):
            vm.kill()
    return status


def _vm(folder: Path, name: str, controller: str) -> VM:
    """A VM that outlives this program."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    return VM(name, image(name.removeprefix("vmguest-")), Hardware(controller), folder=folder, outlives=True)


def create(folder: Path, name: str, controller: str) -> int:
    """Make a VM in ``folder``, and wait for its login."""
    _vm(folder, name, controller).boot()
    return 0


def move(folder: Path, name: str, controller: str) -> int:
    """Shut a VM down, and boot the same disk on another controller."""
    _vm(folder, name, controller).restart(controller=controller)
    return 0


def destroy(folder: Path, name: str) -> int:
    """End a VM and remove its folder; nothing where there is none."""
    if folder.exists():
        _vm(folder, name, "lsi").destroy()
    return 0


def scenarios() -> dict[str, list[str]]:
    """The titles of all scenarios, by claim."""
    found: dict[str, list[str]] = {}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for claim, title in re.findall(r'mark\.claim\(\s*"(\w+)",\s*"([^"]+)"', file.read_text(encoding="utf-8")):
            found.setdefault(claim, []).append(title)
    return found


def write_page(keep: bool) -> int:
    """docs/proof.md, of what the scenarios found; ``keep``: and of what it says already of those that were not run here."""
    place = TOP / "docs/proof.md"
    cases = results.load()
    if keep:
        cases = page.newest(page.cases_of(place.read_text(encoding="utf-8")), cases, scenarios())
    problems = page.problems(cases)
    if problems:
        print("proof: docs/proof.md was not written:", *problems, sep="\n  ", file=sys.stderr)
        return 1
    place.write_text(page.page(cases), encoding="utf-8")
    print("proof: docs/proof.md")
    return 0


def main() -> int:
    """:returns: the exit status."""
    parser = argparse.ArgumentParser(prog="vm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("shell", "create", "move", "destroy"):
        command = commands.add_parser(name)
        if name != "shell":
            command.add_argument("folder", type=Path)
        command.add_argument("name", help="an image, after vmguest- where it is not for a shell")
        if name != "destroy":
            command.add_argument("controller", choices=list(CONTROLLERS), nargs="?", default="lsi")
    commands.add_parser("page").add_argument(
        "--keep", action="store_true", help="what was not run here stays on the page"
    )
    commands.add_parser("demo")
    arguments = vars(parser.parse_args())
    # So that what is started here is ended here.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    run: dict[str, Callable[..., int]] = {
        "shell": shell,
        "create": create,
        "move": move,
        "destroy": destroy,
        "page": write_page,
        "demo": demo,
    }
    try:
        return run[arguments.pop("command")](**arguments)
    except VmError as error:
        print(f"vm: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
