# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""io_scheduler: given these disks and these owners, the audit says this, the plan is that."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status, Verdict
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.step import WriteFile, WriteKernel
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.io_scheduler import RULE, assess
from ansible_collections.vmguest.linux.tests.unit.evidence_of import evidence_of

SCHEDULER = "queue/scheduler"
TUNED = "/usr/lib/tuned/custom/tuned.conf"


def disk(name, scheduler, vendor="VMware  ", model="Virtual disk"):
    """The files of one disk."""
    return {
        f"/sys/block/{name}/queue/scheduler": scheduler,
        f"/sys/block/{name}/device/vendor": vendor,
        f"/sys/block/{name}/device/model": model,
    }


#: The way to an NVMe disk in sysfs, and what serves it.
NVME_WAY = "../devices/pci0000:00/0000:00:15.0/0000:13:00.0/nvme/nvme0/nvme0n1"
ON_VMWARES_CONTROLLER = {"/proc/bus/pci/devices": "00a8\t15ad07a0\t18\n1300\t15ad07f0\t13"}


#: A tuned that the next boot starts.
TUNED_UNIT = "Id=tuned.service\nNames=tuned.service\nLoadState=loaded\nActiveState=active"
TUNED_LINK = Entry("/etc/systemd/system/multi-user.target.wants/tuned.service", "l", "rwxrwxrwx", 1, 0, 0, 0, "x")


def verdict(
    files, *, strict=False, kernel="6.1.0-28-amd64", udev=(), tuned=(), cmdline="", units=(0, TUNED_UNIT), kconfig=()
) -> Verdict:
    """The verdict on a guest with these disks and owners."""
    names = sorted({path.split("/")[3] for path in files if path.startswith("/sys/block/")})
    evidence = evidence_of(
        {"/proc/sys/kernel/osrelease": kernel, "/proc/cmdline": cmdline, **files},
        lines={"udev_rules": udev, "tuned_profiles": tuned, "kconfig": kconfig},
        commands={"units": units},
        entries=[
            TUNED_LINK,
            *(
                Entry(f"/sys/block/{name}", "l", "rwxrwxrwx", 1, 0, 0, 0, NVME_WAY if name == "nvme0n1" else "../x")
                for name in names
            ),
        ],
    )
    return assess(evidence, {"io_scheduler_strict": strict})


EL6 = "2.6.32-754.el6.x86_64"


@pytest.mark.parametrize(
    ("running", "built", "menu", "status", "boot"),
    [
        # Chosen by hand: the next boot is back at what the kernel was built with.
        ("noop [deadline] cfq", "cfq", EL6, Status.NOT_PERSISTENT, "cfq"),
        ("[noop] deadline cfq", "deadline", EL6, Status.COMPLIANT, "deadline"),
        # Of the kernel that boots next nothing is known.
        ("noop [deadline] cfq", "cfq", "2.6.32-696.el6.x86_64", Status.COMPLIANT, "deadline"),
        ("[noop] deadline cfq", "deadline", "2.6.32-696.el6.x86_64", Status.NOT_PERSISTENT, "the kernel's default"),
    ],
)
def test_a_disk_with_one_queue_boots_with_what_the_next_kernel_was_built_with(running, built, menu, status, boot):
    """Red where the next boot is inferred from now though the kernel's configuration tells it."""
    grub = f"default=0\ntitle x\n\troot (hd0,0)\n\tkernel /vmlinuz-{menu} ro root=/dev/sda1"
    files = {**disk("sda", running), "/boot/grub/grub.conf": grub}
    kconfig = [(f"/boot/config-{EL6}", 9, f'CONFIG_DEFAULT_IOSCHED="{built}"')]
    found = verdict(files, kernel=EL6, kconfig=kconfig)
    assert (found.status, found.persistent) == (status, boot), found.reason
    sata = verdict({**files, **disk("sda", running, "ATA     ", "VMware Virtual S")}, kernel=EL6, kconfig=kconfig)
    assert sata.persistent == ("the kernel's default" if "[noop]" in running else "deadline")


