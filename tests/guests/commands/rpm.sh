# shellcheck shell=sh
# rpm -q NAME… | rpm -qa [PATTERN…] | rpm -qf FILE, with --qf; rpm -e NAME; rpm -V NAME…
: "${ROOT?}" "${STATE:?}"
store=$STATE/packages
format='%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n' all='' dry='' erase='' owner='' words='' query='' verify=''
while [ $# -gt 0 ]; do
    case $1 in
        --qf | --queryformat) format=$2; shift ;;
        --qf=* | --queryformat=*) format=${1#*=} ;;
        -qa | -aq) all=1 query=1 ;;
        -qf) owner=1 query=1 ;;
        -q | --query) query=1 ;;
        -a | --all) all=1 ;;
        -f | --file) owner=1 ;;
        -e | --erase) erase=1 ;;
        -V | --verify) verify=1 ;;
        --test) dry=1 ;;
        -*) ;;
        *) words="$words $1" ;;
    esac
    shift
done
say() { # package
    version=$(cat "$store/$1/version")
    printf '%s' "$format" | sed "s|%{NAME}|$1|g; s|%{VERSION}|${version%%-*}|g; s|%{RELEASE}|${version#*-}|g; s|%{ARCH}|x86_64|g
        s|%{EPOCH}|(none)|g; s|%{name}|$1|g; s|%{version}|${version%%-*}|g; s|%{release}|${version#*-}|g; s|%{arch}|x86_64|g
        s|%{[^}]*}|(none)|g" >"$STATE/rpm.format"
    # shellcheck disable=SC2059 # the format is the caller's, with \n and \t
    printf "$(cat "$STATE/rpm.format")"
}
status=0
if [ "$erase" ]; then
    for other in "$store"/*; do
        other=${other##*/}
        [ -e "$store/$other/installed" ] || continue
        case " $words " in *" $other "*) continue ;; esac
        while read -r name; do
            case " $words " in
                *" $name "*)
                    [ "$status" -ne 0 ] || echo 'error: Failed dependencies:' >&2
                    printf '\t%s is needed by (installed) %s-%s.x86_64\n' "$name" "$other" "$(cat "$store/$other/version")" >&2
                    status=$((status + 1))
                    ;;
            esac
        done <"$store/$other/requires"
    done
    [ "$status" -eq 0 ] || exit "$status"
    for name in $words; do
        if [ ! -e "$store/$name/installed" ]; then
            echo "error: package $name is not installed" >&2
            exit 1
        fi
        [ "$dry" ] || for manager in dnf yum zypper tdnf; do
            if [ -e "$STATE/bin/$manager" ]; then "$STATE/bin/$manager" -y remove "$name" && break; fi
        done
    done
elif [ "$verify" ]; then
    for name in $words; do
        for file in $(cd "$store/$name/tree" && find . -type f); do
            file=${file#.} mark=' '
            ! cmp -s "$store/$name/tree$file" "$ROOT$file" || continue
            ! grep -qxF "$file" "$store/$name/conffiles" || mark=c
            status=1
            if [ -e "$ROOT$file" ]; then echo "S.5....T.  $mark $file"; else echo "missing     $mark $file"; fi
        done
    done
elif [ "$owner" ]; then
    for file in $words; do
        file=${file#"$ROOT"} found=''
        for package in "$store"/*; do
            [ -e "$package/installed" ] || continue
            [ -e "$package/tree$file" ] || [ -h "$package/tree$file" ] || continue
            say "${package##*/}"
            found=1
        done
        [ "$found" ] || { echo "file $file is not owned by any package"; status=1; }
    done
elif [ "$all" ]; then
    set -f
    for package in $(set +f; cd "$store" && ls); do
        [ -e "$store/$package/installed" ] || continue
        [ "$words" ] || { say "$package"; continue; }
        for pattern in $words; do
            # shellcheck disable=SC2254 # it is a pattern
            case $package in $pattern) say "$package" ;; esac
        done
    done
elif [ "$query" ]; then
    for name in $words; do
        if [ -e "$store/$name/installed" ]; then say "$name"; else echo "package $name is not installed"; status=1; fi
    done
fi
exit $status
