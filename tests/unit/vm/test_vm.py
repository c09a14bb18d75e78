# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VMs' pure parts: hardware, consoles, answers of QEMU, results and the page of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.vmguest.linux.tests.vm import console, machine, nvme_model, page, qmp
from ansible_collections.vmguest.linux.tests.vm.claims import CLAIMS, Claim
from ansible_collections.vmguest.linux.tests.vm.machine import CONTROLLERS, Hardware, Places, disk_device, words
from ansible_collections.vmguest.linux.tests.vm.results import Case, Recorder, load

PLACES = Places(Path("/x/console"), Path("/x/qmp"))


def command(hardware: Hardware, state: str | None = None) -> list[str]:
    return list(words("guest", hardware, Path("/x/disk.qcow2"), PLACES, state))


def values(command: list[str], option: str) -> list[str]:
    return [command[at + 1] for at, word in enumerate(command) if word == option]


# ---- hardware --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_the_root_disk_is_on_the_controller_and_says_it_is_vmwares(controller: str) -> None:
    devices = values(command(Hardware(controller)), "-device")
    assert devices[0] == f"{CONTROLLERS[controller]},id=scsi0"
    root = [device for device in devices if device.startswith("scsi-hd,")]
    assert len(root) == 1
    assert "bus=scsi0.0" in root[0]
    assert "vendor=VMware,product=Virtual disk" in root[0]


def test_an_unknown_controller_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no controller called 'ide'; there are: pvscsi, lsi, mptsas"):
        Hardware("ide")
    with pytest.raises(ValueError, match="'nvme'"):
        Hardware(data_controller="nvme")


def test_firmware_names_vmware_and_a_serial_number_of_the_uuid() -> None:
    """open-vm-tools, facts and the probe read these; a comma in a value is doubled for QEMU."""
    shown = command(Hardware(number=2))
    tables = values(shown, "-smbios")
    assert "manufacturer=VMware,, Inc.,product=VMware Virtual Platform" in tables[1]
    assert "serial=VMware-56 4d 1a 2b 3c 4d 5e 6f-70 81 92 a3 b4 c5 00 02" in tables[1]
    assert values(shown, "-uuid") == ["564d1a2b-3c4d-5e6f-7081-92a3b4c50002"]


def test_two_guests_differ_in_uuid_and_network_card() -> None:
    one, other = command(Hardware(number=1)), command(Hardware(number=300))
    assert values(one, "-uuid") != values(other, "-uuid")
    assert "mac=00:50:56:00:00:01" in " ".join(one)
    assert "mac=00:50:56:00:01:2c" in " ".join(other)


def test_only_writeback_heeds_the_guests_flushes() -> None:
    assert " ".join(command(Hardware(cache="writeback"))).count("cache.no-flush=off") == 2
    assert " ".join(command(Hardware())).count("cache.no-flush=on") == 2


def test_a_saved_state_is_loaded_where_there_is_one() -> None:
    assert values(command(Hardware(), "ready"), "-loadvm") == ["ready"]
    assert "-loadvm" not in command(Hardware())


def test_ssh_comes_in_by_a_port_of_the_hosts_choice_and_nothing_goes_out() -> None:
    net = values(command(Hardware()), "-netdev")
    assert net == ["user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:0-:22"]


def test_disks_that_are_plugged_in_have_names_of_their_own() -> None:
    """udev tells disks of one vendor apart by their WWN."""
    one, other = disk_device(1, "scsi1"), disk_device(2, "scsi1")
    assert one["bus"] == "scsi1.0"
    assert not {one["id"], one["wwn"], one["drive"], one["scsi-id"]} & {
        other["id"],
        other["wwn"],
        other["drive"],
        other["scsi-id"],
    }


def test_a_clock_that_counts_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "-icount" not in command(Hardware())
    monkeypatch.setattr(machine, "ICOUNT", "3")
    monkeypatch.setattr(machine, "ACCEL", "tcg,thread=multi,tb-size=128")
    shown = command(Hardware())
    assert (values(shown, "-icount"), values(shown, "-accel")) == (["shift=3"], ["tcg,tb-size=128"])


