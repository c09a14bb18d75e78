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
on() { [ -h "$ROOT/$base/rc${1:-3}.d/S90$name" ]; }
[ -e "$ROOT/$scripts/$name" ] || {
    echo "error reading information on service $name: No such file or directory" >&2
    exit 1
}
state=${2-}
[ "$verb" != add ] || state=on
[ "$verb" != del ] || state=off
case $verb:$state in
    list:*)
        printf '%-15s\t0:off\t1:off' "$name"
        for level in 2 3 4 5; do
            if on $level; then word=on; else word=off; fi
            printf '\t%s:%s' $level $word
        done
        printf '\t6:off\n'
        ;;
    *:on) for level in 2 3 4 5; do mkdir -p "$ROOT/$base/rc$level.d"; ln -sfn "../init.d/$name" "$ROOT/$base/rc$level.d/S90$name"; done ;;
    *:off) for level in 2 3 4 5; do rm -f "$ROOT/$base/rc$level.d/S90$name"; done ;;
    *:) on ;;
esac
