# dpkg-query -W [-f FORMAT] [PATTERN…] | -S FILE | -s NAME | -l
: "${ROOT?}" "${STATE:?}"
store=$STATE/packages
# shellcheck disable=SC2016 # dpkg's own words
format='${Package}\t${Version}\n' verb='' words=''
while [ $# -gt 0 ]; do
    case $1 in
        -f | --showformat) format=$2; shift ;;
        -f=* | --showformat=*) format=${1#*=} ;;
        -f*) format=${1#-f} ;;
        -W | --show) verb=show ;;
        -S | --search) verb=search ;;
        -s | --status) verb=status ;;
        -l | --list) verb=show ;;
        -*) ;;
        *) words="$words $1" ;;
    esac
    shift
done
say() { # package
    # shellcheck disable=SC2059 # the format is the caller's, with \n and \t
    printf "$(printf '%s' "$format" | sed "s|\${Package}|$1|g; s|\${binary:Package}|$1|g; s|\${Version}|$(cat "$store/$1/version")|g
        s|\${Status}|install ok installed|g; s|\${db:Status-Status}|installed|g; s|\${db:Status-Abbrev}|ii |g; s|\${Architecture}|amd64|g")"
}
status=0 packages=''
for package in "$store"/*; do packages="$packages ${package##*/}"; done
set -f
case $verb in
    show)
        [ "$words" ] || words='*'
        for pattern in $words; do
            found=''
            for package in $packages; do
                # shellcheck disable=SC2254 # it is a pattern
                case $package in $pattern) [ ! -e "$store/$package/installed" ] || { say "$package"; found=1; } ;; esac
            done
            [ "$found" ] || { echo "dpkg-query: no packages found matching $pattern" >&2; status=1; }
        done
        ;;
    status)
        for name in $words; do
            if [ -e "$store/$name/installed" ]; then cat "$store/$name/stanza"; else status=1; fi
        done
        ;;
    search)
        for file in $words; do
            file=${file#"$ROOT"} found=''
            for package in $packages; do
                [ -e "$store/$package/installed" ] || continue
                [ -e "$store/$package/tree$file" ] || continue
                echo "$package: $file"
                found=1
            done
            [ "$found" ] || { echo "dpkg-query: no path found matching pattern $file" >&2; status=1; }
        done
        ;;
    *) exit 2 ;;
esac
exit $status
