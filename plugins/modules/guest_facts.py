#!/usr/bin/python
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action plugin of the same name, which does the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_facts
short_description: Facts about a VMware guest
version_added: 0.1.0
description:
  - Reads a Linux guest in one round trip, writes nothing there, and sets C(ansible_facts.vmguest).
  - An audit never uses these facts; it reads the guest itself.
  - What could not be read is V(null), never a guess.
extends_documentation_fragment:
  - vmguest.linux.policy.guest
  - vmguest.linux.policy.module
attributes:
  check_mode:
    support: full
    details: It never changes anything.
  diff_mode:
    support: none
    details: It never changes anything.
seealso:
  - module: vmguest.linux.guest_audit
"""

EXAMPLES = r"""
- name: Read the guest
  vmguest.linux.guest_facts:

- name: Show the I/O schedulers
  ansible.builtin.debug:
    msg: "{{ ansible_facts['vmguest'].disks | items2dict(key_name='name', value_name='scheduler') }}"

- name: Read an image that is mounted on the guest
  vmguest.linux.guest_facts:
    root: /mnt/image
"""

RETURN = r"""
ansible_facts:
  description: The facts, below C(vmguest).
  type: complex
  returned: success
  contains:
    vmguest:
      description: What was found. Keys are only ever added in later versions.
      type: dict
      returned: success
      contains:
        platform:
          description:
            - V(is_vmware) (V(null) where nothing tells), DMI V(vendor), V(product) and V(uuid), V(container) (the evidence of one),
              V(machine), V(init), V(hostname), V(immutable) (V(ostree) on such systems).
          type: dict
          returned: always
          sample:
            is_vmware: true
            vendor: VMware, Inc.
            product: VMware7,1
            uuid: 564d0000-1111-2222-3333-444455556666
            container: null
            machine: x86_64
            init: systemd
            hostname: db1
            immutable: null
        distribution:
          description: V(id) as in os-release, V(family), V(version), V(major), V(minor) and V(name).
          type: dict
          returned: always
          sample: {id: debian, family: debian, version: '12', major: 12, minor: 0, name: Debian GNU/Linux 12 (bookworm)}
        kernel:
          description: V(release), its V(version) as three numbers, and the V(arguments) that it was booted with.
          type: dict
          returned: always
          sample: {release: 6.1.0-28-amd64, version: [6, 1, 0], arguments: [quiet]}
        memory:
          description: V(total_kib), and V(reservation_mib) that the host guarantees, V(null) where VMware Tools do not tell.
          type: dict
          returned: always
          sample: {total_kib: 8140540, reservation_mib: 0}
        swap:
          description:
            - V(in_use) by the kernel now, V(at_boot) as the configuration has it, and V(zram_kib), which is in neither.
          type: dict
          returned: always
          sample:
            in_use: [{path: /dev/sda2, kind: partition, size_kib: 2097148, used_kib: 0}]
            at_boot: [{spec: UUID=4d1f, path: /dev/sda2, size_kib: 2097148, owner: '/etc/fstab line 3', masked_by: null}]
            zram_kib: 0
        disks:
          description: V(name), V(vendor), V(model), V(virtual) (a VMDK), the active V(scheduler) and the V(schedulers) on offer.
          type: list
          elements: dict
          returned: always
          sample:
            - {name: sda, vendor: VMware, model: Virtual disk, virtual: true, scheduler: none, schedulers: [none, mq-deadline]}
        modules:
          description: Which of VMware's drivers are V(loaded), and which are V(built_in).
          type: dict
          returned: always
          sample: {loaded: [vmw_balloon, vmxnet3], built_in: []}
        packages:
          description: V(database) (V(dpkg), V(rpm) or V(null)) and V(versions) of installed packages that the manual is about.
          type: dict
          returned: always
          sample: {database: dpkg, versions: {open-vm-tools: '2:12.2.0-1'}}
        services:
          description:
            - V(units) of systemd that the manual is about (V(null) without systemd), init V(scripts), and V(daemons) that run.
          type: dict
          returned: always
          sample:
            units: {open-vm-tools.service: {active: active, running: true, enabled: true, masked_by: null}}
            scripts: {}
            daemons: [vmtoolsd]
        receipts:
          description: What M(vmguest.linux.guest_remediate) did to this guest, oldest first. V(state) is V(done) or V(reverted).
          type: list
          elements: dict
          returned: always
          sample:
            - name: 000001-io_scheduler
              recommendation: io_scheduler
              run: 5f2c1a9e0b7d4c36
              time: '2026-11-24T02:20:21Z'
              state: done
"""
