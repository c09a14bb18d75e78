# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installing packages as a step that can be undone.

A package manager's own notion of "no longer needed" may take packages that were there long before, so it is not asked.
Before it acts, the step notes what is installed and what the manager says it is going to install. Where that lacks what was asked
for (a mirror that did not answer for a moment), nothing is installed. The undo removes what was announced, was absent and is
there now: no more, however far the installation came, whatever others installed meanwhile or since. It is done by rpm or dpkg
themselves and needs no repository. A revert is refused where something else needs one of the packages by now, saying who, and
where somebody changed a file of theirs that is no configuration.

Compared by name: a package that the installation upgraded stays upgraded. A repository's key that it imported stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.platform import OSTREE, TRANSACTIONAL
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import ON_DISK

#: What all distributions take for a package's name; nothing of it is an option or means something to a shell.
PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z")

#: Others are waited for before the transaction begins (Run.alone_from, which also says who they are); so long for one who
#: begins at the same moment. By themselves managers wait for one another for ever, or not at all.
_LOCK_SECONDS = 60

#: A damaged rpm database answers with errors, no packages and exit status 0.
_RPM_FUNCTIONS = """\
installed() {
  { complaints=$(rpm -qa --qf '%{NAME}\\n' 2>&1 >&3) || complaints="error: $complaints"; } 3>&1
  case $complaints in *error:*) echo "$complaints" >&2; return 1 ;; esac
}
brought() {
  now=$(installed) && [ -n "$now" ] || { echo 'what is installed is not known' >&2; return 1; }
  echo "$now" | sort -u | grep -vxF -f "$NOTES/before" | grep -xF -f "$NOTES/announced" || :
}
there() {
  rpm -q "$1" >/dev/null
}
can_go() {
  rpm -e --test "$@" && unedited rpm -V --nodeps --noscripts "$@"
}
"""

#: Of several architectures the guest's own goes without its name, as in what apt announces. `brought` says what is to be removed
#: and what to be purged.
_DPKG_FUNCTIONS = """\
installed() {
  dpkg-query -W -f='${binary:Package} ${Status}\\n'
}
brought() {
  now=$(installed) && [ -n "$now" ] || { echo 'what is installed is not known' >&2; return 1; }
  echo "$now" | awk -v own=":$(dpkg --print-architecture)" '
    { name = $1; if (substr(name, length(name) - length(own) + 1) == own) name = substr(name, 1, length(name) - length(own)) }
    FILENAME == ARGV[1] { announced[name]; next }
    $4 == "not-installed" { next }
    FILENAME == ARGV[2] { before[name] = $4; next }
    !(name in announced) { next }
    $4 != "config-files" && (!(name in before) || before[name] == "config-files") { print "remove", $1 }
    !(name in before) { print "purge", $1 }
  ' "$NOTES/announced" "$NOTES/before" -
}
there() {
  case $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) in *' ok installed') ;; *) return 1 ;; esac
}
needed() {
  complaints=$(dpkg --no-act --force-remove-reinstreq --remove "$@" 2>&1) && return 1
  # Who needs what, last.
  echo "$complaints" | grep -v ' depends on '
  echo "$complaints" | grep ' depends on ' || :
}
can_go() {
  ! needed "$@" && unedited dpkg --verify "$@"
}
"""

#: What verifies a package shows each file with a mark for all that differs: the third is of the content. Configuration (c) is kept,
#: or put aside, when its package goes. Before 1.17 dpkg cannot.
_UNEDITED = """\
unedited() {
  edited=$("$@" 2>/dev/null | sed -n -e '/^[^ ]*  *c /d' -e 's,^..5[^ ]* [^/]*,,p')
  [ -z "$edited" ] || { echo "changed since, and would be lost with the package:" $edited; return 1; }
}
"""

#: Whether all that was brought may go again. Without `before` nothing was.
_ASK = """\
[ -e "$NOTES/before" ] || exit 0
names=$(brought) || exit 1
names=$(echo "$names" | sed -e '/^purge /d' -e 's/^remove //')
[ -z "$names" ] || can_go $names"""

