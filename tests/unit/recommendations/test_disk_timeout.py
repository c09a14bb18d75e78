# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_timeout: given these disks, these rules and this udev, the audit says this, the plan is that."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.options import InputError
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.policy import resolve_policy
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.disk_timeout import (
    NVME_PARAMETER,
    NVME_RULE,
    SCSI_RULE,
    assess_nvme,
    assess_scsi,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of
from ansible_collections.vmguest.linux.tests.unit.guest_tree import TODAY

SYSTEMD_252 = "/usr/lib/systemd/libsystemd-shared-252.so"
SHIPPED = "/usr/lib/udev/rules.d/99-vmware-scsi-udev.rules"
MATCH = (
    'ACTION=="add", SUBSYSTEMS=="scsi", ATTRS{vendor}=="VMware*", ATTRS{model}=="Virtual disk*", ENV{DEVTYPE}=="disk", '
)
#: open-vm-tools 11.0.5 and later; 10.3 to 11.0.1; Debian's; VMware's own tarball on a udev before 098.
UPSTREAM = MATCH + "RUN+=\"/bin/sh -c 'echo 180 >/sys$env{DEVPATH}/device/timeout'\""
BROKEN = MATCH + "RUN+=\"/bin/sh -c 'echo 180 >/sys$DEVPATH/device/timeout'\""
DEBIAN = (
    'ACTION=="add", SUBSYSTEMS=="scsi", ENV{DEVTYPE}=="scsi_device", ATTRS{vendor}=="VMware*" , ATTRS{model}=="Virtual disk*", '
    'ATTRS{timeout}=="?*", ATTR{timeout}="180"'
)
TARBALL = (
    'ACTION=="add", BUS=="scsi", SYSFS{vendor}=="VMware  " , SYSFS{model}=="Virtual disk    ",   '
    "RUN+=\"/bin/sh -c 'echo 180 >/sys$DEVPATH/device/timeout'\""
)


def verdict(
    timeouts="180",
    rules=(),
    *,
    seconds=180,
    kernel="6.1.0-28-amd64",
    library=SYSTEMD_252,
    files=None,
    entries=(),
    vendor="VMware  ",
    model="Virtual disk    ",
) -> Verdict:
    """The verdict on a guest with SCSI disks of these timeouts (one for each letter) and these rules: (path, line)."""
    timeouts = timeouts if isinstance(timeouts, tuple) else (timeouts,)
    names = [f"sd{letter}" for letter, dummy in zip("abc", timeouts, strict=False)]
    found = {"/proc/sys/kernel/osrelease": kernel}
    for name, value in zip(names, timeouts, strict=True):
        found |= {f"/sys/block/{name}/device/vendor": vendor, f"/sys/block/{name}/device/model": model}
        if value is not None:
            found[f"/sys/block/{name}/device/timeout"] = value
    paths = [library] if library else []
    evidence = evidence_of(
        {**found, **(files or {})},
        lines={"udev_rules": [(path, number, line) for number, (path, line) in enumerate(rules, 1)]},
        entries=[
            *(Entry(f"/sys/block/{name}", "l", "rwxrwxrwx", 1, 0, 0, 0, "../x") for name in names),
            *(Entry(path, "-", "rw-r--r--", 1, 0, 0, 9) for path in [*paths, *dict(rules)]),
            *entries,
        ],
    )
    return assess_scsi(evidence, {"disk_timeout_seconds": seconds})


# ---- which rules really count ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "kernel", "library", "status"),
    [
        (UPSTREAM, "6.1.0", SYSTEMD_252, Status.COMPLIANT),
        (DEBIAN, "6.1.0", SYSTEMD_252, Status.COMPLIANT),
        # systemd 243 and later ignore $DEVPATH; before, the shell gets it. Where the version is not known, nor is that.
        (BROKEN, "6.1.0", SYSTEMD_252, Status.NOT_PERSISTENT),
        (BROKEN, "5.3.0", "/usr/lib/systemd/libsystemd-shared-243.so", Status.NOT_PERSISTENT),
        (BROKEN, "5.0.0", "/lib/systemd/libsystemd-shared-241.so", Status.COMPLIANT),
        (BROKEN, "5.0.0", None, Status.NOT_PERSISTENT),
        (BROKEN, "3.10.0-1160.el7.x86_64", None, Status.COMPLIANT),
        (BROKEN.replace("$DEVPATH", "$$DEVPATH"), "6.1.0", SYSTEMD_252, Status.COMPLIANT),
        # Names that udev 098 gave up, and systemd's does not know.
        (TARBALL, "2.6.18-398.el5", None, Status.COMPLIANT),
        (TARBALL, "2.6.32-754.el6", None, Status.COMPLIANT),
        (TARBALL, "3.10.0-1160.el7.x86_64", None, Status.NOT_PERSISTENT),
        (UPSTREAM.replace("echo 180", "echo 90"), "6.1.0", SYSTEMD_252, Status.MANUAL),
        (UPSTREAM.replace("device/timeout", "device/eh_timeout"), "6.1.0", SYSTEMD_252, Status.NOT_PERSISTENT),
        (UPSTREAM.replace("Virtual disk*", "LUN*"), "6.1.0", SYSTEMD_252, Status.NOT_PERSISTENT),
        (UPSTREAM.replace('ACTION=="add"', 'ACTION=="remove"'), "6.1.0", SYSTEMD_252, Status.NOT_PERSISTENT),
        ("# " + UPSTREAM, "6.1.0", SYSTEMD_252, Status.NOT_PERSISTENT),
    ],
)
def test_a_rule_counts_where_its_udev_obeys_it(rule, kernel, library, status):
    found = verdict(rules=[(SHIPPED, rule)], kernel=kernel, library=library)
    assert found.status is status, (found.reason, found.persistent)


