# Copyright (c) 2026, vmguest.linux contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# grub-mkconfig [-o FILE]: a grub.cfg as the templates in /etc/grub.d of Debian 12 and Ubuntu (GRUB 2.06), RHEL 7 (2.02) and
# SLES 15 (2.06) make it, from /etc/default/grub and the kernels in /boot. Debian's also reads /etc/default/grub.d. What draws
# is left out; the order of the arguments, titles, ids, submenus and recovery entries are the originals'.
# shellcheck shell=sh
# shellcheck disable=SC1090,SC1091,SC2016 # the guest's own files; GRUB's variables
: "${ROOT?}" "${STATE:?}" "${NAME0:?}"

masked() {
  grep -qsxF "$1" "${MASKED:-/dev/null}"
}
! masked "$STATE/bin/$NAME0" || exit 0

out=
[ "$NAME0" != update-grub ] || { out=$ROOT/boot/grub/grub.cfg NAME0=grub-mkconfig; }
while [ "$#" -gt 0 ]; do
  case $1 in
  -o) out=$2 && shift ;;
  --output=*) out=${1#*=} ;;
  esac
  shift
done
[ -z "$out" ] || exec >"$out.new" || exit 1

distribution=$(sed -n 's/^ID="\{0,1\}\([a-z]*\).*/\1/p' "$ROOT/etc/os-release")
case $distribution in
debian | ubuntu) family=debian ;;
rhel | centos | ol | amzn) family=redhat ;;
*) family=suse ;;
esac

# What /etc/default/grub asks of the machine.
lsb_release() { sed -n 's/^NAME="\([A-Za-z]*\).*/\1/p' "$ROOT/etc/os-release"; }
GRUB_CMDLINE_LINUX='' GRUB_CMDLINE_LINUX_DEFAULT='' GRUB_DEFAULT='' GRUB_DISABLE_RECOVERY='' GRUB_DISABLE_SUBMENU=''
[ ! -e "$ROOT/etc/default/grub" ] || . "$ROOT/etc/default/grub" 2>/dev/null
if [ "$family" = debian ]; then
  for drop_in in "$ROOT"/etc/default/grub.d/*.cfg; do
    [ ! -e "$drop_in" ] || . "$drop_in"
  done
fi
GRUB_DEFAULT=${GRUB_DEFAULT:-0}
[ "$GRUB_DEFAULT" != saved ] || GRUB_DEFAULT='${saved_entry}'

# The root's device and UUID, and whether /boot is a file system of its own.
device=$(sed -n 's,^\(/dev/[^ ]*\) / .*,\1,p' "$ROOT/proc/mounts")
uuid=$(sed -n 's,^UUID=\([^[:blank:]]*\)[[:blank:]]*/[[:blank:]].*,\1,p' "$ROOT/etc/fstab")
root_argument=$device
id=$device
for link in "$ROOT"/dev/disk/by-uuid/*; do
  [ "${device##*/}" = "$(basename "$(readlink "$link")")" ] || [ "$(basename "$(readlink "$link")")" = dm-0 ] || continue
  id=${link##*/}
done
case $device in
/dev/mapper/*) ;;
*) root_argument=UUID=$uuid id=$uuid ;;
esac
# A tree without links of LVM's file systems: the id of /boot serves as well.
case $id in
/dev/*) id=$(sed -n 's,^UUID=\([^[:blank:]]*\).*,\1,p' "$ROOT/etc/fstab" | head -n 1) ;;
esac
boot=/boot
! grep -q '^[^ ]* /boot ' "$ROOT/proc/mounts" || boot=''

case $family in
debian)
  os=$GRUB_DISTRIBUTOR
  [ "$distribution" = ubuntu ] || os="$GRUB_DISTRIBUTOR GNU/Linux"
  class="--class $distribution --class gnu-linux --class gnu --class os"
  linux=linux initrd=initrd
  ;;
redhat)
  os=$(sed 's/ release.*//' "$ROOT/etc/system-release")
  class='--class red --class gnu-linux --class gnu --class os --unrestricted'
  linux=linux16 initrd=initrd16
  [ "$distribution" != amzn ] || linux=linux initrd=initrd
  [ ! -e "$ROOT/sys/firmware/efi" ] || linux=linuxefi initrd=initrdefi
  ;;
suse)
  os=$(sed -n 's/^PRETTY_NAME="SUSE Linux Enterprise Server \([0-9]*\) SP\([0-9]*\)"/SLES \1-SP\2/p' "$ROOT/etc/os-release")
  [ -n "$os" ] || os=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' "$ROOT/etc/os-release")
  class=" --class ${distribution} --class gnu-linux --class gnu --class os"
  linux=linux initrd=initrd
  ;;
