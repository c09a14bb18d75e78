# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installing packages as a step that can be undone.

The undo removes the packages that were absent before, and the libraries that came with them and that nothing else
needs: each package manager knows which those are. It refuses where something that was installed since needs them, and
does nothing where the installation never began. Packages that the installation had to upgrade are not downgraded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, sh

#: What all distributions take for a package's name; nothing of it is an option or means something to a shell.
PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")

#: Two minutes for somebody else's transaction to end.
_LOCK_SECONDS = 120

_APT = (
    # needrestart would restart other services; apt-listchanges would wait for a reader.
    "DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 apt-get -q -y "
    f"-o DPkg::Lock::Timeout={_LOCK_SECONDS} -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
)

#: An image without package lists (many templates) needs them once. Lists that are there are not renewed.
_APT_INSTALL = f"""\
ls "$ROOT"/var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || {_APT} update || :
{_APT} --no-install-recommends install @names@"""

_APT_REMOVE = f"""\
orphans() {{ apt-get -s autoremove | sed -n 's/^Remv \\([^ ]*\\).*/\\1/p'; }}
present='' needed='' verb=@verb@
for name in @names@; do
  case $(dpkg-query -W -f='${{Status}}' "$name" 2>/dev/null) in
    '' | *not-installed@left@) ;;
    *' ok installed' | *config-files) present="$present $name" ;;
    *) dpkg --configure -a || :; present="$present $name" ;;
  esac
done
if [ -n "$present" ]; then
  for other in $(apt-get -s remove $present | sed -n 's/^Remv \\([^ :]*\\).*/\\1/p'); do
    case " $present " in
      *" $other "*) ;;
      *) needed=1; echo "$other was installed since and needs$present: remove it first" >&2 ;;
    esac
  done
  # Configuration that somebody edited since is not ours to remove.
  [ -z "$(dpkg --verify $present 2>/dev/null)" ] || verb=remove
  kept=$(orphans)
  [ -z "$needed" ] && {_APT} "$verb" $present || exit 1
  came=$(orphans | grep -vxF "$kept")
  [ -z "$came" ] || {_APT} "$verb" $came
fi"""

_DPKG_PROOF = """\
for name in @names@; do
  case $(dpkg-query -W -f='${Status}' "$name") in *' ok installed') ;; *) exit 1 ;; esac
done"""

#: rpm says who needs a package, the manager takes it away with what came with it.
_RPM_REMOVE = """\
present=''
for name in @names@; do
  if rpm -q "$name" >/dev/null 2>&1; then present="$present $name"; fi
done
if [ -n "$present" ]; then
  rpm -e --test $present && @remove@ $present
fi"""

_RPM_PROOF = "rpm -q @names@"


def _wait(*locks: str) -> str:
    """yum and dnf wait for ever for one another, or not at all: wait here, for a while, and then not at all."""
    names = " ".join(f'"$ROOT"{lock}' for lock in locks)
    return (
        f'tries=0\nwhile ls {names} >/dev/null 2>&1 && [ "$tries" -lt {_LOCK_SECONDS // 5} ]; do\n'
        "  sleep 5; tries=$((tries + 1))\ndone\n"
    )


@dataclass(frozen=True)
class PackageManager:
    """How a family installs and removes without a question; ``@names@`` stands for the packages."""

    command: str
    database: str
    install: str
    remove: str


_DNF = "dnf -y --setopt=exit_on_lock=1"
_YUM = "yum -y --setopt=exit_on_lock=1"
_ZYPPER = f"ZYPP_LOCK_TIMEOUT={_LOCK_SECONDS} zypper --non-interactive"
_DNF_WAIT = _wait("/var/cache/dnf/*_lock.pid", "/var/lib/dnf/*_lock.pid")
_YUM_WAIT = _wait("/var/run/yum.pid")

APT = PackageManager("apt-get", "dpkg", _APT_INSTALL, _APT_REMOVE)
DNF = PackageManager(
    "dnf",
    "rpm",
    f"{_DNF_WAIT}{_DNF} --setopt=install_weak_deps=0 install @names@",
    _DNF_WAIT + _RPM_REMOVE.replace("@remove@", f"{_DNF} --setopt=clean_requirements_on_remove=1 remove"),
)
YUM = PackageManager(
    "yum",
    "rpm",
    f"{_YUM_WAIT}{_YUM} install @names@",
    # From its cache: no repository has to answer for a package to go.
    _YUM_WAIT + _RPM_REMOVE.replace("@remove@", f"{_YUM} -C --setopt=clean_requirements_on_remove=1 remove"),
)
ZYPPER = PackageManager(
    "zypper",
    "rpm",
    f"{_ZYPPER} install --no-recommends @names@",
    _RPM_REMOVE.replace("@remove@", f"{_ZYPPER} --no-refresh remove --clean-deps"),
)
TDNF = PackageManager("tdnf", "rpm", "tdnf -y install @names@", _RPM_REMOVE.replace("@remove@", "tdnf -y remove"))


def manager_of(family: str, major: int) -> PackageManager | None:
    """The package manager of a distribution family (as in evidence.platform), None where it is not known.

    dnf came with RHEL 8, and with Amazon Linux 2023 after 2.
    """
    if family in ("redhat", "amazon"):
        return DNF if major >= 8 else YUM
    return {"debian": APT, "suse": ZYPPER, "photon": TDNF}.get(family)


def install_step(manager: PackageManager, names: tuple[str, ...], keep_configuration: bool = False) -> Run:
    """Install packages that are all absent now.

    ``keep_configuration``: some of their configuration is there already, so the undo leaves what dpkg leaves.
    """
    words = sh(*names)
    undo = manager.remove.replace("@verb@", "remove" if keep_configuration else "purge")
    undo = undo.replace("@left@", " | *config-files" if keep_configuration else "")
    proof = _DPKG_PROOF if manager.database == "dpkg" else _RPM_PROOF
    return Run(
        what=f"install {' and '.join(names)} with {manager.command}",
        do=manager.install.replace("@names@", words),
        undo=undo.replace("@names@", words),
        proof=proof.replace("@names@", words),
    )
