# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tuned does in a guest tree when it starts, and what its choice of a profile leaves behind.

After tuned 2.9 to 2.27 (daemon/daemon.py, profiles/loader.py, profiles/merger.py, plugins/plugin_sysctl.py, plugin_vm.py),
as far as the trees need it: it knows [sysctl] and [vm] alone, and recommends virtual-guest.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

RECOMMENDED = "virtual-guest"


def start(root: Path) -> None:
    """The daemon starts: what it sets is set, and it writes down what it chose. Without one of its profiles it does nothing."""
    config = root / "etc/tuned"
    mode = _first(config / "profile_mode")
    names = _first(config / "active_profile").split()
    if mode == "auto":
        names = [RECOMMENDED]
    if not names:
        return
    units: dict[str, dict[str, str]] = {}
    try:
        for name in [*names, *_first(config / "post_loaded_profile").split()]:
            _load(root, name, units, set())
    except FileNotFoundError:
        return
    save(root, " ".join(names), mode or "manual")
    for key, value in units.get("sysctl", {}).items():
        _write(root, "/proc/sys/" + key.replace(".", "/"), value)
    given = re.findall(r"^reapply_sysctl\s*=\s*(\w+)", _text(config / "tuned-main.conf"), re.MULTILINE)
    if not given or given[-1] == "1":
        for file in [*sorted((root / "etc/sysctl.d").glob("*.conf")), root / "etc/sysctl.conf"]:
            for key, value in re.findall(r"^\s*([\w.]+)\s*=\s*(.*)$", _text(file), re.MULTILINE):
                _write(root, "/proc/sys/" + key.replace(".", "/"), value)
    for option in ("transparent_hugepage", "transparent_hugepages"):
        value = units.get("vm", {}).get(option)
        if value and "transparent_hugepage=" not in _text(root / "proc/cmdline"):
            _write(root, "/sys/kernel/mm/transparent_hugepage/enabled", value)


def save(root: Path, names: str, mode: str) -> None:
    """What tuned-adm, or the daemon at its start, chose."""
    (root / "etc/tuned/active_profile").write_text(names + "\n", encoding="utf-8")
    (root / "etc/tuned/profile_mode").write_text(mode + "\n", encoding="utf-8")


def _load(root: Path, name: str, units: dict[str, dict[str, str]], seen: set[Path]) -> None:
    """A profile on top of ``units``, what it includes first; of one name the later folder's."""
    shipped = root / "usr/lib/tuned"
    folders = (root / "etc/tuned", shipped)
    if (shipped / "profiles").is_dir():
        folders = (root / "etc/tuned/profiles", shipped / "profiles")
    files = [path for folder in folders if (path := folder / name / "tuned.conf").is_file()]
    if not files:
        raise FileNotFoundError(name)
    # One that includes its own name means the one in the other folder.
    file = next((path for path in files if path not in seen), None)
    if file is None:
        return
    seen.add(file)
    parser = configparser.ConfigParser(
        delimiters=("=",), inline_comment_prefixes=("#",), strict=False, interpolation=None
    )
    parser.read_string(_text(file))
    for parent in re.split(r"\s*[,;]\s*", parser.get("main", "include", fallback="")):
        if parent:
            _load(root, parent, units, seen)
    for section in parser.sections():
        units.setdefault(section, {}).update(parser.items(section))


def _write(root: Path, path: str, value: str) -> None:
    file = root / path.lstrip("/")
    if not file.is_file():
        return
    old = file.read_text(encoding="utf-8")
    if "[" in old:
        names = [name.strip("[]") for name in old.split()]
        assert value in names
        value = " ".join(f"[{name}]" if name == value else name for name in names)
    file.write_text(f"{value.strip()}\n", encoding="utf-8")


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _first(file: Path) -> str:
    return (_text(file).splitlines() or [""])[0].strip()
