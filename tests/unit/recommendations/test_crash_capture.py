# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""crash_capture: a dump that is whole, half, or not asked for; a console on a port that is not there."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.crash_capture import (
    assess_console,
    assess_kdump,
    wrong_options,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

LOADED, SIZE = "/sys/kernel/kexec_crash_loaded", "/sys/kernel/kexec_crash_size"
NMI = "/proc/sys/kernel/unknown_nmi_panic"
LINK = Entry("/etc/systemd/system/multi-user.target.wants/kdump.service", "l", "rwxrwxrwx", 1, 0, 0, 9, "/usr/lib/x")
MASK = Entry("/etc/systemd/system/kdump.service", "l", "rwxrwxrwx", 1, 0, 0, 9, "/dev/null")
UNIT = "Id=kdump.service\nNames=kdump.service\nLoadState={}\nActiveState={}"
MENU = """\
set timeout=5
### BEGIN /etc/grub.d/10_linux ###
menuentry 'Debian' {
\tlinux\t/boot/vmlinuz-6.1.0-28-amd64 root=/dev/sda1 ro %s
\tinitrd\t/boot/initrd.img-6.1.0-28-amd64
}
### END /etc/grub.d/10_linux ###
"""


def guest(now, boot, files=None, entries=(), commands=None):
    found = {
        "/proc/cmdline": f"root=/dev/sda1 ro {now}",
        "/boot/grub/grub.cfg": MENU % boot,
        "/etc/default/grub": f'GRUB_CMDLINE_LINUX="{boot}"',
        **(files or {}),
    }
    return evidence_of(
        {path: text for path, text in found.items() if text is not None}, entries=entries, commands=commands
    )


def kdump(
    now="",
    boot="",
    loaded="0",
    size="0",
    nmi="0",
    enabled=False,
    unit="active",
    wanted=False,
    masked=False,
    lost="0",
    absent=False,
) -> Verdict:
    load = "not-found" if absent else "masked" if masked else "loaded"
    evidence = guest(
        now,
        boot,
        {LOADED: loaded, SIZE: size, NMI: nmi, "/proc/sys/kernel/panic_on_unrecovered_nmi": lost},
        entries=[LINK] * enabled + [MASK] * masked,
        commands={"units": (0, UNIT.format(load, unit))} if unit else None,
    )
    return assess_kdump(evidence, {"crash_capture_wanted": wanted})


SET = "crashkernel=256M"


@pytest.mark.parametrize(
    ("facts", "status", "word"),
    [
        ({}, Status.NOT_APPLICABLE, "crash_capture_wanted"),
        ({"wanted": True}, Status.MANUAL, "install kexec-tools"),
        (
            {"now": SET, "boot": SET, "loaded": "1", "size": "268435456", "enabled": True},
            Status.COMPLIANT,
            "only hangs",
        ),
        ({"now": SET, "boot": SET, "loaded": "1", "nmi": "1", "enabled": True}, Status.COMPLIANT, "gets an NMI"),
        (
            {"now": SET, "boot": SET, "loaded": "1", "nmi": "0", "lost": "1", "enabled": True},
            Status.COMPLIANT,
            "gets an NMI",
        ),
        ({"now": SET, "boot": SET, "loaded": "1", "enabled": False}, Status.NOT_PERSISTENT, "not enabled"),
        ({"now": SET, "boot": SET, "size": "9", "unit": "inactive"}, Status.NONCOMPLIANT, "not enabled"),
        ({"now": SET, "boot": SET, "size": "9", "unit": "inactive", "enabled": True}, Status.NONCOMPLIANT, "stopped"),
        ({"now": SET, "boot": SET, "size": "9", "unit": "failed"}, Status.MANUAL, "no kernel is loaded"),
        ({"now": SET, "boot": SET, "size": "9", "unit": "inactive", "masked": True}, Status.MANUAL, "masked"),
        ({"now": SET, "boot": SET, "unit": "inactive"}, Status.MANUAL, "set no memory aside"),
        ({"boot": SET, "unit": "inactive"}, Status.NONCOMPLIANT, "not enabled"),
        # Who loads the kernel at the next boot is not known.
        ({"now": SET, "boot": SET, "loaded": "1", "unit": None}, Status.UNKNOWN, "did not answer"),
        ({"boot": SET, "unit": None}, Status.UNKNOWN, "did not answer"),
        ({"now": SET, "boot": SET, "loaded": "1", "absent": True}, Status.UNKNOWN, "systemd knows no kdump"),
        ({"now": SET, "boot": SET, "loaded": "0", "enabled": True}, Status.MANUAL, "set no memory aside"),
        ({"now": SET, "boot": SET, "loaded": "0", "size": "9", "enabled": True}, Status.MANUAL, "no kernel is loaded"),
        ({"now": SET, "loaded": "1", "enabled": True}, Status.MANUAL, "of the next boot"),
        ({"boot": SET, "enabled": True}, Status.PENDING_REBOOT, ""),
        ({"enabled": True}, Status.MANUAL, "no crashkernel="),
        ({"loaded": State.DENIED}, Status.UNKNOWN, ""),
        ({"loaded": State.MISSING}, Status.NOT_APPLICABLE, "knows no crash dumps"),
    ],
)
def test_dumps(facts, status, word):
    found = kdump(**facts)
    assert found.status is status, found.reason
    assert word in found.reason