def test_empty_disks_from_power_on() -> None:
    shown = command(Hardware(data_controller="pvscsi", data_disks=1, nvme_disks=2))
    devices = values(shown, "-device")
    assert [device for device in devices if "bus=scsi1.0" in device and "vendor=VMware" in device]
    nvme = [device for device in devices if device.startswith("nvme,")]
    assert len(set(nvme)) == 2
    assert [node for node in values(shown, "-blockdev") if node.startswith("driver=null-co,node-name=nvme")] == [
        f"driver=null-co,node-name=nvme{number},size=67108864" for number in (1, 2)
    ]
    with pytest.raises(ValueError, match="data_disks are on the data_controller"):
        Hardware(data_disks=1)


def test_nothing_but_the_model_differs() -> None:
    content = b"\x7fELF..QEMU NVMe Ctrl\0nqn.2019"
    changed = nvme_model.renamed(content)
    assert changed == b"\x7fELF..VMware Virtual\0nqn.2019"
    for other in (b"\x7fELF", content * 2, b"QEMU NVMe Ctrl 2\0"):
        with pytest.raises(ValueError, match="times in qemu-system-x86_64; expected once"):
            nvme_model.renamed(other)


def test_a_qemu_of_the_other_model_finds_its_firmware_from_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = tmp_path / "usr/bin" / nvme_model.PROGRAM
    original.parent.mkdir(parents=True)
    original.write_bytes(b"#!/bin/sh\n: " + nvme_model.QEMUS)
    original.chmod(0o755)
    monkeypatch.setenv("PATH", str(original.parent))
    made = nvme_model.program(tmp_path / "cache")
    assert made.read_bytes() == b"#!/bin/sh\n: " + nvme_model.VMWARES
    assert (made.parent / "../share").resolve() == tmp_path / "usr/share"
    assert nvme_model.program(tmp_path / "cache") == made
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="make setup"):
        nvme_model.program(tmp_path / "cache")


# ---- consoles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "Gave up waiting for root file system device.  Common problems:\r\n",
            "Gave up waiting for root file system device",
        ),
        ("ALERT!  UUID=7d4f does not exist.  Dropping to a shell!", "ALERT!  UUID=7d4f does not exist"),
        (
            "[  183.5] dracut-initqueue[300]: Warning: dracut-initqueue: timeout, still waiting",
            "dracut-initqueue[300]: Warning: dracut-initqueue: timeout, still waiting",
        ),
        (
            "[    3.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
            "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
        ),
        ("You are in emergency mode. After logging in", "You are in emergency mode"),
        ("error: file `/boot/vmlinuz' not found.\r\ngrub rescue>", "error: file `/boot/vmlinuz' not found"),
        ("\r\nError 15: File not found\r\n", "Error 15: File not found"),
        ("No bootable device.", "No bootable device"),
    ],
)
def test_a_boot_that_has_failed_says_so(said: str, why: str) -> None:
    assert console.failure(f"SeaBIOS\r\n{said}\r\n") == why


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Loading Linux 6.1.0 ...\r\nLoading initial ramdisk ...\r\n",
        "[    0.540669] Failed to access perfctr msr (MSR c0010007 is 0)\r\nDebian GNU/Linux 12 debian ttyS0\r\n\r\ndebian login: ",
        "[   12.0] EXT4-fs (sda1): recovery complete\r\nerror 5 of something else",
    ],
)
def test_a_boot_that_goes_well_or_goes_on_says_nothing(said: str) -> None:
    assert console.failure(said) is None


def test_the_end_of_a_console_is_text() -> None:
    said = "\x1b[0m\x1b[2J\x1b(Bone\r\n\r\n\r\n\x1b[1;31mtwo\x1b[0m\r\nthree\x07\r\n"
    assert console.tail(said, 2) == "two\nthree"


# ---- QEMU's answers --------------------------------------------------------------------------------------------------