MQ = "mq-deadline kyber [bfq] none"


@pytest.mark.parametrize(
    ("scheduler", "strict", "kernel", "status"),
    [
        ("[none] mq-deadline", False, "6.1.0", Status.COMPLIANT),
        ("[mq-deadline] none", False, "6.1.0", Status.COMPLIANT),
        ("[mq-deadline] none", True, "6.1.0", Status.NONCOMPLIANT),
        # none was written by hand: the kernel starts with mq-deadline again
        ("[none] mq-deadline", True, "6.1.0", Status.NOT_PERSISTENT),
        (MQ, False, "6.1.0", Status.NONCOMPLIANT),
        ("mq-deadline [kyber] none", False, "5.14.0", Status.NONCOMPLIANT),
        ("noop [deadline] cfq", False, "3.10.0", Status.COMPLIANT),
        ("noop [deadline] cfq", True, "3.10.0", Status.NONCOMPLIANT),
        ("noop anticipatory deadline [cfq]", False, "2.6.18", Status.NONCOMPLIANT),
        ("noop anticipatory deadline [cfq]", False, "2.6.9-89.EL", Status.MANUAL),
        # Its udev runs no programs, and assigns to no attribute.
        ("noop anticipatory deadline [cfq]", False, "2.6.12", Status.MANUAL),
        ("[noop] anticipatory deadline cfq", False, "2.6.18", Status.NOT_PERSISTENT),
        # linux-esx of Photon builds no scheduler at all
        ("[none]", True, "6.1.10-esx", Status.COMPLIANT),
        ("none", True, "6.1.10-esx", Status.COMPLIANT),
        ("[cfq]", False, "2.6.32", Status.MANUAL),
    ],
)
def test_one_disk(scheduler, strict, kernel, status):
    found = verdict(disk("sda", scheduler), strict=strict, kernel=kernel)
    assert found.status is status, found.reason
    assert bool(found.remedy) == (status in (Status.NONCOMPLIANT, Status.NOT_PERSISTENT))


def test_the_remedy_is_a_rule_for_boots_and_the_live_value():
    rule, live = verdict(disk("sda", MQ)).remedy
    assert isinstance(rule, WriteFile)
    assert (rule.path, rule.before) == (RULE, None)
    assert 'ATTR{queue/scheduler}="none"' in rule.content
    assert live == WriteKernel("/sys/block/sda/queue/scheduler", "bfq", "none")


def test_a_legacy_kernel_gets_noop():
    rule, live = verdict(disk("sda", "noop anticipatory deadline [cfq]"), kernel="2.6.32-754.el6").remedy
    assert 'ATTR{queue/scheduler}="noop"' in rule.content
    assert live.new == "noop"


@pytest.mark.parametrize("kernel", ["2.6.16.60-0.54.5-smp", "2.6.18-398.el5", "2.6.32-754.el6", "3.10.0", "6.1.0"])
@pytest.mark.parametrize("vendor", ["VMware  ", "ATA     "])
def test_our_own_rule_is_obeyed_wherever_we_write_it(kernel, vendor):
    options = {"vendor": vendor, "model": "VMware Virtual S"}
    content = verdict(disk("sda", "noop deadline [cfq]", **options), kernel=kernel).remedy[0].content
    old = kernel.startswith(("2.6.16", "2.6.18"))
    assert ("RUN+=\"/bin/sh -c 'echo noop > /sys$$DEVPATH/queue/scheduler'\"" in content) is old
    assert ("ATTR" not in content and "TEST" not in content) is old
    udev = [(RULE, number, line) for number, line in enumerate(content.splitlines(), 1)]
    found = verdict({**disk("sda", "[noop] deadline cfq", **options), RULE: content}, udev=udev, kernel=kernel)
    assert (found.status, found.owner.partition(":")[0]) == (Status.COMPLIANT, RULE), found.reason