esac

# entry TYPE VERSION ARGUMENTS
entry() {
  title="$os, with Linux $2"
  entry_id=gnulinux-$2-$1-$id
  case $family:$1 in
  redhat:*) title="$os ($2) $(sed 's/.*release //' "$ROOT/etc/redhat-release")" entry_id=gnulinux-$2-advanced-$id ;;
  *:simple) title=$os entry_id=gnulinux-simple-$id ;;
  *:recovery) title="$title (recovery mode)" ;;
  esac
  image=
  for name in "initrd.img-$2" "initramfs-$2.img" "initrd-$2"; do
    [ ! -e "$ROOT/boot/$name" ] || image=$name
  done
  printf '%s\n' "menuentry '$title' $class \$menuentry_id_option '$entry_id' {"
  [ "$distribution" != ubuntu ] || printf '\trecordfail\n'
  printf '\tload_video\n'
  if [ "$family" = debian ]; then
    [ "$distribution" != ubuntu ] || printf '\tgfxmode $linux_gfx_mode\n'
    printf '\tinsmod gzio\n\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n'
  else
    printf '\tset gfxpayload=keep\n\tinsmod gzio\n'
  fi
  printf '\tinsmod part_msdos\n\tinsmod ext2\n'
  printf '\tset root='\''hd0,msdos1'\''\n'
  printf '\tif [ x$feature_platform_search_hint = xy ]; then\n'
  printf '\t  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1 %s\n' "$id"
  printf '\telse\n\t  search --no-floppy --fs-uuid --set=root %s\n\tfi\n' "$id"
  [ "$family" = redhat ] || printf '\techo\t'\''Loading Linux %s ...'\''\n' "$2"
  case $family in
  redhat) printf '\t%s %s/vmlinuz-%s root=%s ro %s\n' "$linux" "$boot" "$2" "$root_argument" "$3" ;;
  suse) printf '\t%s\t%s/vmlinuz-%s root=%s  ${extra_cmdline} %s\n' "$linux" "$boot" "$2" "$root_argument" "$3" ;;
  *) printf '\t%s\t%s/vmlinuz-%s root=%s ro %s\n' "$linux" "$boot" "$2" "$root_argument" "$3" ;;
  esac
  if [ -n "$image" ] && [ "$family" = redhat ]; then
    printf '\t%s %s/%s\n' "$initrd" "$boot" "$image"
  elif [ -n "$image" ]; then
    printf '\techo\t'\''Loading initial ramdisk ...'\''\n\t%s\t%s/%s\n' "$initrd" "$boot" "$image"
  fi
  printf '}\n'
}

indented() {
  sed 's/^/\t/'
}

cat <<EOT
#
# DO NOT EDIT THIS FILE
#
# It is automatically generated by $NAME0 using templates
# from /etc/grub.d and settings from /etc/default/grub
#

### BEGIN /etc/grub.d/00_header ###
EOT
case $family in
redhat) printf 'set pager=1\n\n' ;;
suse) printf 'set btrfs_relative_path="y"\nexport btrfs_relative_path\n' ;;
esac
if [ "$family" = suse ]; then
  cat <<'EOT'
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
EOT
else
  cat <<'EOT'
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
EOT
fi
cat <<EOT
if [ "\${next_entry}" ] ; then
   set default="\${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="$GRUB_DEFAULT"
