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
    start | restart) : >"$STATE/services/$name" ;;
    stop) rm -f "$STATE/services/$name" ;;
    status)
        if [ -e "$STATE/services/$name" ]; then echo "$name is running"; else echo "$name is stopped"; exit 3; fi
        ;;
    *) exit 2 ;;
esac