def test_an_old_copy_in_etc_hides_the_good_rule():
    copy = SHIPPED.replace("/usr/lib", "/etc")
    found = verdict(rules=[(SHIPPED, UPSTREAM), (copy, BROKEN)])
    assert found.status is Status.NOT_PERSISTENT
    assert found.persistent == "the kernel's default"


def test_a_masked_rule_sets_nothing():
    mask = Entry(SHIPPED.replace("/usr/lib", "/etc"), "l", "rwxrwxrwx", 1, 0, 0, 9, "/dev/null")
    assert verdict(rules=[(SHIPPED, UPSTREAM)], entries=[mask]).status is Status.NOT_PERSISTENT


def test_a_rule_over_several_lines_is_one():
    first, last = 'KERNEL=="sd*", SUBSYSTEM=="block", \\', '  ATTR{device/timeout}="200"'
    path = "/etc/udev/rules.d/90-site.rules"
    assert verdict(rules=[(path, first), (path, last)]).status is Status.COMPLIANT
    other = first.replace("sd*", "vd*")
    assert verdict(rules=[(path, other), (path, last)]).status is Status.NOT_PERSISTENT


# ---- the verdict -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeouts", "rules", "status", "steps"),
    [
        ("180", [(SHIPPED, UPSTREAM)], Status.COMPLIANT, []),
        ("200", [(SHIPPED, UPSTREAM)], Status.COMPLIANT, []),
        ("30", [(SHIPPED, UPSTREAM)], Status.NONCOMPLIANT, [WriteKernel]),
        ("30", [], Status.NONCOMPLIANT, [WriteFile, WriteKernel]),
        ("180", [], Status.NOT_PERSISTENT, [WriteFile]),
        (("180", "30"), [(SHIPPED, UPSTREAM)], Status.NONCOMPLIANT, [WriteKernel]),
        ((None, "180"), [(SHIPPED, UPSTREAM)], Status.UNKNOWN, []),
        ("", [(SHIPPED, UPSTREAM)], Status.UNKNOWN, []),
    ],
)
def test_now_and_at_boot_are_two_things(timeouts, rules, status, steps):
    found = verdict(timeouts, rules)
    assert (found.status, [type(step) for step in found.remedy]) == (status, steps), found.reason


