#!/bin/sh
# Lays the /sys and /proc of a VMware guest over those of a running container: fake_kernel.sh CONTAINER [modern|legacy]
#
# A container shares the machine's kernel: its real /sys and /proc/sys show the machine, are read-only, and must stay so.
# What is laid over them are plain files in a file system in memory, so that what is written can be read back and the
# machine is never touched; whether a real kernel would take it, only a virtual machine can tell. Besides:
#   - the I/O scheduler files answer as a kernel's do (fake_schedulers.py);
#   - memory figures and /proc/swaps show 2 GiB with swap enough: a container may not swapon;
#   - modules show as loaded: a container may not modprobe;
#   - the DMI UUID follows from the container's name: the same guest at every run.
# `legacy` is a 2.6.18 kernel: single-queue schedulers, and no DMI in /sys (ask dmidecode).
set -eu
LC_ALL=C
export LC_ALL

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
export CONTAINERS_CONF="$here/containers.conf"
container=$1
kernel=${2:-modern}

guest=$(podman inspect --format '{{.State.Pid}}' "$container")
[ "$guest" -gt 0 ] || {
    echo "fake_kernel: container $container does not run" >&2
    exit 1
}
in_guest() { nsenter --target "$guest" --mount -- "$@"; }

inside=/run/fake_kernel            # as the guest sees it
tree=/proc/$guest/root$inside      # the same, from here

put() { # file below the tree, its lines
    file=$tree/$1
    shift
    mkdir -p "${file%/*}"
    printf '%s\n' "$@" >"$file"
}

# The container may have been laid over already: one fake kernel is enough.
[ ! -e "$tree/ready" ] || exit 0
in_guest mkdir -p "$inside"
in_guest mount -t tmpfs -o mode=0755 fake_kernel "$inside"

# ---- identity: the serial number and the UUID are two spellings of the same 16 bytes ---------------------------------

bytes=564d$(printf '%s' "$container" | sha256sum | cut -c 1-28)
serial=$(printf '%s' "$bytes" | sed 's/../& /g; s/ $//; s/^\(.\{23\}\) /VMware-\1-/')
uuid=$(printf '%s' "$bytes" | sed 's/^\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/')
case $kernel in
    legacy) dmi=dmi ;;
    *) dmi=sys/devices/virtual/dmi/id ;;
esac
put "$dmi/sys_vendor" 'VMware, Inc.'
put "$dmi/product_name" 'VMware Virtual Platform'
put "$dmi/product_version" None
put "$dmi/product_serial" "$serial"
put "$dmi/product_uuid" "$uuid"
put "$dmi/board_vendor" 'Intel Corporation'
put "$dmi/board_name" '440BX Desktop Reference Platform'
put "$dmi/bios_vendor" 'Phoenix Technologies LTD'
put "$dmi/chassis_vendor" 'No Enclosure'
chmod 0400 "$tree/$dmi/product_serial" "$tree/$dmi/product_uuid"
if [ "$kernel" = modern ]; then
    mkdir -p "$tree/sys/class/dmi"
    ln -s ../../devices/virtual/dmi/id "$tree/sys/class/dmi/id"
fi

# ---- one disk on a paravirtual SCSI controller -----------------------------------------------------------------------

controller=sys/devices/pci0000:00/0000:00:15.0/0000:03:00.0
scsi=$controller/host0/target0:0:0/0:0:0:0
disk=$scsi/block/sda
put "$controller/vendor" 0x15ad
put "$controller/device" 0x07c0
put "$controller/class" 0x010700
put "$scsi/vendor" 'VMware  '
put "$scsi/model" 'Virtual disk    '
put "$scsi/type" 0
put "$scsi/timeout" 30
put "$scsi/queue_depth" 64
put "$disk/dev" 8:0
put "$disk/size" 83886080
put "$disk/removable" 0
put "$disk/ro" 0
put "$disk/queue/rotational" 1
put "$disk/queue/nr_requests" 128
put "$disk/queue/read_ahead_kb" 128
case $kernel in
    legacy) put "$disk/queue/scheduler" 'noop anticipatory deadline [cfq]' ;;
    *) put "$disk/queue/scheduler" '[mq-deadline] kyber bfq none' ;;
