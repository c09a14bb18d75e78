# shellcheck shell=sh
# unshare -m COMMAND…: with a list of its own of what is mounted over (mount.sh).
: "${STATE:?}"
[ "$1" = -m ] || exit 2
shift
MASKED=$(mktemp "$STATE/masked.XXXXXX") || exit 1
PATH=$STATE/bin:$STATE/tools
export MASKED PATH
case $1 in sh) shift && set -- /bin/sh "$@" ;; esac
"$@"
status=$?
/bin/rm -f "$MASKED"
exit $status
