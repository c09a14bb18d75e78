# shellcheck shell=sh
# chkconfig [--list] NAME [on|off] | --add NAME | --del NAME: links of runlevels 2 to 5.
: "${ROOT?}" "${STATE:?}"
verb='set'
case ${1-} in
    --list) verb=list; shift ;;
    --add) verb=add; shift ;;
    --del | --delete) verb=del; shift ;;
    -*) shift ;;
esac
name=${1-}
if [ -d "$ROOT/etc/rc.d/init.d" ]; then base=etc/rc.d; else base=etc/init.d; fi
scripts=$base; [ "$base" = etc/init.d ] || scripts=etc/rc.d/init.d
on() { [ -h "$ROOT/$base/rc3.d/S90$name" ]; }
[ -e "$ROOT/$scripts/$name" ] || {
    echo "error reading information on service $name: No such file or directory" >&2
    exit 1
}
state=${2-}
[ "$verb" != add ] || state=on
[ "$verb" != del ] || state=off
case $verb:$state in
    list:*)
        if on; then word=on; else word=off; fi
        printf '%-15s\t0:off\t1:off\t2:%s\t3:%s\t4:%s\t5:%s\t6:off\n' "$name" $word $word $word $word
        ;;
    *:on) for level in 2 3 4 5; do mkdir -p "$ROOT/$base/rc$level.d"; ln -sfn "../init.d/$name" "$ROOT/$base/rc$level.d/S90$name"; done ;;
    *:off) for level in 2 3 4 5; do rm -f "$ROOT/$base/rc$level.d/S90$name"; done ;;
    *:) on ;;
esac
