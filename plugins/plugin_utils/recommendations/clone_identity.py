# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clone_identity: what every guest must have of its own, and what of a template must not be handed on.

One guest cannot tell whether another has the same: findings show hashes and fingerprints, by which the records of a fleet tell.
What one guest shows is judged: an id that is missing, two that differ, and in a template whatever a clone would inherit. Nothing
is changed: sealing is irreversible, and is the last thing before the template is powered off.
"""

from __future__ import annotations

from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.finding import (
    Severity,
    Verdict,
    compliant,
    manual,
    not_applicable,
    unknown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.recommendation import Options, Recommendation
from ansible_collections.vmguest.linux.plugins.plugin_utils.engine.templates import is_template, only_for_templates
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import LOADER_ENTRIES
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.boot import READS as BOOT_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.evidence import Evidence
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.identity import (
    DBUS_ID,
    HOST_NQN,
    MACHINE_ID,
    host_keys,
    is_machine_id,
    other_journals,
    shown,
)
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.identity import READS as IDENTITY_READS
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.nic_bindings import only_root
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.probe_output import State
from ansible_collections.vmguest.linux.plugins.plugin_utils.evidence.reads import Lines, entries, files

# ---- clone_machine_id ------------------------------------------------------------------------------------------------

#: What says that the id is to be made at the next boot: an empty file, and systemd's word.
_NOT_YET = ("", "uninitialized")


def assess_machine_id(evidence: Evidence, options: Options) -> Verdict:
    """An id of its own, the same for systemd and D-Bus; in a template one that is still to be made."""
    own, dbus = evidence.file(MACHINE_ID), evidence.file(DBUS_ID)
    if State.DENIED in (own.state, dbus.state):
        return unknown(f"{MACHINE_ID if own.state is State.DENIED else DBUS_ID} cannot be read")
    if not evidence.platform.systemd and not own.exists and not dbus.exists:
        return not_applicable("it has neither systemd nor D-Bus, and so no machine id")
    entry = evidence.entry(DBUS_ID)
    linked = bool(entry and entry.target)
    main = own if evidence.platform.systemd or own.exists else dbus
    sides = {
        "persistent": shown(main.value) if is_machine_id(main.value) else main.value or f"{main.path} has none",
        "desired": "none yet" if is_template(options) else "an id of its own",
        "owner": main.path,
    }
    if is_template(options):
        held = [file.path for file in (own, dbus) if file.value not in _NOT_YET and not (file is dbus and linked)]
        if held:
            how = f"`truncate -s 0 {MACHINE_ID}`" if own.value not in _NOT_YET else ""
            if DBUS_ID in held:
                how += f"{' and ' if how else ''}`rm {DBUS_ID}`"
            return manual(
                f"every clone would have this machine id, and with it the same DHCP identifier and delays of timers: {how}, as "
                "the last thing before the template is powered off",
                **sides,
            )
        if evidence.platform.systemd and not own.exists:
            return manual(
                f"{MACHINE_ID} is not there: where /etc is read-only at boot, systemd can make no id. `touch {MACHINE_ID}`",
                **sides,
            )
        return compliant("each clone makes an id of its own at its first boot.", **sides)
    if not is_machine_id(main.value):
        return manual(
            f"expected 32 hexadecimal digits in {main.path}, found '{main.value[:40]}': `systemd-machine-id-setup` (without "
            "systemd `dbus-uuidgen --ensure`), then a reboot; the DHCP lease may change",
            **sides,
        )
    if main is own and dbus.exists and not linked and dbus.value != own.value:
        return manual(
            f"{DBUS_ID} is {shown(dbus.value)}, another id than systemd's: it is left of another guest. "
            f"`ln -sf {MACHINE_ID} {DBUS_ID}`, then a reboot",
            **sides,
        )
    return compliant(
        f"it has a machine id; whether another guest has it, too, records of all guests tell.{_traces(evidence, main.value)}",
        **sides,
    )


def _traces(evidence: Evidence, machine_id: str) -> str:
    """What an earlier machine id left: this guest was another one, once."""
    journals = other_journals(evidence, machine_id)
    names = [file.path.rpartition("/")[2].partition("-")[0] for file in evidence.glob(LOADER_ENTRIES)]
    entries_of_others = any(is_machine_id(name) and name != machine_id for name in names)
    left = [*journals, *(["boot loader entries"] if entries_of_others else [])]
    return f" {', '.join(left)} carry an earlier one, from before it was cloned or made anew." if left else ""


# ---- clone_ssh_host_keys ---------------------------------------------------------------------------------------------

_SSHD = "/usr/sbin/sshd"
#: What makes missing keys when sshd starts: units of Red Hat and Photon, SUSE's program; below, init scripts. Debian has none,
#: and needs a unit of the administrator's own.
_KEYGEN = (
    "/etc/systemd/system/ssh*keygen*.service",
    "/usr/lib/systemd/system/ssh*keygen*.service",
    "/usr/sbin/sshd-gen-keys-start",
)
_INIT_SCRIPT, _CLOUD_INIT = "/etc/init.d/sshd", "/usr/bin/cloud-init"


def assess_host_keys(evidence: Evidence, options: Options) -> Verdict:
    """Keys of its own; in a template none, and something that makes them."""
    if not evidence.entry(_SSHD):
        return not_applicable("it has no OpenSSH server")
    keys = host_keys(evidence)
    maker = next((found.path for glob in _KEYGEN for found in evidence.entries(glob)), None)
    if maker is None and not evidence.platform.systemd and evidence.entry(_INIT_SCRIPT):
        maker = _INIT_SCRIPT
    maker = maker or (_CLOUD_INIT if evidence.entry(_CLOUD_INIT) else None)
    sides = {
        "persistent": ", ".join(f"{key.kind} {key.fingerprint}" for key in keys.public)
        or (f"{len(keys.private)} private keys" if keys.private else "no keys"),
        "desired": "none yet, and something that makes them" if is_template(options) else "keys of its own",
        "owner": maker,
    }
    if is_template(options) and (keys.private or keys.public):
        return manual(
            "every clone could be taken for any other: `rm /etc/ssh/ssh_host_*`, as the last thing before the template is powered "
            "off",
            **sides,
        )
    if keys.problem:
        return unknown(keys.problem, **sides)
    if not keys.private and not maker:
        return manual(
            "it has no host keys, and nothing that makes them when it starts: `ssh-keygen -A`, in a template by a unit of its own, "
            "or cloud-init",
            **sides,
        )
    if not keys.private:
        return compliant(f"keys are made at the next start, by {maker}.", **sides)
    hosts = sorted({key.host for key in keys.public if key.host} - {evidence.platform.hostname, "localhost"})
    made = (
        f" They were made on a host called {', '.join(hosts)}: where this is a clone of it, they must be made anew."
        if hosts
        else ""
    )
    return compliant(
        f"it has host keys; whether another guest has them, too, records of all guests tell.{made}", **sides
    )


# ---- clone_random_seed -----------------------------------------------------------------------------------------------

_TOKEN = "/sys/firmware/efi/efivars/LoaderSystemToken-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
SEEDS = (
    "/var/lib/systemd/random-seed",
    "/var/lib/random-seed",
    "/var/lib/urandom/random-seed",
    "/var/lib/misc/random-seed",
    "/boot/loader/random-seed",
    "/boot/efi/loader/random-seed",
    "/efi/loader/random-seed",
    _TOKEN,
)


def assess_seed(evidence: Evidence, options: Options) -> Verdict:
    """A template must keep no seed: all clones would begin with the same."""
    if not is_template(options):
        return only_for_templates()
    if only_root(evidence):
        return unknown("it takes root to see the seeds that are kept, and the probe does not run as root")
    kept = [path for path in SEEDS if (entry := evidence.entry(path)) and entry.size]
    sides = {"persistent": ", ".join(kept) or "no seed", "desired": "no seed", "owner": kept[0] if kept else None}
    if kept:
        more = " (and the variable from the firmware, by `chattr -i` and `rm`)" if _TOKEN in kept else ""
        return manual(
            f"all clones would begin with the same randomness: `rm {' '.join(path for path in kept if path != _TOKEN)}`{more}, as "
            "the last thing before the template is powered off",
            **sides,
        )
    return compliant("no seed is kept.", **sides)


# ---- clone_residual_state --------------------------------------------------------------------------------------------

_INITIATOR = Lines("initiator", "^InitiatorName=", ("/etc/iscsi/initiatorname.iscsi",))
#: What a clone must not inherit: where it is, and how to be rid of it.
RESIDUE: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "remove",
        ("/root/.bash_history", "/home/*/.bash_history", "/root/.ssh/known_hosts", "/var/crash/*", "/etc/hostid"),
    ),
    ("`subscription-manager clean`", ("/etc/pki/consumer/cert.pem",)),
    ("`SUSEConnect --cleanup`", ("/etc/zypp/credentials.d/SCCcredentials",)),
    ("`cloud-init clean --logs --seed`", ("/var/lib/cloud/instance",)),
    (
        "remove, and let the agent register each clone",
        (
            "/var/lib/landscape/client/broker.bpickle",
            "/etc/salt/minion_id",
            "/etc/salt/pki/minion/minion.pem",
            "/etc/puppetlabs/puppet/ssl/certs/*.pem",
            "/var/lib/puppet/ssl/certs/*.pem",
            "/etc/chef/client.pem",
            "/var/lib/tailscale/tailscaled.state",
        ),
    ),
    (
        "remove, and make one for each clone",
        (
            "/etc/nvme/hostid",
            HOST_NQN,
            "/etc/krb5.keytab",
            "/etc/pki/tls/private/localhost.key",
            "/etc/cockpit/ws-certs.d/0-self-signed.key",
            "/var/lib/net-snmp/snmpd.conf",
        ),
    ),
    ("`journalctl --rotate --vacuum-time=1s`, and remove the folders", ("/var/log/journal/*",)),
)
#: Of many files the first ones tell enough.
_SHOWN = 3


def assess_residue(evidence: Evidence, options: Options) -> Verdict:
    """A template must hold no identity, no registration and no history of the VM that it was built as."""
    if not is_template(options):
        return only_for_templates()
    if only_root(evidence):
        return unknown("it takes root to see what is left of this VM, and the probe does not run as root")
    found = []
    for how, globs in RESIDUE:
        paths = [entry.path for glob in globs for entry in evidence.entries(glob) if entry.size or entry.kind == "d"]
        if paths:
            more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
            found.append((f"{', '.join(paths[:_SHOWN])}{more}", how))
    # Distributions ship it without a name, which is made at the first start.
    if evidence.lines(_INITIATOR.name):
        found.append((_INITIATOR.globs[0], "remove, and make one for each clone (`iscsi-iname`)"))
    sides = {
        "persistent": "; ".join(paths for paths, dummy in found) or "nothing that is looked for",
        "desired": "nothing that belongs to one VM",
    }
    if found:
        return manual("a clone would inherit " + "; ".join(f"{paths} ({how})" for paths, how in found), **sides)
    return compliant("nothing of this VM that is looked for would be handed on to clones.", **sides)


RECOMMENDATIONS = (
    Recommendation(
        id="clone_machine_id",
        area="cloning",
        title="Give every guest a machine id of its own",
        severity=Severity.HIGH,
        baseline="audit",
        talk="The talk has a slide on the problems of cloning, but does not name this one.",
        today="systemd derives the DHCP identifier and fixed delays of timers from it: with one id clones act as one.",
        risk="None: it is only looked at. Another id may mean another address, and boot loader entries under two names.",
        no_remedy=(
            "A new id changes the DHCP identifier, the journal's folder and names of boot entries, and a running system keeps "
            "the old one."
        ),
        source="machine-id(5); systemd.timer(5), FixedRandomDelay=; networkd.conf(5), DUIDType=",
        reads=(*IDENTITY_READS, *BOOT_READS),
        assess=assess_machine_id,
    ),
    Recommendation(
        id="clone_ssh_host_keys",
        area="cloning",
        title="Give every guest SSH host keys of its own",
        severity=Severity.CRITICAL,
        baseline="audit",
        talk="The talk has a slide on the problems of cloning, but does not name this one.",
        today="Whoever is root on one clone can impersonate every other.",
        risk="None: it is only looked at. New keys are refused by all who know the old ones.",
        no_remedy="A removed private key is gone, and who knows the old ones refuses the new ones.",
        source="ssh-keygen(1); sshd(8); cloud-init's documentation, ssh_deletekeys",
        reads=(*IDENTITY_READS, entries(_SSHD, *_KEYGEN, _INIT_SCRIPT, _CLOUD_INIT)),
        assess=assess_host_keys,
    ),
    Recommendation(
        id="clone_random_seed",
        area="cloning",
        title="Keep no random seed in a template",
        severity=Severity.MEDIUM,
        baseline="off",
        talk="The talk has a slide on the problems of cloning, but does not name this one.",
        today="Right for templates: keys that clones make at their first boot should not come from one seed.",
        risk="None: it is only looked at.",
        no_remedy=(
            "The seed is written anew at every shutdown, so that it is removed as the last thing before the template is "
            "powered off."
        ),
        source="systemd-random-seed.service(8); systemd.io/RANDOM_SEEDS",
        reads=(entries(*SEEDS),),
        assess=assess_seed,
    ),
    Recommendation(
        id="clone_residual_state",
        area="cloning",
        title="Keep nothing in a template that belongs to one VM",
        severity=Severity.MEDIUM,
        baseline="off",
        talk="Guest reconfiguration, sysprep's equivalent: there is no single standard.",
        today="Right for templates: registrations, agents' keys, names of initiators, histories and logs.",
        risk="None: it is only looked at. What is removed is gone.",
        no_remedy="What is removed (registrations, keys, history, journals) could not be put back without being kept.",
        source="virt-sysprep(1); cloud-init clean; subscription-manager(8); iscsi-iname(8)",
        reads=(entries(*(glob for dummy, globs in RESIDUE for glob in globs)), _INITIATOR, files(HOST_NQN)),
        assess=assess_residue,
    ),
)