def test_the_remedy():
    rule, live = verdict("30").remedy
    assert (rule.path, rule.before) == (SCSI_RULE, None)
    assert 'ATTRS{vendor}=="VMware*", ATTR{device/timeout}="180"' in rule.content
    assert 'ATTRS{model}=="VMware*", ATTR{device/timeout}="180"' in rule.content
    assert live == WriteKernel("/sys/block/sda/device/timeout", "30", "180")


def test_a_udev_before_098_gets_a_shell():
    (rule, *dummy) = verdict("60", kernel="2.6.18-398.el5", library=None).remedy
    assert "RUN+=\"/bin/sh -c 'echo 180 > /sys$$DEVPATH/device/timeout'\"" in rule.content
    assert 'BUS=="scsi", SYSFS{vendor}=="VMware*"' in rule.content
    assert "ATTR" not in rule.content


@pytest.mark.parametrize("kernel", ["2.6.18-398.el5", "2.6.32-754.el6", "3.10.0", "6.1.0"])
@pytest.mark.parametrize("vendor", ["VMware  ", "VMware, ", "ATA     "])
def test_our_own_rule_is_compliant_wherever_we_write_it(kernel, vendor):
    options = {"kernel": kernel, "vendor": vendor, "model": "VMware Virtual S", "library": None}
    content = verdict("30", **options).remedy[0].content
    rules = [(SCSI_RULE, line) for line in content.splitlines()]
    found = verdict("180", rules, files={SCSI_RULE: content}, **options)
    assert found.status is Status.COMPLIANT, found.reason
    assert found.owner is not None
    assert found.owner.startswith(SCSI_RULE)


def test_our_rule_with_another_value_is_rewritten():
    content = verdict("30", seconds=120).remedy[0].content
    rules = [(SCSI_RULE, line) for line in content.splitlines()]
    found = verdict("120", rules, files={SCSI_RULE: content})
    assert found.status is Status.NONCOMPLIANT
    assert found.remedy[0].before == content


def test_our_rule_whose_lines_were_not_read_is_unknown():
    content = verdict("30").remedy[0].content
    assert verdict("30", files={SCSI_RULE: content}).status is Status.UNKNOWN


@pytest.mark.parametrize(
    "rule",
    [
        'KERNEL=="sd*", RUN+="/bin/sh -c \'echo 60 > /sys/block/%k/device/timeout\'"',
        'ENV{SITE_CLUSTER}=="1", KERNEL=="sd*", RUN+="/bin/sh -c \'echo 60 > /sys%p/device/timeout\'"',
    ],
)
def test_a_program_that_runs_after_all_rules_is_in_the_way(rule):
    found = verdict("60", [("/etc/udev/rules.d/10-site.rules", rule)])
    assert found.status is Status.MANUAL
    assert "/etc/udev/rules.d/10-site.rules:1" in found.reason


def test_a_rule_before_ours_is_not():
    found = verdict("60", [("/etc/udev/rules.d/50-site.rules", 'KERNEL=="sd*", ATTR{device/timeout}="60"')])
    assert found.status is Status.NONCOMPLIANT


def test_a_rule_that_may_hold_is_no_promise():
    found = verdict("180", [("/etc/udev/rules.d/50-site.rules", 'ENV{X}=="1", ATTR{device/timeout}="180"')])
    assert found.status is Status.NOT_PERSISTENT


@pytest.mark.parametrize(("kernel", "status"), [("2.6.9-100.EL", Status.MANUAL), ("2.4.21", Status.NOT_APPLICABLE)])
def test_what_old_kernels_and_udevs_cannot(kernel, status):
    assert verdict("60", kernel=kernel, library=None).status is status


def test_somebody_elses_disk_does_not_count():
    assert verdict("30", vendor="NETAPP", model="LUN C-Mode").status is Status.NOT_APPLICABLE


@pytest.mark.parametrize("seconds", [29, 3601])
def test_a_timeout_out_of_range_is_refused(seconds):
    with pytest.raises(InputError, match="expected 30 to 3600"):
        resolve_policy({"disk_timeout_seconds": seconds}, TODAY)


# ---- NVMe ------------------------------------------------------------------------------------------------------------


#: Below a port of VMware's, as is every disk of a VM, passed through or not.
NVME_WAY = "../devices/pci0000:00/0000:00:15.0/0000:13:00.0/nvme/nvme0/nvme0n1"


