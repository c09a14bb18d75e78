"""Every file and every runtime value of a guest is as it was when the guest was made.

So after the audit and check mode, which may write nothing, and after the revert, which puts everything back.
"""

from __future__ import annotations

import os

import manifest
from testinfra.host import Host


def test_guest_is_as_it_was_made(host: Host) -> None:
    container = host.backend.name
    before = manifest.load(os.path.join(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "manifests", f"{container}.json"))
    assert manifest.differences(before, manifest.read(container)) == []