def test_the_forwarded_port_is_read() -> None:
    shown = (
        "Hub -1 (net0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
        "  TCP[HOST_FORWARD]  12       127.0.0.1 40231       10.0.2.15    22     0     0\r\n"
    )
    assert qmp.forwarded_port(shown) == 40231


def test_without_a_forwarded_port_what_was_read_is_said() -> None:
    with pytest.raises(ValueError, match="no port is forwarded to the guest's SSH: 'Hub -1'"):
        qmp.forwarded_port("Hub -1")


def test_a_qemu_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(qmp.QmpError, match="QEMU does not answer to query-status"):
        qmp.execute(tmp_path / "none", "query-status")


# ---- results and their page ------------------------------------------------------------------------------------------


def cases() -> list[Case]:
    """One of every claim."""
    return [Case(claim.id, f"case of {claim.id}", [("found", "a | b\nc")], 60, True) for claim in CLAIMS]


def test_results_are_kept_and_read_again(tmp_path: Path) -> None:
    said: list[str] = []
    recorder = Recorder("disks", "a disk", tmp_path, said.append)
    recorder.fact("scheduler", "none")
    recorder.close(passed=True)
    (case,) = load(tmp_path)
    assert (case.claim, case.title, case.facts, case.passed) == ("disks", "a disk", [("scheduler", "none")], True)
    assert said[-1].endswith("scheduler: none")
    assert json.loads(next(tmp_path.iterdir()).read_text())["claim"] == "disks"


def test_a_page_is_made_of_what_was_measured() -> None:
    text = page.page(cases())
    assert page.problems(cases()) == []
    assert text.count("| found | a \\| b<br>c |") == len(CLAIMS)


def test_a_page_tells_its_cases() -> None:
    """Of a machine that ran some of the scenarios, the others' results stay on the page."""
    shown = page.cases_of(page.page(cases()))
    assert [(case.claim, case.facts) for case in shown] == [(case.claim, case.facts) for case in cases()]
    written = (Path(page.__file__).parents[2] / "docs/proof.md").read_text(encoding="utf-8")
    assert page.page(page.cases_of(written)) == written


def test_the_page_says_that_the_scenario_itself_keeps_tools_from_being_installed() -> None:
    """Every profile enforces them; so it is not the profile that only looks, neither in new results nor in those of before."""
    assert page.only_looked_at("tools_present", "noncompliant").endswith("only looked at by this scenario")
    assert page.only_looked_at("swap_size", "noncompliant").endswith("only looked at by this profile")
    facts = [
        (f"{name} is noncompliant, and only looked at by this profile", "x") for name in ("tools_present", "swap_size")
    ]
    text = page.page([Case("profiles", "profile baseline", facts, passed=True)])
    assert "| tools_present is noncompliant, and only looked at by this scenario | x |" in text
    assert "| swap_size is noncompliant, and only looked at by this profile | x |" in text
    assert "the scenarios set open_vm_tools_mode to audit" in text


def test_what_was_run_again_replaces_what_the_page_has_and_what_is_gone_goes() -> None:
    old = [
        Case("disks", "A disk on LSI", [("found", "old")]),
        Case("disks", "A disk on lsi, sda", []),
        Case("gone", "X", []),
    ]
    new = [Case("disks", "a disk on LSI", [("found", "new")])]
    merged = page.newest(old, new, {"disks": ["a disk on {controller}", "another"]})
    assert [(case.title, case.facts) for case in merged] == [
        ("a disk on LSI", [("found", "new")]),
        ("A disk on lsi, sda", []),
    ]
    assert page.newest(old, [], {"disks": ["a disk on LSI"]}) == [old[0]]


def test_no_page_is_made_of_a_claim_that_failed_or_was_not_measured() -> None:
    first, *others = cases()
    assert page.problems(others) == [f"no scenario of '{CLAIMS[0].title}' was run"]
    failed = [replace(first, passed=False), *others]
    assert page.problems(failed) == [f"a scenario failed: {first.claim}, {first.title}"]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_has_scenarios_and_words(claim: Claim) -> None:
    assert (Path(page.__file__).parent / claim.file).is_file()
    assert (claim.recommendation is None) == bool(claim.law)