def nvme(
    io_timeout="30000",
    rules=(),
    files=None,
    model="VMware Virtual NVMe Disk",
    argument=False,
    pci="15ad07f0",
    built_in=False,
) -> Verdict:
    """The verdict on a guest with one NVMe disk, on a controller of this PCI id."""
    found = {
        "/sys/block/nvme0n1/device/model": model,
        "/proc/cmdline": "ro quiet",
        "/proc/bus/pci/devices": pci if isinstance(pci, State) else f"00a8\t15ad07a0\t18\n1300\t{pci}\t13",
        **(files or {}),
    }
    if io_timeout is not None:
        found["/sys/block/nvme0n1/queue/io_timeout"] = io_timeout
    evidence = evidence_of(
        found,
        lines={
            "udev_rules": [(path, 1, line) for path, line in rules],
            "vmware_modules": [
                ("/lib/modules/6.1.0-28-amd64/modules.builtin", 1, "kernel/drivers/nvme/host/nvme-core.ko")
            ]
            * built_in,
        },
        entries=[Entry("/sys/block/nvme0n1", "l", "rwxrwxrwx", 1, 0, 0, 0, NVME_WAY)],
    )
    return assess_nvme(evidence, {"disk_timeout_seconds": 180, "disk_timeout_boot_argument": argument})


#: A boot menu that is made from what configures it, and one that gives the argument.
MENU = {
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX=""',
    "/boot/grub2/grub.cfg": "### BEGIN /etc/grub.d/10_linux ###\nmenuentry x {\n\tlinux /boot/vmlinuz-4.4 ro\n}\n"
    "### END /etc/grub.d/10_linux ###",
}
LINE = {"/boot/loader/entries/a.conf": "linux /vmlinuz\noptions root=/dev/sda1 nvme_core.io_timeout=255"}


@pytest.mark.parametrize(
    ("io_timeout", "files", "status"),
    [
        ("30000", {}, Status.NONCOMPLIANT),
        ("180000", {}, Status.NOT_PERSISTENT),
        ("255000", LINE, Status.COMPLIANT),
        ("30000", LINE, Status.NONCOMPLIANT),
        (State.DENIED, {}, Status.UNKNOWN),
        (None, {}, Status.UNKNOWN),
        (None, {NVME_PARAMETER: "30", **MENU}, Status.MANUAL),
        # Somebody wrote it into sysfs.
        (None, {NVME_PARAMETER: "255", **MENU}, Status.MANUAL),
        (None, {NVME_PARAMETER: "255", **LINE}, Status.COMPLIANT),
        (None, {NVME_PARAMETER: "30"}, Status.UNKNOWN),
    ],
)
def test_nvme(io_timeout, files, status):
    assert nvme(io_timeout, files=files).status is status


OPTION = {"/etc/modprobe.d/nvme.conf": "options nvme_core io_timeout=255"}


@pytest.mark.parametrize(
    ("io_timeout", "parameter", "built_in", "status"),
    [
        ("255000", "255", False, Status.COMPLIANT),
        # The driver was loaded from an image without it.
        ("30000", "30", False, Status.NONCOMPLIANT),
        ("255000", "30", False, Status.NOT_PERSISTENT),
        # A driver that is built in sees no modprobe.d (Amazon Linux 2023), whatever somebody wrote into its parameter.
        ("30000", "30", True, Status.NONCOMPLIANT),
        ("255000", "30", True, Status.NOT_PERSISTENT),
        ("255000", "255", True, Status.NOT_PERSISTENT),
        # No queue/io_timeout: only the parameter.
        (None, "255", False, Status.COMPLIANT),
        (None, "255", True, Status.MANUAL),
        (None, "200", False, Status.MANUAL),
    ],
)
def test_an_option_of_modprobe_d_counts_where_it_reached_the_driver(io_timeout, parameter, built_in, status):
    found = nvme(io_timeout, files={**OPTION, **MENU, NVME_PARAMETER: parameter}, built_in=built_in)
    assert found.status is status, found.reason
    assert (found.owner == "/etc/modprobe.d/nvme.conf:1") is (status is Status.COMPLIANT)
    written = [step.path for step in found.remedy if isinstance(step, WriteFile)]
    assert written == ([NVME_RULE] if io_timeout and status is not Status.COMPLIANT else [])


