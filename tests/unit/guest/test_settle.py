# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a boot loader reads is brought into its place before it gets its name, and after; until then the old file is not freed.

That a real GRUB then finds one or the other on a real xfs, whenever the power goes, is shown by ``make crashtest``.
To see these red: leave out either call of ``settle``, ``ln``, or the ``trap`` of ``settle``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_entries import make_menu
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.boot_images import BOOT_IMAGES
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.plan import Transaction
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import EditFile, ReplaceLine, WriteFile
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.apply_payload import apply_payload, revert_payload
from ansible_collections.vmguest.linux.plugins.plugin_utils.guest.probe_payload import IN_PLACE, SETTLE_AND_COMPARE
from ansible_collections.vmguest.linux.tests.unit.guest.apply_runs import NOW, QUICK, argv

NONCE = "0123456789abcdef" * 2


def on_xfs(log: Path, name: str, kept: str) -> str:
    """Functions of the shell: a file system that says it is xfs; and xfs_io, which notes what file ``name`` and what ``kept`` (a
    pattern) hold when it is called."""
    return (
        'stat() { case $1 in -f) echo "${FILE_SYSTEM:-xfs}" ;; *) command stat "$@" ;; esac; }\n'
        f'xfs_io() {{ set +f; echo "$* | $(cat "{name}") | $(cat "{kept}"* 2>/dev/null)" >>"{log}"; set -f; }}\n'
    )


