"""Take named collections, with those they depend on, out of a wheel of the PyPI package `ansible`.

usage: extract_collections.py WHEEL TARGET NAMESPACE.NAME...

TARGET becomes a folder for ANSIBLE_COLLECTIONS_PATH. The package is an ordinary PyPI download, so that the tests need
no galaxy server.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path


def extract(wheel: zipfile.ZipFile, target: Path, wanted: list[str]) -> dict[str, str]:
    """Extract `wanted` and their dependencies; return the version of each. KeyError: the wheel lacks one."""
    versions: dict[str, str] = {}
    queue = list(wanted)
    while queue:
        name = queue.pop()
        if name in versions:
            continue
        folder = f"ansible_collections/{name.replace('.', '/')}/"
        info = json.loads(wheel.read(f"{folder}MANIFEST.json"))["collection_info"]
        wheel.extractall(target, [member for member in wheel.namelist() if member.startswith(folder)])
        versions[name] = info["version"]
        queue.extend(info.get("dependencies") or {})
    return versions


def main(arguments: list[str]) -> int:
    """Extract as the command line says; return the exit code."""
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    with zipfile.ZipFile(arguments[0]) as wheel:
        try:
            versions = extract(wheel, Path(arguments[1]), arguments[2:])
        except KeyError as missing:
            print(f"extract_collections: {arguments[0]} does not hold it: {missing}", file=sys.stderr)
            return 1
    for name, version in sorted(versions.items()):
        print(f"setup: {name} {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
