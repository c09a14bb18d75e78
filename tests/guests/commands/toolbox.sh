# shellcheck shell=sh
# vmware-toolbox-cmd, as far as it has a state: what the host keeps of the VM's settings, in STATE/host/tools_sync.
: "${STATE:?}"
case "$*" in
    'timesync status')
        cat "$STATE/host/tools_sync"
        # EX_UNAVAILABLE is how it says no.
        grep -q Enabled "$STATE/host/tools_sync" || exit 69
        ;;
    'timesync enable') echo Enabled >"$STATE/host/tools_sync" ;;
    'timesync disable') echo Disabled >"$STATE/host/tools_sync" ;;
    'stat sessionid') echo 0x4f6b0d8ea2c9f3d1 ;;
    'stat memlimit') echo '4294967295 MB' ;;
    'stat cpulimit') echo '4294967295 MHz' ;;
    'stat speed') echo '2394 MHz' ;;
    'stat raw text session') echo 'version = VMware ESXi 8.0.3' ;;
    stat*) echo '0 MB' ;;
    -v | --version) echo '12.3.5.46049 (build-22544099)' ;;
    *)
        echo "vmware-toolbox-cmd: no answer for these arguments: $*" >&2
        exit 64
        ;;
esac
