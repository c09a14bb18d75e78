# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A profile of our own, where tuned's active profile would win over all else that a remedy could write.

tuned merges the profiles of /etc/tuned/active_profile in their order, option by option, and the last one wins (profiles/merger.py).
So each role has a small profile that holds its values alone, and its name comes after those that somebody chose: they are a child
of that choice, none of them knows of another, and each comes and goes by itself. ``auto`` in /etc/tuned/profile_mode, by which
tuned takes what it recommends and no other, becomes ``manual`` with the first and is back with the last.

tuned reads all this when it starts. It is not told to switch now: that would take back everything that its profile ever set and set
it anew, over what others set since, and no revert could know. The kernel gets the value from the remedy's own step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import Run, Step, WriteFile, run_sharing, sh
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.owners import (
    OUR_PROFILES,
    foreign_profiles,
    tuned_settings,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Read, files
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.services import READS as SERVICES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.sysctl import tuned_option

_ACTIVE = "/etc/tuned/active_profile"
_MODE = "/etc/tuned/profile_mode"
#: A profile that is loaded after all others, whatever they are (since tuned 2.14).
_POST_LOADED = "/etc/tuned/post_loaded_profile"
#: Folders of an administrator's own profiles: with the profiles that tuned ships in /usr/lib/tuned, and in /usr/lib/tuned/profiles
#: (Fedora, RHEL 10). A tuned reads one of them.
_FOLDERS = ("/etc/tuned", "/etc/tuned/profiles")
_WAS_AUTO = "# The mode was auto before."

READS: tuple[Read, ...] = (
    *SERVICES,
    files(_ACTIVE, _MODE, _POST_LOADED, *(f"{folder}/{OUR_PROFILES}*/tuned.conf" for folder in _FOLDERS)),
)


def child_profile(
    evidence: Evidence, role: str, section: str, wanted: Mapping[str, str], as_good: Callable[[str, str], bool]
) -> tuple[tuple[Step, ...], str | None]:
    """The steps that have tuned set ``wanted``, key to value, in a ``section`` of its profile from its next start; or why it cannot
    be done, as a sentence.

    ``as_good`` says of a key and a value whether another section may set that. The kernel's own value is left alone.
    """
    name = OUR_PROFILES + role.replace("_", "-")
    path = f"{_folder(evidence)}/{name}/tuned.conf"
    active = evidence.file(_ACTIVE).value
    obstacle = _unsuitable(evidence, path) or _in_the_way(evidence, section, wanted, as_good)
    if obstacle:
        return (), obstacle
    if name in active.split() and foreign_profiles(active.partition(name)[2]):
        return (), f"{_ACTIVE} names {name} before others: put it last"
    present = evidence.file(path)
    # What an earlier remedy of the role set stays, where it is in force.
    kept = [entry for entry in tuned_settings(evidence) if (entry.path, entry.section) == (path, section)]
    values = {**{entry.key: entry.value for entry in kept}, **wanted}
    automatic = _automatic(evidence)
    content = "\n".join(
        [
            f"# vmguest.linux, {role}",
            *([_WAS_AUTO] if automatic else []),
            "[main]",
            f"summary={', '.join(values)} as vmguest.linux sets it",
            "",
            f"[{section}]",
            *(f"{key}={value}" for key, value in values.items()),
            "",
        ]
    )
    steps: list[Step] = []
    if present.text != content:
        steps.append(WriteFile(path, content, present.text if present else None))
    # What an earlier receipt chose is that one's to take back.
    if name not in active.split() or evidence.file(_MODE).value != "manual":
        steps.append(_choose(name, " ".join(foreign_profiles(active)), automatic))
    return tuple(steps), None


def child_of(owner: str, settings: Mapping[str, str]) -> str:
    """The profile that a person makes where tuned cannot be given one of ours, as words for a reason.

    ``owner`` is the profile that sets it now, as :mod:`evidence.owners` names it.
    """
    values = ", ".join(f"{name}={value}" for name, value in settings.items())
    return f"a child profile with include={owner.split()[2]} and {values}"


def _folder(evidence: Evidence) -> str:
    shipped = any(line.path.startswith("/usr/lib/tuned/profiles/") for line in evidence.lines("tuned_profiles"))
    return _FOLDERS[shipped]


def _unsuitable(evidence: Evidence, path: str) -> str | None:
    """Why this tuned cannot be given a profile more."""
    unit = (evidence.services.units or {}).get("tuned")
    active, mode = evidence.file(_ACTIVE), evidence.file(_MODE)
    if unit is None or not unit.exists or not unit.enabled:
        return "tuned.service is not enabled, so that the next boot sets something else"
    # With 2.9 came the mode in a file of its own, and a list of profiles that the daemon itself takes.
    if mode.value not in ("auto", "manual") or len(active.lines) != 1:
        return f"{_ACTIVE} and {_MODE} are not as tuned 2.9 and later write them"
    if evidence.file(_POST_LOADED).exists and (not evidence.file(_POST_LOADED) or evidence.file(_POST_LOADED).value):
        return f"{_POST_LOADED} names a profile that comes after all others"
    if tuned_option(evidence, "profile_dirs") is not None:
        return "/etc/tuned/tuned-main.conf has profiles in other folders (profile_dirs)"
    if evidence.file(path).exists and not evidence.file(path):
        return f"{path} could not be read"
    return None


def _in_the_way(
    evidence: Evidence, section: str, wanted: Mapping[str, str], as_good: Callable[[str, str], bool]
) -> str | None:
    """Which line of the profiles would win over ours, or keep it from being in force."""
    for entry in tuned_settings(evidence):
        shown = f"{entry.path} has {entry.key}={entry.value} in [{entry.section}]"
        if entry.section == "main" and entry.key == "include" and "$" in entry.value:
            return f"{shown}: what that includes is not known"
        if entry.section == section and entry.key in ("type", "enabled", "uname_regex", "cpuinfo_regex"):
            return f"{shown}: whether ours would be in force is not known"
        # A section of another name is a unit of its own, and may come later.
        if entry.section != section and entry.key in wanted and not as_good(entry.key, entry.value):
            return f"{shown}, which may come after ours"
    return None


def _automatic(evidence: Evidence) -> bool:
    """True where tuned chooses the profile itself, or did before one of ours came."""
    ours = [name for name in evidence.file(_ACTIVE).value.split() if name.startswith(OUR_PROFILES)]
    return evidence.file(_MODE).value == "auto" or any(
        _WAS_AUTO in evidence.file(f"{folder}/{name}/tuned.conf").lines for folder in _FOLDERS for name in ours
    )


#: ``theirs`` and ``ours`` print names of the active profiles, each between blanks. ``change FILE SCRIPT`` has sed change a file: at
#: any moment it is the old one or the new one, and keeps its SELinux context, by which tuned may write it.
_FUNCTIONS = f"""set -f
active="$ROOT{_ACTIVE}" mode="$ROOT{_MODE}"
first() {{ sed -n 1p "$1"; }}
theirs() {{ names() {{ case $1 in {OUR_PROFILES}*) ;; *) printf "%s " "$1" ;; esac; }}; each; }}
ours() {{ names() {{ case $1 in {OUR_PROFILES}*) printf "%s " "$1" ;; esac; }}; each; }}
each() {{ printf " "; for name in $(first "$active"); do names "$name"; done; }}
change() {{
  [ -f "$1" ] && [ ! -h "$1" ] || {{ echo "$1 is no regular file"; exit 1; }}
  rm -f "$1.vmguest"
  {{ cp -a "$1" "$1.vmguest" 2>/dev/null || cp -p "$1" "$1.vmguest"; }} &&
    sed "$2" "$1" >"$1.vmguest" && sync && mv -f "$1.vmguest" "$1" || {{ rm -f "$1.vmguest"; exit 1; }}
}}
"""


def _choose(name: str, chosen: str, automatic: bool) -> Run:
    """``name`` comes after the profiles that somebody, or tuned itself, chose.

    The undo goes by the name alone: where it is gone, somebody chose anew, and there is nothing to take back. Only with the last
    of ours the mode is ``auto`` again, and only for the profile of that time. The mode goes first: at any moment tuned would start
    with the profile of before or with ours.
    """
    expected = sh(f" {chosen} ")
    present = f'case $(ours) in *" {name} "*) ;; *) '
    again = f'[ "$(ours)" = " {name} " ] && [ "$(theirs)" = {expected} ] && [ "$(first "$mode")" = manual ]'
    restore = [f"if {again}; then change \"$mode\" '1s/.*/auto/'; fi"] if automatic else []
    words = sh(f"changed since: expected {chosen} as the active profile of tuned, found")
    changed = f'echo {words}"$(theirs)"; exit 1'
    return run_sharing(
        _FUNCTIONS,
        what=f"have tuned add the profile {name} to {chosen} when it starts",
        do="\n".join(
            [
                f'[ "$(theirs)" = {expected} ] || {{ {changed}; }}',
                f"{present}change \"$active\" '1s/[[:blank:]]*$/ {name}/' ;; esac",
                '[ "$(first "$mode")" != auto ] || change "$mode" \'1s/.*/manual/\'',
            ]
        ),
        undo="\n".join(
            [
                'rm -f "$active.vmguest" "$mode.vmguest"',
                '[ -e "$active" ] || exit 0',
                f"{present}exit 0 ;; esac",
                *restore,
                f"change \"$active\" '1s/^{name}  *//; 1s/[[:blank:]][[:blank:]]*{name}$//; 1s/[[:blank:]]{name}[[:blank:]]/ /'",
                "sync",
            ]
        ),
        proof=f'{present}exit 1 ;; esac\n[ "$(first "$mode")" = manual ]',
        alone_from=(),
        # Without tuned, and what it kept, there is nothing to take back.
        ask=f'[ -e "$active" ] || exit 0\n{present}[ "$(theirs)" = {expected} ] || {{ {changed}; }} ;; esac',
    )
