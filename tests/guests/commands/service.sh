# shellcheck shell=sh
# service NAME start|stop|restart|status: an init script of the tree; what runs is in STATE/services.
: "${ROOT?}" "${STATE:?}"
name=$1
script=''
for dir in etc/init.d etc/rc.d/init.d; do [ ! -e "$ROOT/$dir/$name" ] || script=$dir/$name; done
# Upstart's jobs answer to the same command.
[ "$script" ] || [ ! -e "$ROOT/etc/init/$name.conf" ] || script=etc/init/$name.conf
if [ -z "$script" ]; then
    echo "$name: unrecognized service" >&2
    exit 1
fi
case $2 in
    start | restart)
        : >"$STATE/services/$name"
        # Its process shows in /proc. One service, one process, one number: the trees run no two of one name.
        if [ -s "$STATE/daemons/$name" ]; then
            read -r process <"$STATE/daemons/$name"
            mkdir -p "$ROOT/proc/7${#name}0"
            echo "7${#name}0 ($process) S 1 7${#name}0 7${#name}0 0 -1 4202752" >"$ROOT/proc/7${#name}0/stat"
        fi
        ;;
    stop)
        rm -f "$STATE/services/$name"
        rm -rf "$ROOT/proc/7${#name}0"
        ;;
    status)
        if [ -e "$STATE/services/$name" ]; then echo "$name is running"; else echo "$name is stopped"; exit 3; fi
        ;;
    *) exit 2 ;;
esac