#: Both lists are written beside and renamed, so that a cut one is never believed. Without `before` nothing was done. The exit
#: status of a manager that asks and is told no is that of one that failed: only what it says tells whether it would have installed.
_DO = """\
said=$(@announce@)
printf '%s\\n' "$said" | sed -n @names_of@ | tr -s ' ' '\\n' >"$NOTES/announced.new"
for name in @names@; do
  grep -qxF -e "$name" "$NOTES/announced.new" || there "$name" || {
    printf '%s\\n' "$said"
    echo "nothing was installed: asked beforehand, @manager@ does not say that it would install $name, so what would come with" \\
      "it is not known; mend what it says above, or try again later"
    exit 1
  }
done
installed >"$NOTES/before.new" && [ -s "$NOTES/before.new" ] || { echo 'what is installed is not known' >&2; exit 1; }
on_disk "$NOTES/announced.new" "$NOTES/before.new"
mv "$NOTES/announced.new" "$NOTES/announced" && mv "$NOTES/before.new" "$NOTES/before" || exit 1
sync
@install@"""

_RPM_UNDO = """\
names=$(brought) || exit 1
[ -z "$names" ] || rpm -e $names"""

#: First dpkg finishes what was cut. It checks all removals before the first of them; purging then needs no such check.
#: Configuration stays that was left from before, or that somebody edited since.
_DPKG_UNDO = """\
edited() {
  dpkg-query -W -f='${Conffiles}\\n' "$1" | {
    while read -r path sum rest; do
      [ -f "$ROOT$path" ] || continue
      [ "$(md5sum <"$ROOT$path")" = "$sum  -" ] || exit 0
    done
    exit 1
  }
}
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
dpkg --configure -a || :
names=$(brought) || exit 1
remove=$(echo "$names" | sed -n 's/^remove //p')
purge=''
for package in $(echo "$names" | sed -n 's/^purge //p'); do
  case ' @kept@ ' in *" $package "*) continue ;; esac
  edited "$package" || purge="$purge $package"
done
if [ -n "$remove" ]; then
  ! needed $remove || exit 1
  dpkg --force-remove-reinstreq --remove $remove || exit 1
fi
[ -z "$purge" ] || dpkg --purge $purge"""

_DPKG_PROOF = """\
for name in @names@; do
  case $(dpkg-query -W -f='${Status}' "$name") in *' ok installed') ;; *) exit 1 ;; esac
done"""

_RPM_PROOF = "rpm -q @names@"


@dataclass(frozen=True)
class Database:
    """How the packages below a manager are removed and proved to be there, and ``functions`` for that: ``installed`` lists them,
    ``brought`` those that the step brought, ``there NAME`` succeeds where it is installed, ``can_go NAME...`` says why they may not
    be removed, or succeeds."""

    functions: str
    undo: str
    proof: str

    @property
    def ask(self) -> str:
        """Whether all that the step brought may be removed, with the functions that it needs."""
        return self.functions + _UNEDITED + _ASK


@dataclass(frozen=True)
class PackageManager:
    """How a family installs without a question, and how it says beforehand what that would bring.

    ``@names@`` stands for the packages. ``names_of``, a program of sed -n, leaves of what ``announce`` prints the part where the
    packages are named; more words than names do no harm, unless they name one that would not be installed.
    """

    command: str
    database: Database
    announce: str
    names_of: str
    install: str


_DPKG = Database(_DPKG_FUNCTIONS, _DPKG_UNDO, _DPKG_PROOF)
_RPM = Database(_RPM_FUNCTIONS, _RPM_UNDO, _RPM_PROOF)

#: apt-get with what it needs to ask nothing, words of a shell.
APT_GET = (
    # needrestart would restart other services; apt-listchanges would wait for a reader.
    "DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 apt-get -q -y "
    f"-o DPkg::Lock::Timeout={_LOCK_SECONDS} -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
)
_DNF = "dnf --setopt=exit_on_lock=1 --setopt=install_weak_deps=0"
_YUM = "yum --setopt=exit_on_lock=1"
#: Whatever the guest's configuration says, the table is printed, and its names are not coloured.
_ASSUME_NO = "--setopt=debuglevel=2 --setopt=color=never --assumeno"
_ZYPPER = f"ZYPP_LOCK_TIMEOUT={_LOCK_SECONDS} zypper --non-interactive install --no-recommends"

_APT_NAMES = "s/^Inst \\([^ ]*\\).*/\\1/p"
#: What stands below "Installing:", "Installing dependencies:" and so on, up to the next such line. Elsewhere it names packages that
#: it does not find, or skips.
_TABLE_NAMES = "/^[A-Z].*:$/h; G; s/\\nInstalling.*//p"
#: It also names what it recommends and will not install.
_ZYPPER_NAMES = "/ NEW package/,/^$/p"