NEW_KEYS = (
    'SUBSYSTEM=="block", KERNEL=="sd*", ATTRS{vendor}=="VMware*", TEST=="queue/scheduler", ATTR{queue/scheduler}="noop"'
)


def test_an_udev_before_098_sets_no_attribute():
    found = verdict(disk("sda", "[noop] deadline cfq"), udev=[(RULE, 2, NEW_KEYS)], kernel="2.6.18-398.el5")
    assert (found.status, found.owner) == (Status.NOT_PERSISTENT, "the kernel's default")
    assert [step.path for step in found.remedy] == [RULE]


def test_only_the_disks_that_are_wrong_are_written_to():
    files = {**disk("sda", "[none] mq-deadline bfq"), **disk("sdb", MQ)}
    assert [step.path for step in verdict(files).remedy] == [RULE, "/sys/block/sdb/queue/scheduler"]


def test_nvme_has_its_own_rule_by_model():
    rule = verdict(disk("nvme0n1", MQ, vendor="", model="VMware Virtual NVMe Disk")).remedy[0]
    assert 'KERNEL=="nvme*", ATTRS{model}=="VMware*"' in rule.content
    assert 'KERNEL=="sd*"' not in rule.content


def test_an_nvme_disk_of_another_model_has_a_rule_by_its_controller():
    files = {**disk("nvme0n1", MQ, vendor="", model="Virtual NVMe"), **ON_VMWARES_CONTROLLER}
    content = verdict(files).remedy[0].content
    assert 'KERNEL=="nvme*", DRIVERS=="nvme", ATTRS{vendor}=="0x15ad", TEST' in content
    assert "ATTRS{model}" not in content
    udev = [(RULE, number, line) for number, line in enumerate(content.splitlines(), 1)]
    files["/sys/block/nvme0n1/queue/scheduler"] = "mq-deadline [none]"
    found = verdict({**files, RULE: content}, udev=udev, strict=True)
    assert (found.status, found.owner) == (Status.COMPLIANT, f"{RULE}:2")


def test_an_nvme_disk_that_is_passed_through_does_not_count():
    files = {**disk("nvme0n1", MQ, vendor="", model="INTEL SSDPE2KX010T8")}
    real = {"/proc/bus/pci/devices": "00a8\t15ad07a0\t18\n1300\t80860a54\t13"}
    assert verdict({**files, **real}).status is Status.NOT_APPLICABLE
    assert verdict(files).status is Status.UNKNOWN


@pytest.mark.parametrize("name", ["loop0", "sr0", "dm-0", "zram0", "md127"])
def test_what_is_no_disk_does_not_count(name):
    assert verdict(disk(name, MQ)).status is Status.NOT_APPLICABLE


def test_somebody_elses_disk_does_not_count():
    assert verdict(disk("sda", MQ, vendor="NETAPP", model="LUN C-Mode")).status is Status.NOT_APPLICABLE


def test_unreadable_is_unknown_and_never_compliant():
    files = disk("sda", MQ)
    del files["/sys/block/sda/queue/scheduler"]
    assert verdict(files).status is Status.UNKNOWN


@pytest.mark.parametrize("shown", [State.DENIED, "", "mq-deadline none"])
@pytest.mark.parametrize("other", ["[none] mq-deadline", MQ])
def test_one_disk_that_cannot_be_read_is_enough_for_unknown(shown, other):
    found = verdict({**disk("sda", other), **disk("sdb", shown)})
    assert found.status is Status.UNKNOWN
    assert "of sdb cannot" in found.reason
    assert not found.remedy


def test_a_disk_without_a_scheduler_file_has_none_to_choose():
    files = {**disk("sda", "[none] mq-deadline"), **disk("sdb", "")}
    del files["/sys/block/sdb/queue/scheduler"]
    assert verdict(files).status is Status.COMPLIANT