def test_an_option_that_sets_too_little_does_nothing_to_a_driver_that_is_built_in():
    option = {"/etc/modprobe.d/nvme.conf": "options nvme_core io_timeout=60"}
    found = nvme(None, files={**option, **MENU, NVME_PARAMETER: "30"}, argument=True, built_in=True)
    assert (found.status, len(found.remedy)) == (Status.NONCOMPLIANT, 1), found.reason


@pytest.mark.parametrize(
    ("value", "files", "status"),
    [
        ("30", MENU, Status.NONCOMPLIANT),
        ("180", MENU, Status.NOT_PERSISTENT),
        ("30", LINE, Status.PENDING_REBOOT),
        ("180", LINE, Status.COMPLIANT),
        ("30", {**MENU, "/etc/modprobe.d/site.conf": "options nvme_core io_timeout=60"}, Status.MANUAL),
    ],
)
def test_the_argument_of_nvme_where_it_is_asked_for(value, files, status):
    found = nvme(None, files={NVME_PARAMETER: value, **files}, argument=True)
    assert found.status is status, found.reason
    assert [edit.new for step in found.remedy for edit in step.edits] == (
        ['GRUB_CMDLINE_LINUX=" nvme_core.io_timeout=180"'] if found.remedy else []
    )


def test_the_remedy_of_nvme_waits_for_queues_that_have_a_timeout():
    rule, live = nvme().remedy
    assert rule.path == NVME_RULE
    assert 'TEST=="queue/io_timeout", ATTR{queue/io_timeout}="180000"' in rule.content
    assert live == WriteKernel("/sys/block/nvme0n1/queue/io_timeout", "30000", "180000")
    again = nvme("180000", [(NVME_RULE, line) for line in rule.content.splitlines()], {NVME_RULE: rule.content})
    assert again.status is Status.COMPLIANT


def test_the_rule_of_guests_that_were_remedied_is_still_the_same():
    assert nvme().remedy[0].content.splitlines()[1:] == [
        'ACTION=="add|change", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", KERNEL=="nvme*", ATTRS{model}=="VMware*", '
        'TEST=="queue/io_timeout", ATTR{queue/io_timeout}="180000"'
    ]


@pytest.mark.parametrize("model", ["Virtual NVMe", "", State.DENIED])
def test_a_disk_of_another_model_on_vmwares_controller_counts_and_its_rule_holds(model):
    rule, live = nvme(model=model).remedy
    assert rule.content.splitlines()[1:] == [
        'ACTION=="add|change", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", KERNEL=="nvme*", DRIVERS=="nvme", '
        'ATTRS{vendor}=="0x15ad", TEST=="queue/io_timeout", ATTR{queue/io_timeout}="180000"'
    ]
    assert live == WriteKernel("/sys/block/nvme0n1/queue/io_timeout", "30000", "180000")
    again = nvme("180000", [(NVME_RULE, line) for line in rule.content.splitlines()], {NVME_RULE: rule.content}, model)
    assert again.status is Status.COMPLIANT, again.reason


def test_a_rule_by_model_does_not_hold_for_a_disk_of_another_model():
    rule = nvme().remedy[0].content
    found = nvme("180000", [(NVME_RULE, line) for line in rule.splitlines()], {NVME_RULE: rule}, "Virtual NVMe")
    assert found.status is Status.NOT_PERSISTENT


@pytest.mark.parametrize("pci", ["80860a54", "144da808"])
def test_a_real_nvme_disk_does_not_count(pci):
    assert nvme(model="INTEL SSDPE2KX010T8", pci=pci).status is Status.NOT_APPLICABLE


def test_whose_disk_of_another_model_it_is_nobody_knows_without_the_pci_devices():
    assert nvme(model="Virtual NVMe", pci=State.DENIED).status is Status.UNKNOWN
    assert nvme(pci=State.DENIED).status is Status.NONCOMPLIANT
