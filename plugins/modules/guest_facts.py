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
  type: dict
  returned: success
  contains:
    vmguest:
      description:
        - What was found. Keys are only ever added in later versions.
        - What could not be read is V(null) or left out of its list, never a guess.
      type: dict
      returned: success
      contains:
        platform:
          description: What kind of machine the guest is.
          type: dict
          returned: always
          contains:
            is_vmware:
              description: Whether the firmware says that it is a VMware guest; V(null) where it tells nothing.
              type: bool
              returned: always
              sample: true
            vendor:
              description: The vendor of the system by DMI; V(null) where it could not be read.
              type: str
              returned: always
              sample: VMware, Inc.
            product:
              description: The product by DMI; V(null) where it could not be read.
              type: str
              returned: always
              sample: VMware7,1
            uuid:
              description: The UUID by DMI, in lower case; V(null) where it could not be read.
              type: str
              returned: always
              sample: 564d0000-1111-2222-3333-444455556666
            seed:
              description:
                - What tells the guest from its clones, the UUID in one byte order, or a MAC address of VMware's, or the host
                  name; V(null) where nothing does. The filter P(vmguest.linux.scatter#filter) makes times of it.
              type: str
              returned: always
              sample: uuid 00004d56111122223333444455556666
            container:
              description: What shows that this is a container; V(null) where nothing does.
              type: str
              returned: always
              sample: /run/.containerenv
            machine:
              description: The architecture as C(uname -m) has it; V(null) where it did not answer.
              type: str
              returned: always
              sample: x86_64
            init:
              description: Process 1, V(systemd) or its name.
              type: str
              returned: always
              sample: systemd
            hostname:
              description: The kernel's host name; V(null) where it could not be read.
              type: str
              returned: always
              sample: db1
            immutable:
              description:
                - What changes the system as a whole, for the next boot; V(ostree), or V(transactional) for the snapshots of SLE
                  Micro and MicroOS. V(null) where packages change the running system.
              type: str
              returned: always
              sample: ostree
        distribution:
          description: Which distribution it is.
          type: dict
          returned: always
          contains:
            id:
              description: As in os-release (V(rhel), V(sles), V(ubuntu) and so on), or in its words what older files tell.
              type: str
              returned: always
              sample: debian
            family:
              description: V(redhat), V(suse), V(debian), V(amazon), V(photon), or the id of the distribution itself.
              type: str
              returned: always
              sample: debian
            version:
              description: The version as the distribution writes it; V(null) where nothing tells.
              type: str
              returned: always
              sample: '12'
            major:
              description: The first number of the version; V(0) where nothing tells.
              type: int
              returned: always
              sample: 12
            minor:
              description: The second number of the version; V(0) where there is none.
              type: int
              returned: always
              sample: 0
            name:
              description: The name for a person.
              type: str
              returned: always
              sample: Debian GNU/Linux 12 (bookworm)
        kernel:
          description: The kernel that runs.
          type: dict
          returned: always
          contains:
            release:
              description: As C(uname -r) has it; V(null) where it could not be read.
              type: str
              returned: always
              sample: 6.1.0-28-amd64
            version:
              description: Its first three numbers.
              type: list
              elements: int
              returned: always
              sample: [6, 1, 0]
            arguments:
              description: The arguments that it was booted with, in their order; passwords are taken out.
              type: list
              elements: str
              returned: always
              sample: [ro, quiet]
        memory:
          description: The memory.
          type: dict
          returned: always
          contains:
            total_kib:
              description: What the kernel has of it, in KiB; V(null) where it could not be read.
              type: int
              returned: always
              sample: 8140540
            reservation_mib:
              description: What the host guarantees, in MiB; V(null) where VMware Tools do not tell.
              type: int
              returned: always
              sample: 0
        swap:
          description: Swap areas, without zram, which gives the balloon nothing.
          type: dict
          returned: always
          contains:
            in_use:
              description: Those that the kernel uses now; V(null) where they could not be read.
              type: list
              elements: dict
              returned: always
              contains:
                path:
                  description: The device or file.
                  type: str
                  returned: always
                  sample: /dev/sda2
                kind:
                  description: V(partition) or V(file).
                  type: str
                  returned: always
                  sample: partition
                size_kib:
                  description: Its size in KiB.
                  type: int
                  returned: always
                  sample: 2097148
                used_kib:
                  description: What of it is used, in KiB.
                  type: int
                  returned: always
                  sample: 0
            at_boot:
              description: Those that the configuration turns on at the next boot; V(null) where it could not be read.
              type: list
              elements: dict
              returned: always
              contains:
                spec:
                  description: The area as it is written there.
                  type: str
                  returned: always
                  sample: UUID=4d1f
                path:
                  description: The device or file that it stands for.
                  type: str
                  returned: always
                  sample: /dev/sda2
                size_kib:
                  description: Its size in KiB, V(0) where nothing is there; V(null) where it cannot be known.
                  type: int
                  returned: always
                  sample: 2097148
                owner:
                  description: The line or unit that turns it on.
                  type: str
                  returned: always
                  sample: /etc/fstab line 3
                masked_by:
                  description: The masked unit that keeps systemd from it; V(null) where there is none.
                  type: str
                  returned: always
                  sample: /etc/systemd/system/swap.target
            zram_kib:
              description: Swap in zram, in KiB, which is in neither list.
              type: int
              returned: always
              sample: 0
        disks:
          description: Disks, without CD-ROMs, loops, memory disks and what is made of other disks.
          type: list
          elements: dict
          returned: always
          contains:
            name:
              description: The kernel's name.
              type: str
              returned: always
              sample: sda
            vendor:
              description: The vendor that it reports; V(null) where there is none (NVMe).
              type: str
              returned: always
              sample: VMware
            model:
              description: The model that it reports; V(null) where there is none.
              type: str
              returned: always
              sample: Virtual disk
            virtual:
              description: Whether it is a disk of VMware, by what it reports, or an NVMe one by its controller.
              type: bool
              returned: always
              sample: true
            scheduler:
              description: The I/O scheduler in force; V(null) where the kernel shows none.
              type: str
              returned: always
              sample: none
            schedulers:
              description: The schedulers on offer.
              type: list
              elements: str
              returned: always
              sample: [none, mq-deadline]
        modules:
          description: VMware's drivers.
          type: dict
          returned: always
          contains:
            loaded:
              description: Those that are loaded, as modules or as parts of the kernel that show themselves in sysfs.
              type: list
              elements: str
              returned: always
              sample: [vmw_balloon, vmxnet3]
            built_in:
              description: Those that are part of the running kernel.
              type: list
              elements: str
              returned: always
              sample: [vmw_pvscsi]
        packages:
          description: Packages that the manual is about.
          type: dict
          returned: always
          contains:
            database:
              description: Who was asked, V(dpkg) or V(rpm); V(null) where neither answered.
              type: str
              returned: always
              sample: dpkg
            versions:
              description: Name to version of those that are installed. Which names there are, depends on the guest.
              type: dict
              returned: always
              sample: {open-vm-tools: '2:12.2.0-1'}
        services:
          description: Services that the manual is about.
          type: dict
          returned: always
          contains:
            units:
              description: Services of systemd by their names; V(null) where systemd did not answer.
              type: dict
              returned: always
              contains:
                unit_name:
                  description:
                    - One for each unit that systemd knows, under its own name without C(.service), such as V(open-vm-tools).
                  type: dict
                  returned: always
                  contains:
                    active:
                      description: Its state as systemd has it.
                      type: str
                      returned: always
                      sample: active
                    running:
                      description: Whether it runs now.
                      type: bool
                      returned: always
                      sample: true
                    enabled:
                      description: Whether it starts at the next boot.
                      type: bool
                      returned: always
                      sample: true
                    masked_by:
                      description: The link to /dev/null that forbids it; V(null) where there is none.
                      type: str
                      returned: always
                      sample: /etc/systemd/system/open-vm-tools.service
            scripts:
              description: Scripts of init by their names.
              type: dict
              returned: always
              contains:
                script_name:
                  description: One for each script, under its own name, such as V(vmtoolsd).
                  type: dict
                  returned: always
                  contains:
                    path:
                      description: The script.
                      type: str
                      returned: always
                      sample: /etc/init.d/vmtoolsd
                    starts:
                      description: The links that start it in runlevels 2 to 5.
                      type: list
                      elements: str
                      returned: always
                      sample: [/etc/rc3.d/S12vmtoolsd]
            daemons:
              description: Daemons among its processes.
              type: list
              elements: str
              returned: always
              sample: [vmtoolsd]
        receipts:
          description: What M(vmguest.linux.guest_remediate) did to this guest, oldest first.
          type: list
          elements: dict
          returned: always
          contains:
            name:
              description: The name of the receipt.
              type: str
              returned: always
              sample: 000001-io_scheduler
            recommendation:
              description: Whose steps they were.
              type: str
              returned: always
              sample: io_scheduler
            run:
              description: The id of the run that did them.
              type: str
              returned: always
              sample: 5f2c1a9e0b7d4c36
            time:
              description: When, in UTC.
              type: str
              returned: always
              sample: '2026-11-24T02:20:21Z'
            state:
              description: V(done), V(reverted), or V(prepared) or V(committing) where it was interrupted.
              type: str
              returned: always
              sample: done
"""