def test_our_rule_in_place_is_compliant():
    content = verdict(disk("sda", MQ)).remedy[0].content
    udev = [(RULE, number, line) for number, line in enumerate(content.splitlines(), 1)]
    found = verdict({**disk("sda", "mq-deadline [none]"), RULE: content}, udev=udev, strict=True)
    assert found.status is Status.COMPLIANT
    assert found.owner == f"{RULE}:2"


def test_tuned_wins_over_udev_and_is_named():
    tuned = [(TUNED, 1, "[disk]"), (TUNED, 2, "elevator=bfq")]
    found = verdict({**disk("sda", MQ), "/etc/tuned/active_profile": "custom"}, tuned=tuned)
    assert found.status is Status.MANUAL
    assert "tuned profile custom" in found.reason
    assert "child profile" in found.reason


def test_tuned_that_may_not_start_counts_where_it_would_be_wrong():
    """Red where the profile of a tuned that may not start has a disk boot well, or where one that sets another is left alone."""
    active = {"/etc/tuned/active_profile": "custom"}
    right, wrong = ([(TUNED, 1, "[disk]"), (TUNED, 2, f"elevator={name}")] for name in ("none", "bfq"))
    found = verdict({**disk("sda", "[none] mq-deadline"), **active}, tuned=right, strict=True, units=(1, ""))
    assert (found.status, found.persistent) == (Status.NOT_PERSISTENT, "mq-deadline")
    assert verdict({**disk("sda", "[none] bfq"), **active}, tuned=wrong, units=(1, "")).status is Status.MANUAL


def test_tuned_that_is_right_is_the_owner():
    tuned = [(TUNED, 1, "[disk]"), (TUNED, 2, "elevator=none")]
    found = verdict(
        {**disk("sda", "[none] mq-deadline"), "/etc/tuned/active_profile": "custom"}, tuned=tuned, strict=True
    )
    assert found.status is Status.COMPLIANT
    assert found.owner is not None
    assert "tuned" in found.owner


def test_a_rule_that_runs_after_ours_is_in_the_way():
    path = "/etc/udev/rules.d/90-local.rules"
    found = verdict(disk("sda", MQ), udev=[(path, 3, 'KERNEL=="sd*", ATTR{queue/scheduler}="bfq"')])
    assert found.status is Status.MANUAL
    assert f"{path}:3" in found.reason


def test_a_rule_that_runs_before_ours_is_not():
    path = "/usr/lib/udev/rules.d/60-io-scheduler.rules"
    found = verdict(disk("sda", MQ), udev=[(path, 3, 'KERNEL=="sd*", ATTR{queue/scheduler}="bfq"')])
    assert found.status is Status.NONCOMPLIANT
    assert found.owner == f"{path}:3"


def test_right_now_and_wrong_at_boot_is_not_persistent():
    path = "/usr/lib/udev/rules.d/60-io-scheduler.rules"
    found = verdict(
        disk("sda", "mq-deadline [none] bfq"), udev=[(path, 3, 'KERNEL=="sd*", ATTR{queue/scheduler}="bfq"')]
    )
    assert found.status is Status.NOT_PERSISTENT
    assert [type(step) for step in found.remedy] == [WriteFile]


@pytest.mark.parametrize(("kernel", "stale"), [("6.1.0", True), ("4.18.0", False), ("2.6.32", False)])
def test_a_stale_elevator_argument_is_reported(kernel, stale):
    found = verdict(disk("sda", "[mq-deadline] none"), kernel=kernel, cmdline="ro elevator=noop quiet")
    assert ("Stale parameter" in found.reason) == stale


def test_elevator_is_an_owner_on_kernels_that_heed_it():
    grub = {"/boot/grub/grub.conf": "title x\n\tkernel /vmlinuz-2.6.18-398.el5 ro root=/dev/VG/LV elevator=noop"}
    found = verdict({**disk("sda", "[noop] anticipatory deadline cfq"), **grub}, kernel="2.6.18-398.el5", strict=True)
    assert found.status is Status.COMPLIANT
    assert found.owner == "/boot/grub/grub.conf:2"
