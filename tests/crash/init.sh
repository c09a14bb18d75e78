# shellcheck shell=sh
# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The first process of the small machine: brings up modules and disks, runs /job/job.sh, powers off.
# shellcheck disable=SC2123 # it is ours
PATH=/bb
export PATH
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in /modules/*.ko; do
    insmod "$module"
done
echo "== job begins"
cd /job || exit 1
# shellcheck disable=SC1091 # put there for each run
(. /job/job.sh)
echo "== job ended $?"
poweroff -f