@pytest.mark.parametrize(
    ("facts", "do", "proof"),
    [
        (
            {"now": SET, "boot": SET, "size": "9", "unit": "inactive"},
            "systemctl enable kdump.service && systemctl start kdump.service",
            # That the service runs is not all: it shall have loaded a kernel.
            "systemctl -q is-enabled kdump.service && systemctl -q is-active kdump.service"
            ' && grep -q 1 "$ROOT"/sys/kernel/kexec_crash_loaded',
        ),
        (
            {"now": SET, "boot": SET, "size": "9", "unit": "inactive", "enabled": True},
            "systemctl start kdump.service",
            'systemctl -q is-active kdump.service && grep -q 1 "$ROOT"/sys/kernel/kexec_crash_loaded',
        ),
        # It cannot start before memory is set aside.
        (
            {"boot": SET, "unit": "inactive"},
            "systemctl enable kdump.service",
            "systemctl -q is-enabled kdump.service",
        ),
    ],
)
def test_the_service_is_started_where_it_can_be(facts, do, proof):
    (step,) = kdump(**facts).remedy
    assert (step.do, step.proof) == (do, proof)


CONSOLE = "console=tty0 console=ttyS0,115200"


@pytest.mark.parametrize(
    ("now", "boot", "kind", "status"),
    [
        ("quiet", "quiet", "0", Status.NOT_APPLICABLE),
        ("console=tty0", "console=tty0", "0", Status.NOT_APPLICABLE),
        (CONSOLE, CONSOLE, "4", Status.COMPLIANT),
        (CONSOLE, CONSOLE, "0", Status.MANUAL),
        # Both sides count.
        ("quiet", CONSOLE, "0", Status.MANUAL),
        (CONSOLE, "quiet", "0", Status.MANUAL),
        (CONSOLE, CONSOLE, State.DENIED, Status.UNKNOWN),
        (CONSOLE, CONSOLE, None, Status.UNKNOWN),
    ],
)
def test_consoles(now, boot, kind, status):
    evidence = guest(now, boot, {"/sys/class/tty/ttyS0/type": kind})
    found = assess_console(evidence, {"crash_capture_serial_console": None})
    assert found.status is status, found.reason


WANTED = "console=ttyS0,115200"


@pytest.mark.parametrize(
    ("now", "boot", "kind", "status", "word"),
    [
        ("quiet", "quiet", "4", Status.NONCOMPLIANT, "no console=ttyS0,115200"),
        (f"{WANTED} console=tty0", "quiet", "4", Status.NOT_PERSISTENT, ""),
        ("quiet", f"{WANTED} console=tty0", "4", Status.PENDING_REBOOT, ""),
        # Whatever the order is that somebody chose.
        (CONSOLE, CONSOLE, "4", Status.COMPLIANT, "ttyS0,115200, too"),
        (WANTED, WANTED, "4", Status.COMPLIANT, ""),
        ("quiet", "quiet", "0", Status.MANUAL, "no such port"),
        ("quiet", "quiet", None, Status.UNKNOWN, ""),
        # /dev/console is somebody's choice.
        ("console=tty0", "console=tty0", "4", Status.MANUAL, "console=tty0 is among"),
        ("quiet", "console=ttyS0,9600", "4", Status.MANUAL, "console=ttyS0,9600 is among"),
    ],
)
def test_the_console_that_is_asked_for(now, boot, kind, status, word):
    evidence = guest(now, boot, {"/sys/class/tty/ttyS0/type": kind})
    found = assess_console(evidence, {"crash_capture_serial_console": "ttyS0,115200"})
    assert found.status is status, found.reason
    assert word in found.reason


def test_the_screen_stays_dev_console():
    evidence = guest("quiet", "quiet", {"/sys/class/tty/ttyS0/type": "4"})
    (edit,) = assess_console(evidence, {"crash_capture_serial_console": "ttyS0,115200"}).remedy
    assert [line.new for line in edit.edits] == ['GRUB_CMDLINE_LINUX="quiet console=ttyS0,115200 console=tty0"']


def test_other_boot_loaders_are_told_how():
    files = {
        "/proc/cmdline": "root=/dev/sda1 ro",
        "/boot/loader/entries/a.conf": "title A\nlinux /vmlinuz-1\ninitrd /i\noptions root=/dev/sda1 ro",
        "/boot/grub2/grub.cfg": "blscfg",
        "/sys/class/tty/ttyS0/type": "4",
    }
    found = assess_console(evidence_of(files), {"crash_capture_serial_console": "ttyS0,115200"})
    assert found.status is Status.MANUAL
    assert "grubby --update-kernel=ALL --args='console=ttyS0,115200 console=tty0'" in found.reason


@pytest.mark.parametrize(
    ("console", "right"),
    [
        (None, True),
        ("ttyS0", True),
        ("ttyS1,9600n8", True),
        ("console=ttyS0", False),
        ("tty0", False),
        ("ttyS0,115200 quiet", False),
        ("ttyS9", False),
    ],
)
def test_what_a_console_is(console, right):
    assert (wrong_options({"crash_capture_serial_console": console}) is None) is right