def run(shell: str, text: str) -> str:
    done = subprocess.run(argv(shell), input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def test_only_xfs_is_frozen(tmp_path: Path, shell: str) -> None:
    """Given another file system, or no program that freezes, nothing is called and nothing fails."""
    log = tmp_path / "log"
    fakes = on_xfs(log, "/dev/null", "/nowhere")
    run(shell, f"{SETTLE_AND_COMPARE}{fakes}FILE_SYSTEM=ext2/ext3\nsettle /boot\n")
    assert not log.exists()
    run(shell, f"{SETTLE_AND_COMPARE}{fakes}settle /boot\n")
    assert log.read_text() == "-r -x -c freeze -c thaw /boot |  | \n"
    run(shell, f"PATH=/nowhere\n{SETTLE_AND_COMPARE}stat() {{ echo xfs; }}\nsettle /boot\n")


def test_nothing_that_asks_it_to_end_leaves_it_frozen(tmp_path: Path, shell: str) -> None:
    """Given signals between freezing and thawing, as of a guest that shuts down, it thaws; what runs after that hears them."""
    log = tmp_path / "log"
    program = tmp_path / "xfs_io"
    signals = "for signal in HUP INT QUIT TERM PIPE; do kill -$signal $$; done"
    program.write_text(f'#!/bin/sh\n{signals}\necho thawed >>"{log}"\n')
    program.chmod(0o755)
    own = f"PATH={tmp_path}:$PATH\nstat() {{ echo xfs; }}\n"
    after = "sh -c 'kill -TERM $$; echo deaf' || echo \"hears\"\n"
    assert run(shell, f"{SETTLE_AND_COMPARE}{own}settle /boot\n{after}").splitlines()[-1] == "hears"
    assert log.read_text() == "thawed\n"


def test_an_image(tmp_path: Path, shell: str) -> None:
    """Given an image that is put back, it is settled beside the other one, and that one has a name until both are."""
    for name in ("boot", "notes"):
        (tmp_path / name).mkdir()
    image, log = tmp_path / "boot/initrd.img", tmp_path / "log"
    image.write_text("ours")
    (tmp_path / "notes/1.old").write_text("old")
    # A pattern of its own quotes: the folder's name begins with a dot.
    fakes = on_xfs(log, str(image), f"{tmp_path}/boot/.vmguest-images/was")
    variables = f"ROOT='{tmp_path}' NOTES='{tmp_path}/notes' NONCE=image stamp=x\n"
    noted = f"cksum <'{image}' >'{tmp_path}/notes/1.ours'\n"
    run(shell, f"{variables}{noted}{IN_PLACE}{BOOT_IMAGES}{fakes}sync() {{ :; }}\n(put_back 1 boot/initrd.img 6.1)\n")
    assert [line.split(" | ")[1:] for line in log.read_text().splitlines()] == [["ours", ""], ["old", "ours"]]
    assert [path.name for path in (tmp_path / "boot").iterdir()] == ["initrd.img"]


def test_a_menu_of_grub_2(tmp_path: Path, shell: str) -> None:
    """Given a menu that is put back, the same."""
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    menu, log = tmp_path / "boot/grub/grub.cfg", tmp_path / "log"
    for path, text in ((menu, "ours"), (tmp_path / "notes/made", "ours"), (tmp_path / "notes/before", "old")):
        path.write_text(text)
    fakes = on_xfs(log, str(menu), f"{tmp_path}/boot/grub/.grub.cfg.vmguest-old")
    undo = make_menu("/boot/grub/grub.cfg", drop_ins=True).undo
    run(shell, f"ROOT='{tmp_path}' NOTES='{tmp_path}/notes'\n{fakes}{undo}\n")
    assert [line.split(" | ")[1:] for line in log.read_text().splitlines()] == [["ours", ""], ["old", "ours"]]
    assert [path.name for path in menu.parent.iterdir()] == ["grub.cfg"]


def test_a_file_of_a_step(tmp_path: Path, shell: str) -> None:
    """Given an edit of GRUB legacy's menu, and its revert, the same; a file that nothing boots from is not settled."""
    for name in ("boot/grub", "etc", "var/lib"):
        (tmp_path / name).mkdir(parents=True)
    menu, log = tmp_path / "boot/grub/menu.lst", tmp_path / "log"
    menu.write_text("old\n")
    fakes = QUICK + on_xfs(log, str(menu), f"{tmp_path}/boot/grub/.vmguest-run-000001-timers-001/was")
    steps = (EditFile("/boot/grub/menu.lst", (ReplaceLine("old", "ours"),)), WriteFile("/etc/x", "y\n"))
    said = run(shell, apply_payload(NONCE, "run", NOW, [Transaction("timers", steps)], root=str(tmp_path), extra=fakes))
    assert "outcome timers done" in said
    lines = [line.split(" | ")[1:] for line in log.read_text().splitlines()]
    assert lines == [["old", ""], ["ours", "old"]], said
    log.unlink()
    fakes = fakes.replace("vmguest-run-", "vmguest-back-")
    said = run(shell, revert_payload(NONCE, "back", NOW, ["000001-timers"], root=str(tmp_path), extra=fakes))
    assert "reverted 000001-timers timers done" in said
    lines = [line.split(" | ")[1:] for line in log.read_text().splitlines()]
    assert lines[:2] == [["ours", ""], ["old", "ours"]], said
    assert [path.name for path in menu.parent.iterdir()] == ["menu.lst"]


def test_a_file_right_in_boot(tmp_path: Path, shell: str) -> None:
    """Given Photon's /boot/user.cfg, whose folder is /boot itself, it is settled after it got its name, too."""
    for name in ("boot", "var/lib"):
        (tmp_path / name).mkdir(parents=True)
    config, log = tmp_path / "boot/user.cfg", tmp_path / "log"
    config.write_text("old\n")
    fakes = QUICK + on_xfs(log, str(config), f"{tmp_path}/boot/.vmguest-run-000001-timers-001/was")
    steps = (EditFile("/boot/user.cfg", (ReplaceLine("old", "ours"),)),)
    said = run(shell, apply_payload(NONCE, "run", NOW, [Transaction("timers", steps)], root=str(tmp_path), extra=fakes))
    assert [line.split(" | ")[1:] for line in log.read_text().splitlines()] == [["old", ""], ["ours", "old"]], said