fi

if [ x"\${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi

export menuentry_id_option

if [ "\${prev_saved_entry}" ]; then
  set saved_entry="\${prev_saved_entry}"
  save_env saved_entry
  set prev_saved_entry=
  save_env prev_saved_entry
  set boot_once=true
fi

function savedefault {
  if [ -z "\${boot_once}" ]; then
    saved_entry="\${chosen}"
    save_env saved_entry
  fi
}
EOT
[ "$distribution" != ubuntu ] || cat <<'EOT'
function recordfail {
  set recordfail=1
  if [ -n "${have_grubenv}" ]; then if [ -z "${boot_once}" ]; then save_env recordfail; fi; fi
}
EOT
cat <<EOT
function load_video {
  if [ x\$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
    insmod vbe
    insmod vga
  fi
}

set timeout=${GRUB_TIMEOUT:-5}
### END /etc/grub.d/00_header ###

### BEGIN /etc/grub.d/10_linux ###
EOT
[ "$distribution" != ubuntu ] || cat <<'EOT'
function gfxmode {
	set gfxpayload="${1}"
	if [ "${1}" = "keep" ]; then
		set vt_handoff=vt.handoff=7
	else
		set vt_handoff=
	fi
}
if [ "${recordfail}" != 1 ]; then
  if [ -e ${prefix}/gfxblacklist.txt ]; then
    if [ ${grub_platform} != pc ]; then
      set linux_gfx_mode=keep
    elif hwmatch ${prefix}/gfxblacklist.txt 3; then
      if [ ${match} = 0 ]; then
        set linux_gfx_mode=keep
      else
        set linux_gfx_mode=text
      fi
    else
      set linux_gfx_mode=text
    fi
  else
    set linux_gfx_mode=keep
  fi
else
  set linux_gfx_mode=text
fi
export linux_gfx_mode
EOT

recovery=single
[ "$distribution" != ubuntu ] || recovery='recovery nomodeset dis_ucode_ldr'
top=true
rescue=
for kernel in $(cd "$ROOT/boot" && printf '%s\n' vmlinuz-* | sort -V -r); do
  ! masked "$ROOT/boot/$kernel" || continue
  version=${kernel#vmlinuz-}
  case $version in
  0-rescue-*) rescue=$version && continue ;;
  esac
  arguments="$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"
  if [ "$top" = true ] && [ "$GRUB_DISABLE_SUBMENU" != true ]; then
    entry simple "$version" "$arguments"
    echo "submenu 'Advanced options for $os' \$menuentry_id_option 'gnulinux-advanced-$id' {"
    top=false
  fi
  if [ "$GRUB_DISABLE_SUBMENU" = true ]; then
    # Red Hat's template appends the locale.
    [ "$family" != redhat ] || arguments="${arguments}LANG=en_US.UTF-8"
    entry advanced "$version" "$arguments"
  else
    entry advanced "$version" "$arguments" | indented
    [ "$GRUB_DISABLE_RECOVERY" = true ] || entry recovery "$version" "$recovery $GRUB_CMDLINE_LINUX" | indented
  fi
done
[ "$top" = true ] || echo '}'
[ -z "$rescue" ] || entry advanced "$rescue" "$GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"
cat <<EOT

### END /etc/grub.d/10_linux ###

### BEGIN /etc/grub.d/41_custom ###
if [ -f  \${config_directory}/custom.cfg ]; then
  source \${config_directory}/custom.cfg
elif [ -z "\${config_directory}" -a -f  \$prefix/custom.cfg ]; then
  source \$prefix/custom.cfg
fi
### END /etc/grub.d/41_custom ###
EOT

[ -n "$out" ] || exit 0
chmod 444 "$out.new"
cat "$out.new" >"$out" && rm -f "$out.new"
