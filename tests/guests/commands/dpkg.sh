# shellcheck shell=sh
# dpkg [--no-act] --remove|--purge NAME… | --configure -a | --print-architecture | --verify NAME…
: "${ROOT?}" "${STATE:?}"
store=$STATE/packages
dry='' verb='' names='' status=0
while [ $# -gt 0 ]; do
    case $1 in
        --no-act | --dry-run | --simulate) dry=1 ;;
        --print-architecture) echo amd64; exit 0 ;;
        --configure | --remove | --purge | --verify) verb=${1#--} ;;
        -r) verb=remove ;;
        -P) verb=purge ;;
        --force-* | -a) ;;
        -*) echo "dpkg: the stand-in knows no '$1'" >&2; exit 2 ;;
        *) names="$names $1" ;;
    esac
    shift
done
case $verb in
    configure) exit 0 ;;
    verify)
        for name in $names; do
            for file in $(cd "$store/$name/tree" && find . -type f); do
                file=${file#.} mark=' '
                ! cmp -s "$store/$name/tree$file" "$ROOT$file" || continue
                ! grep -qxF "$file" "$store/$name/conffiles" || mark=c
                if [ -e "$ROOT$file" ]; then echo "??5?????? $mark $file"; else echo "missing   $mark $file"; fi
            done
        done
        exit 0
        ;;
    '') exit 2 ;;
esac
# What is needed stays, the rest goes.
for name in $names; do
    needed=''
    for other in "$store"/*; do
        other=${other##*/}
        [ -e "$store/$other/installed" ] || continue
        case "$names " in *" $other "*) continue ;; esac
        if [ -e "$store/$name/installed" ] && grep -qxF -e "$name" "$store/$other/requires"; then
            printf 'dpkg: dependency problems prevent removal of %s:\n %s depends on %s.\n' "$name" "$other" "$name" >&2
            needed=1 status=1
        fi
    done
    [ "$needed" ] || [ "$dry" ] || "$STATE/bin/apt-get" -y "$verb" "$name" </dev/null
done
exit $status
