# shellcheck shell=sh
# vmware-uninstall-tools.pl of VMware's tarball: takes away what its database names, the links of its service, and the database.
: "${ROOT?}"
locations=$ROOT/etc/vmware-tools/locations
sed -n -e 's,^file \(.*\) [0-9][0-9]*$,\1,p' -e t -e 's,^file ,,p' "$locations" | while IFS= read -r file; do
    rm -f "$ROOT$file"
done
rm -f "$ROOT"/etc/rc.d/rc*.d/S??vmware-tools
sed -n 's,^directory ,,p' "$locations" | sort -r | while IFS= read -r directory; do
    rmdir "$ROOT$directory"
done
rm -r "$ROOT/etc/vmware-tools"
