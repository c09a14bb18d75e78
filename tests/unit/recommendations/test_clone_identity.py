# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clone_identity: given these ids, keys and remains, the audit says this. Nothing has a remedy."""

from __future__ import annotations

import pytest

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import Status
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.registry import READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.templates import OPTION
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.globs import glob_match
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import Entry, State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Files, Lines
from ansible_collections.vmguest.linux.plugins.plugin_utils.recommendations.clone_identity import (
    RESIDUE,
    SEEDS,
    assess_host_keys,
    assess_machine_id,
    assess_residue,
    assess_seed,
)
from ansible_collections.vmguest.linux.tests.unit.evidence_of import VMWARE, evidence_of

GUEST, TEMPLATE = {OPTION: False}, {OPTION: True}
ID, OTHER = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "ffeeddccbbaa99887766554433221100"
OWN, DBUS = "/etc/machine-id", "/var/lib/dbus/machine-id"
INIT = {**VMWARE, "/proc/1/comm": "init"}
NOT_ROOT = {"/sys/class/dmi/id/product_uuid": State.DENIED}


def entry(path, target=None, size=100, kind="-"):
    return Entry(path, "l" if target else kind, "rw-------", 1, 0, 0, size, target)


# ---- clone_machine_id ------------------------------------------------------------------------------------------------

LINK = [entry(DBUS, OWN)]


@pytest.mark.parametrize(
    ("files", "entries", "status", "in_template"),
    [
        ({OWN: ID}, (), Status.COMPLIANT, Status.MANUAL),
        ({OWN: ID, DBUS: ID}, LINK, Status.COMPLIANT, Status.MANUAL),
        ({OWN: ID, DBUS: ID}, (), Status.COMPLIANT, Status.MANUAL),
        ({OWN: ID, DBUS: OTHER}, (), Status.MANUAL, Status.MANUAL),
        ({OWN: ""}, (), Status.MANUAL, Status.COMPLIANT),
        ({OWN: "uninitialized"}, (), Status.MANUAL, Status.COMPLIANT),
        ({OWN: "", DBUS: ""}, LINK, Status.MANUAL, Status.COMPLIANT),
        # D-Bus' own copy would be handed on.
        ({OWN: "", DBUS: OTHER}, (), Status.MANUAL, Status.MANUAL),
        ({OWN: "0" * 32}, (), Status.MANUAL, Status.MANUAL),
        ({OWN: ID.upper()}, (), Status.MANUAL, Status.MANUAL),
        ({}, (), Status.MANUAL, Status.MANUAL),
        ({OWN: State.DENIED}, (), Status.UNKNOWN, Status.UNKNOWN),
        ({OWN: ID, DBUS: State.DENIED}, (), Status.UNKNOWN, Status.UNKNOWN),
    ],
)
def test_machine_ids(files, entries, status, in_template):
    evidence = evidence_of(files, entries=entries)
    assert assess_machine_id(evidence, GUEST).status is status, assess_machine_id(evidence, GUEST).reason
    assert assess_machine_id(evidence, TEMPLATE).status is in_template


def test_without_systemd_dbus_has_it():
    assert assess_machine_id(evidence_of(base=INIT), GUEST).status is Status.NOT_APPLICABLE
    assert assess_machine_id(evidence_of({DBUS: ID}, base=INIT), GUEST).status is Status.COMPLIANT
    found = assess_machine_id(evidence_of({DBUS: ID}, base=INIT), TEMPLATE)
    assert found.status is Status.MANUAL
    assert f"`rm {DBUS}`" in found.reason
    assert "truncate" not in found.reason


def test_the_id_itself_is_never_shown():
    for files in ({OWN: ID}, {OWN: ID, DBUS: OTHER}):
        for options in (GUEST, TEMPLATE):
            found = assess_machine_id(evidence_of(files), options)
            assert ID not in repr(found)
            assert OTHER not in repr(found)
    first, second = (assess_machine_id(evidence_of({OWN: one}), GUEST).persistent for one in (ID, OTHER))
    assert first != second


def test_what_an_earlier_id_left_is_told():
    journal = entry(f"/var/log/journal/{OTHER}", kind="d")
    mine = entry(f"/var/log/journal/{ID}", kind="d")
    loader = {f"/boot/loader/entries/{OTHER}-5.14.conf": "title x"}
    assert "earlier" not in assess_machine_id(evidence_of({OWN: ID}, entries=[mine]), GUEST).reason
    assert journal.path in assess_machine_id(evidence_of({OWN: ID}, entries=[journal]), GUEST).reason
    assert "boot loader" in assess_machine_id(evidence_of({OWN: ID, **loader}), GUEST).reason


# ---- clone_ssh_host_keys ---------------------------------------------------------------------------------------------

