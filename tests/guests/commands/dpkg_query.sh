# shellcheck shell=sh
# dpkg-query -W [-f FORMAT] [PATTERN…] | -S FILE | -s NAME | -l; of ${Conffiles}, the checksums are the packages' own
: "${ROOT?}" "${STATE:?}"
store=$STATE/packages
# shellcheck disable=SC2016 # dpkg's own words
format='${Package}\t${Version}\n' verb='' patterns=''
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
        *) patterns="$patterns $1" ;;
    esac
    shift
done
conffiles() { # package
    while read -r path; do
        set -- "$1" "$(md5sum <"$store/$1/tree$path")"
        printf '%s' "\\n $path ${2%% *}"
    done <"$store/$1/conffiles"
}
say() { # package
    if [ -e "$store/$1/installed" ]; then words='install ok installed'; else words='deinstall ok config-files'; fi
    # shellcheck disable=SC2059 # the format is the caller's, with \n and \t
    printf "$(printf '%s' "$format" | sed "s|\${Package}|$1|g; s|\${binary:Package}|$1|g; s|\${Version}|$(cat "$store/$1/version")|g
        s|\${Status}|$words|g; s|\${Architecture}|amd64|g; s|\${Conffiles}|$(conffiles "$1")|g")"
}
status=0 packages=''
for package in "$store"/*; do packages="$packages ${package##*/}"; done
set -f
case $verb in
    show)
        [ "$patterns" ] || patterns='*'
        for pattern in $patterns; do
            found=''
            for package in $packages; do
                # shellcheck disable=SC2254 # it is a pattern
                case $package in $pattern) 
                    if [ -e "$store/$package/installed" ] || [ -e "$store/$package/config" ]; then say "$package"; found=1; fi ;; esac
            done
            [ "$found" ] || { echo "dpkg-query: no packages found matching $pattern" >&2; status=1; }
        done
        ;;
    status)
        for name in $patterns; do
            if [ -e "$store/$name/installed" ]; then cat "$store/$name/stanza"; else status=1; fi
        done
        ;;
    search)
        for file in $patterns; do
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
