"""Give ansible-test the pip bootstrap script that it would fetch from a host of its own.

usage: prime_ansible_test.py        (with the Python of the environment that holds ansible-test)

ansible-test makes virtual environments without pip and installs a pinned pip into them by a script, which it looks for
in its cache before it downloads it (`bootstrap` in ansible_test/_util/target/setup/requirements.py). That host is not
reachable from every build machine; PyPI is. The script written here runs pip out of pip's own wheel to install that
same wheel.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

CACHE = Path.home() / ".ansible" / "test" / "cache"

BOOTSTRAP = '''\
"""Install pip from the wheel beside this file (written by prime_ansible_test.py)."""
import os
import sys

wheel = os.path.join(os.path.dirname(os.path.abspath(__file__)), {wheel!r})
sys.path.insert(0, wheel)
from pip._internal.cli.main import main

# get-pip.py's own switches are not pip's.
arguments = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel", "pip=={version}")]
sys.exit(main(["install", "--force-reinstall"] + arguments + [wheel]))
'''


def prime(version: str) -> None:
    """Put the wheel of pip `version` and its bootstrap script into the cache, unless a script is there already."""
    script = CACHE / f"get_pip_{version.replace('.', '_')}.py"
    if script.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--dest", str(CACHE), f"pip=={version}"], check=True)
    script.write_text(BOOTSTRAP.format(wheel=f"pip-{version}-py3-none-any.whl", version=version))


def main() -> int:
    """Prime what ansible-test asks for with this Python; return the exit code."""
    running = SimpleNamespace(version=f"{sys.version_info.major}.{sys.version_info.minor}")
    prime(get_venv_packages(running)["pip"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