KEY = "/etc/ssh/ssh_host_ed25519_key"
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBv0Y5pP3cZ8vHq5sY0H0z1dJvG0o4v3l8m2u5y1b7Qd root@golden"
SSHD, KEYGEN, CLOUD = "/usr/sbin/sshd", "/usr/lib/systemd/system/sshd-keygen@.service", "/usr/bin/cloud-init"
#: A unit of the administrator's own, where the distribution has none.
OWN_UNIT = "/etc/systemd/system/ssh-keygen.service"
THERE = (SSHD, KEY, f"{KEY}.pub")


def server(*there, public=None, base=None):
    return evidence_of({f"{KEY}.pub": public} if public else {}, base=base, entries=[entry(path) for path in there])


@pytest.mark.parametrize(
    ("evidence", "status", "in_template"),
    [
        (server(), Status.NOT_APPLICABLE, Status.NOT_APPLICABLE),
        (server(*THERE, public=PUBLIC), Status.COMPLIANT, Status.MANUAL),
        (server(*THERE, public=State.DENIED), Status.UNKNOWN, Status.MANUAL),
        (server(*THERE, public="ssh-ed25519 %%%"), Status.UNKNOWN, Status.MANUAL),
        (server(SSHD, KEYGEN), Status.COMPLIANT, Status.COMPLIANT),
        (server(SSHD, OWN_UNIT), Status.COMPLIANT, Status.COMPLIANT),
        (server(SSHD, CLOUD), Status.COMPLIANT, Status.COMPLIANT),
        (server(SSHD, "/usr/sbin/sshd-gen-keys-start"), Status.COMPLIANT, Status.COMPLIANT),
        (server(SSHD), Status.MANUAL, Status.MANUAL),
        # A script of init makes keys where init runs scripts.
        (server(SSHD, "/etc/init.d/sshd"), Status.MANUAL, Status.MANUAL),
        (server(SSHD, "/etc/init.d/sshd", base=INIT), Status.COMPLIANT, Status.COMPLIANT),
    ],
)
def test_host_keys(evidence, status, in_template):
    assert assess_host_keys(evidence, GUEST).status is status, assess_host_keys(evidence, GUEST).reason
    assert assess_host_keys(evidence, TEMPLATE).status is in_template


def test_a_fingerprint_is_that_of_ssh_keygen_and_the_comment_tells_where_it_was_made():
    found = assess_host_keys(server(*THERE, public=PUBLIC), GUEST)
    assert found.persistent == "ssh-ed25519 SHA256:ZNfAWcNWPelBXHHXWSLQBV8ikBNZckubGF02HCF9QGs"
    assert "a host called golden" in found.reason
    own = {**VMWARE, "/proc/sys/kernel/hostname": "golden"}
    assert "golden" not in assess_host_keys(server(*THERE, public=PUBLIC, base=own), GUEST).reason


def test_no_private_key_is_ever_read():
    for name in ("rsa", "dsa", "ecdsa", "ed25519"):
        for read in READS:
            if isinstance(read, (Files, Lines)):
                assert not any(glob_match(glob, f"/etc/ssh/ssh_host_{name}_key") for glob in read.globs)


# ---- clone_random_seed, clone_residual_state -------------------------------------------------------------------------


@pytest.mark.parametrize("path", SEEDS)
def test_every_seed_counts(path):
    found = assess_seed(evidence_of(entries=[entry(path)]), TEMPLATE)
    assert found.status is Status.MANUAL
    assert found.owner == path


@pytest.mark.parametrize("path", [glob.replace("*", "x") for dummy, globs in RESIDUE for glob in globs])
def test_every_remain_counts(path):
    found = assess_residue(evidence_of(entries=[entry(path)]), TEMPLATE)
    assert found.status is Status.MANUAL
    assert path in found.reason


def test_a_name_of_an_initiator_counts_and_the_file_without_one_does_not():
    path = "/etc/iscsi/initiatorname.iscsi"
    named = evidence_of(lines={"initiator": [(path, 1, "InitiatorName=iqn.1994-05.com.redhat:1")]})
    assert path in assess_residue(named, TEMPLATE).reason
    assert assess_residue(evidence_of(), TEMPLATE).status is Status.COMPLIANT


def test_of_many_files_the_first_are_told():
    many = evidence_of(entries=[entry(f"/home/user{number}/.bash_history") for number in range(9)])
    assert "and 6 more" in assess_residue(many, TEMPLATE).reason


@pytest.mark.parametrize("assess", [assess_seed, assess_residue])
def test_only_templates_and_only_what_can_be_seen(assess):
    assert assess(evidence_of(), TEMPLATE).status is Status.COMPLIANT
    assert assess(evidence_of(), GUEST).status is Status.NOT_APPLICABLE
    assert assess(evidence_of(NOT_ROOT), TEMPLATE).status is Status.UNKNOWN
    empty = evidence_of(entries=[entry("/root/.bash_history", size=0), entry(SEEDS[0], size=0)])
    assert assess(empty, TEMPLATE).status is Status.COMPLIANT
