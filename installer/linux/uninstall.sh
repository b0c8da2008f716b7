#!/bin/sh
# Removes the Hearth that install.sh put below ~/.local. Chats, settings and models stay.
set -eu

refuse() {
    printf '%s\n' "$@" >&2
    exit 3
}

home=${HOME-}
[ -n "$home" ] || refuse "Nobody's home: HOME is not set."
place=$home/.local/lib/hearth
bin=$home/.local/bin
[ -f "$place/installed-files" ] || refuse "No Hearth of install.sh is in $place; nothing was removed."
share=$(cat "$place/installed-in")

# A newer one that Hearth fetched runs in place of the one here.
real_place=$(cd "$place" && pwd -P)
real_newer=$(cd "$share/hearth-program" 2>/dev/null && pwd -P) || real_newer=$share/hearth-program
for process in /proc/[0-9]*; do
    case "$(readlink "$process/exe" 2>/dev/null || true)" in
        "$real_place"/* | "$real_newer"/*) refuse "Hearth is running. Close it, then start this again; nothing was removed." ;;
    esac
done

# A folder that is empty now, and those above it up to ~/.local or share, go too.
tidy() {
    folder=$1
    while [ "$folder" != "$share" ] && [ "$folder" != "$home/.local" ] && [ "$folder" != / ]; do
        rmdir "$folder" 2>/dev/null || break
        folder=$(dirname -- "$folder")
    done
}

while read -r name; do
    rm -f "$share/$name"
    tidy "$(dirname -- "$share/$name")"
done < "$place/installed-files"
[ "$(readlink "$bin/hearth" || true)" != "$place/hearth" ] || rm -f "$bin/hearth"
# Newer versions that Hearth fetched by itself; there is nothing of a person's in there.
rm -rf "$share/hearth-program" "$place"
tidy "$bin"
tidy "$home/.local/lib"

# Whose only entries were Hearth's, of those the caches go as well; else they are renewed.
renew() {
    tool=$1 folder=$2 sources=$3
    shift 3
    [ -d "$folder" ] || return 0
    # shellcheck disable=SC2086 # the pattern is to be expanded
    if (cd "$folder" && ls -d $sources >/dev/null 2>&1); then
        ! command -v "$tool" >/dev/null 2>&1 || "$tool" "$folder" >/dev/null 2>&1 || true
    else
        (cd "$folder" && rm -f "$@")
        tidy "$folder"
    fi
}
renew update-desktop-database "$share/applications" '*.desktop' mimeinfo.cache
[ ! -d "$share/mime/packages" ] || rm -f "$share/mime/application/x-gguf.xml"
renew update-mime-database "$share/mime" 'packages/*.xml' aliases generic-icons globs globs2 icons \
    magic mime.cache subclasses treemagic types version XMLnamespaces application/x-gguf.xml
[ ! -d "$share/mime/application" ] || tidy "$share/mime/application"
renew gtk-update-icon-cache "$share/icons/hicolor" '*/*/*' icon-theme.cache

printf 'Hearth is removed.\n'
if [ -d "$share/hearth" ]; then
    printf 'Your chats, settings and models are still in %s.\n' "$share/hearth"
    printf 'Remove that folder too if you want none of them.\n'
fi