APT = PackageManager(
    "apt-get",
    _DPKG,
    # An image without package lists (many templates) needs them once. Lists that are there are not renewed.
    f'ls "$ROOT"/var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || {APT_GET} update >&2\n'
    "apt-get -s --no-install-recommends install @names@",
    _APT_NAMES,
    f"{APT_GET} --no-install-recommends install @names@",
)
DNF = PackageManager("dnf", _RPM, f"{_DNF} {_ASSUME_NO} install @names@", _TABLE_NAMES, f"{_DNF} -y install @names@")
YUM = PackageManager("yum", _RPM, f"{_YUM} {_ASSUME_NO} install @names@", _TABLE_NAMES, f"{_YUM} -y install @names@")
ZYPPER = PackageManager("zypper", _RPM, f"{_ZYPPER} --dry-run @names@", _ZYPPER_NAMES, f"{_ZYPPER} @names@")
TDNF = PackageManager("tdnf", _RPM, "tdnf --assumeno install @names@", _TABLE_NAMES, "tdnf -y install @names@")


def manager_of(family: str, major: int) -> PackageManager | None:
    """The package manager of a distribution family (as in evidence.platform), None where it is not known.

    dnf came with RHEL 8, and with Amazon Linux 2023 after 2.
    """
    if family in ("redhat", "amazon"):
        return DNF if major >= 8 else YUM
    return {"debian": APT, "suse": ZYPPER, "photon": TDNF}.get(family)


def no_packages(evidence: Evidence) -> str | None:
    """Why no package can be installed here by its manager, with what to do instead; None where it can."""
    distribution = evidence.platform.distribution
    if evidence.platform.immutable == OSTREE:
        return "the system is an image that is changed as a whole: add the package to the image"
    if evidence.platform.immutable == TRANSACTIONAL:
        return "the system is a read-only snapshot: install it by transactional-update pkg install, which makes the next one"
    for folder in ("/usr", "/etc"):
        found = evidence.memory.file_system_of(folder)
        if found and "ro" in found.options:
            return f"{found.mount_point} is mounted read-only: install it by the system's own way of updating"
    if manager_of(distribution.family, distribution.major) is None:
        return f"the package manager of {distribution.name} is not known here: install it by hand"
    return None


def _do(manager: PackageManager, names: str) -> str:
    """What announces and installs packages, ``names`` being shell for theirs. The function of on_disk.sh is to stand before it."""
    words = {
        "manager": manager.command,
        "announce": manager.announce,
        "names_of": sh(manager.names_of),
        "install": manager.install,
    }
    text = _DO
    for word, shell in words.items():
        text = text.replace(f"@{word}@", shell)
    return text.replace("@names@", names)


def add_with_apt(names: str) -> tuple[str, str, str]:
    """What installs packages by apt where they are to stand beside others, its undo, and whether that may be: shell, to be wrapped
    by the caller.

    ``names`` is shell for the packages' names. The caller defines ``apt``, ``on_disk`` and ``announce NAME...``: prints what is
    to be installed, or ends the shell.
    """
    given = replace(
        APT, announce='echo "$announced"', names_of="p", install="apt --no-install-recommends install @names@"
    )
    do = _do(given, names)
    return (
        f'{_DPKG.functions}announced=$(announce {names}) || {{ echo "$announced"; exit 1; }}\n{do}',
        _DPKG.functions + _DPKG.undo.replace("@kept@", ""),
        _DPKG.ask,
    )


def install_step(manager: PackageManager, names: tuple[str, ...], keep_configuration: bool = False) -> Run:
    """Install packages that are all absent now.

    ``keep_configuration``: some of their configuration is there already, of no package that dpkg knows; the undo leaves it.
    """
    database = manager.database
    undo = '[ -e "$NOTES/before" ] || exit 0\n' + database.functions + database.undo
    return Run(
        what=f"install {' and '.join(names)} with {manager.command}",
        do=database.functions + ON_DISK + _do(manager, sh(*names)),
        undo=undo.replace("@kept@", " ".join(names) if keep_configuration else ""),
        proof=database.proof.replace("@names@", sh(*names)),
        alone_from=("packages",),
        ask=database.ask,
    )