esac
mkdir -p "$tree/sys/block" "$tree/sys/class/block" "$tree/sys/bus/pci/devices" "$tree/sys/bus/pci/drivers/vmw_pvscsi"
ln -s "../${disk#sys/}" "$tree/sys/block/sda"
ln -s "../../${disk#sys/}" "$tree/sys/class/block/sda"
ln -s ../../../0:0:0:0 "$tree/$disk/device"
ln -s ../../../../bus/pci/drivers/vmw_pvscsi "$tree/$controller/driver"
ln -s "../../../${controller#sys/}" "$tree/sys/bus/pci/devices/0000:03:00.0"

# ---- modules and memory ----------------------------------------------------------------------------------------------

for module in vmw_balloon vmw_pvscsi vmw_vmci vmxnet3; do
    put "sys/module/$module/initstate" live
done
put sys/module/vmw_pvscsi/parameters/cmd_per_lun 254
put sys/kernel/mm/transparent_hugepage/enabled 'always [madvise] never'
put sys/devices/system/cpu/online 0-1
[ "$kernel" = legacy ] || put sys/devices/system/cpu/modalias \
    'cpu:type:x86,ven0000fam0006mod004F:feature:,003D,0080,0089,008C,008D,0093,0094,0096,0097,009A,009C,009D,00C0,00C5,0123,0125,0128'
put sys/devices/system/cpu/possible 0-1
mkdir -p "$tree/sys/class/net" "$tree/sys/fs/cgroup" "$tree/sys/firmware" "$tree/sys/power"
put proc/meminfo \
    'MemTotal:        2014124 kB' \
    'MemFree:          911324 kB' \
    'MemAvailable:    1603480 kB' \
    'Buffers:           51200 kB' \
    'Cached:           640000 kB' \
    'SwapCached:            0 kB' \
    'SwapTotal:       2097148 kB' \
    'SwapFree:        2097148 kB'
case $kernel in
    legacy) swap=/dev/mapper/VolGroup00-LogVol01 ;;
    *) swap=/dev/sda2 ;;
esac
put proc/swaps \
    'Filename				Type		Size	Used	Priority' \
    "$swap                               partition	2097148	0	-2"

# ---- /proc/sys: names and values of the running kernel, as plain files -----------------------------------------------

mkdir -p "$tree/proc/sys"
(cd /proc/sys && find . -type d) | (cd "$tree/proc/sys" && xargs mkdir -p)
# Some can only be written, and cp says so.
(cd /proc/sys && find . -type f -perm -0200 -exec cp --parents --no-preserve=all -t "$tree/proc/sys" {} + 2>/dev/null) || :
for name in ostype osrelease version hostname arch; do
    in_guest cat "/proc/sys/kernel/$name" >"$tree/proc/sys/kernel/$name"
done
if [ "$kernel" = legacy ]; then
    put proc/sys/kernel/osrelease 2.6.18-398.el5
    put proc/version 'Linux version 2.6.18-398.el5 (gcc version 4.1.2) #1 SMP Tue Aug 12 06:26:17 EDT 2014'
    put proc/cmdline 'ro root=/dev/VolGroup00/LogVol00 rhgb quiet'
else
    put proc/cmdline 'BOOT_IMAGE=/boot/vmlinuz root=UUID=3255683f-53a2-4fdf-91cf-b4c1041e2a62 ro quiet elevator=noop'
fi

# ---- lay it over -----------------------------------------------------------------------------------------------------

(cd "$tree/proc" && find . -maxdepth 1 -mindepth 1) | while read -r name; do
    in_guest mount --bind "$inside/proc/$name" "/proc/$name"
done
in_guest mount --rbind /sys/fs/cgroup "$inside/sys/fs/cgroup"
in_guest mount --rbind "$inside/sys" /sys

log=$(mktemp)
setsid python3 "$here/fake_schedulers.py" "$guest" "$tree/$disk/queue/scheduler" </dev/null >"$log" 2>&1 &
tries=0
until grep -q '^ready$' "$log"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
        cat "$log" >&2
        echo 'fake_kernel: the scheduler files do not answer' >&2
        exit 1
    fi
    sleep 0.1
done
rm "$log"
put ready "$kernel"
