#!/bin/sh
# Installs Hearth for you alone, without administrator rights: below ~/.local.
#   ./install.sh               install, or replace what is there by this version
#   ./install.sh --downgrade   also where a newer version is there
# Chats, settings and models are in a folder of their own and stay as they are.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
least_glibc=@LEAST_GLIBC@
machine=@MACHINE@
version=@VERSION@

refuse() {
    printf '%s\n' "$@" >&2
    exit 3
}

# True if the first dotted number is less than the second.
is_less() {
    [ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

downgrade=no
case "${1-}" in
    '') ;;
    --downgrade) downgrade=yes ;;
    *) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

[ "$(uname -s)" = Linux ] || refuse "This Hearth is for Linux; this system is $(uname -s)."
this=$(uname -m)
[ "$this" != aarch64 ] || this=arm64
[ "$this" = "$machine" ] ||
    refuse "This Hearth is for $machine computers, and this one is $this." \
        "Fetch the archive that has $this in its name."
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{ print $2 }')
[ -n "$glibc" ] ||
    refuse "This system has no glibc, which Hearth needs (systems with musl, such as Alpine, have none)."
if is_less "$glibc" "$least_glibc"; then
    refuse "This system is too old for Hearth: it has glibc $glibc, and $least_glibc is the least." \
        "Ubuntu 22.04, Debian 12 and Fedora 36 are the oldest that will do. Nothing was changed."
fi
# In a container root may be the only one there is.
if [ "$(id -u)" = 0 ] && [ "${HEARTH_AS_ROOT-}" != yes ]; then
    refuse "Start this as yourself, without sudo: it installs Hearth for one person." \
        "For everybody on this computer there is the Debian package."
fi
home=${HOME-}
if [ -z "$home" ] || [ ! -d "$home" ]; then
    refuse "Your home folder is not there: HOME is '$home'."
fi

lib=$home/.local/lib
bin=$home/.local/bin
share=${XDG_DATA_HOME:-$home/.local/share}
case "$share" in /*) ;; *) share=$home/.local/share ;; esac
case "$home$share" in
    *'
'*) refuse "The name of your home folder has two lines. No desktop entry can name it: $home" ;;
esac
place=$lib/hearth
aside=$lib/.hearth-old
# What Hearth itself fetched since, and the file that says which of it is started.
newer=$share/hearth-program
pointer=$newer/current.json

[ -f "$here/files.sha256" ] ||
    refuse "This archive was not unpacked whole: files.sha256 is missing. Unpack it again."
printf 'Checking that all files are here …\n'
if ! told=$(cd "$here" && LC_ALL=C sha256sum -c files.sha256 2>/dev/null); then
    first=$(printf '%s\n' "$told" | grep -v ': OK$' | head -n 1)
    refuse "This archive was not unpacked whole, or was changed: ${first%%:*}." \
        "Fetch it again and unpack it again; nothing was installed."
fi

missing=$(
    find "$here/hearth/_internal/PySide6" "$here/hearth/_internal/runtime" -name '*.so*' -type f 2>/dev/null |
        while read -r library; do
            LD_LIBRARY_PATH="$here/hearth/_internal" ldd "$library" 2>/dev/null
        done | awk '
            FILENAME != "-" { system_has[$1] = 1; next }
            /not found/ && ($1 in system_has) { print $1 }
        ' "$here/system-libraries.txt" - | sort -u | tr '\n' ' '
) || true
if [ -n "$missing" ]; then
    packages=$(
        for name in $missing; do
            awk -v name="$name" '$1 == name { print $2 }' "$here/system-libraries.txt"
        done | sort -u | tr '\n' ' '
    )
    refuse "Hearth needs libraries that this system does not have: $missing" \
        "On Debian and Ubuntu: sudo apt-get install ${packages:-$missing}" \
        "Then start this again; nothing was installed."
fi

for folder in "$lib" "$bin" "$share"; do
    if ! mkdir -p "$folder" 2>/dev/null || [ ! -w "$folder" ]; then
        refuse "Nothing may be written to $folder. Make it writable and start this again."
    fi
done

# A newer one that Hearth fetched has taken the place of the one here.
is_running() {
    real_place=$(cd "$place" 2>/dev/null && pwd -P) || real_place=$place
    real_newer=$(cd "$newer" 2>/dev/null && pwd -P) || real_newer=$newer
    for process in /proc/[0-9]*; do
        case "$(readlink "$process/exe" 2>/dev/null || true)" in
            "$real_place"/* | "$real_newer"/*) return 0 ;;
        esac
    done
    return 1
}
# The power failed between the two renames below: what was there goes on being there.
[ -e "$place" ] || [ ! -d "$aside" ] || mv "$aside" "$place"
! is_running || refuse "Hearth is running. Close it, then start this again; nothing was changed."

before=$(cat "$place/version" 2>/dev/null || true)
if [ -n "$before" ] && is_less "$version" "$before" && [ $downgrade = no ]; then
    refuse "Hearth $before is installed, which is newer than this $version." \
        "To go back nonetheless: ./install.sh --downgrade"
fi
if { [ -e "$place" ] || [ -L "$place" ]; } && [ ! -f "$place/installed-files" ]; then
    refuse "Something else stands where Hearth goes: $place. Move it away and start this again."
fi
if { [ -e "$bin/hearth" ] || [ -L "$bin/hearth" ]; } &&
    [ "$(readlink "$bin/hearth" || true)" != "$place/hearth" ]; then
    refuse "Another program called hearth is in $bin. Move it away and start this again."
fi

fresh=$lib/.hearth-new
left() {
    [ -e "$place" ] || [ ! -d "$aside" ] || mv "$aside" "$place"
    rm -rf "$fresh"
}
trap left EXIT
trap 'exit 130' INT TERM HUP
rm -rf "$fresh"
if ! cp -R "$here/hearth" "$fresh" 2>/dev/null; then
    refuse "Hearth could not be copied to $lib: $(df -Pk "$lib" | awk 'END { print int($4 / 1024) }') MB are free there," \
        "and it needs $(du -sk "$here/hearth" | awk '{ print int($1 / 1024) + 1 }'). Nothing was changed."
fi
cp "$here/uninstall.sh" "$fresh/uninstall.sh"
printf '%s\n' "$version" > "$fresh/version"
(cd "$here/share" && find . -type f | sed 's|^\./||') > "$fresh/installed-files"
printf '%s\n' "$share" > "$fresh/installed-in"

rm -rf "$aside"
[ ! -d "$place" ] || mv "$place" "$aside"
mv "$fresh" "$place" || refuse "Hearth could not be put in $place; what was there is there still."
# What only the version before had among desktop files goes.
if [ -f "$aside/installed-files" ]; then
    old_share=$(cat "$aside/installed-in")
    while read -r name; do
        if [ "$old_share" != "$share" ] || [ ! -f "$here/share/$name" ]; then
            rm -f "$old_share/$name"
        fi
    done < "$aside/installed-files"
fi
rm -rf "$aside"
[ $downgrade = no ] || rm -f "$pointer"
ln -sfn "$place/hearth" "$bin/hearth"
while read -r name; do
    mkdir -p "$share/$(dirname -- "$name")"
    cp "$here/share/$name" "$share/$name"
done < "$place/installed-files"

# Desktops do not look into ~/.local/bin: the entry names the program by its whole path, quoted as
# the desktop entry specification wants it.
quoted=$(printf '%s' "$place/hearth" | sed 's/[\\"`$]/\\\\&/g; s/%/%%/g')
plain=$(printf '%s' "$place/hearth" | sed 's/\\/\\\\/g')
awk -v quoted="$(printf '%s' "$quoted" | sed 's/\\/\\\\/g')" -v plain="$(printf '%s' "$plain" | sed 's/\\/\\\\/g')" '
    /^Exec=hearth/ { sub(/^Exec=hearth/, ""); print "Exec=\"" quoted "\"" $0; next }
    /^TryExec=/ { print "TryExec=" plain; next }
    { print }
' "$here/share/applications/hearth.desktop" > "$share/applications/hearth.desktop"

update() {
    ! command -v "$1" >/dev/null 2>&1 || "$@" >/dev/null 2>&1 || true
}
update update-desktop-database "$share/applications"
update update-mime-database "$share/mime"
update gtk-update-icon-cache -q -t -f "$share/icons/hicolor"

if [ -n "$before" ] && [ "$before" != "$version" ]; then
    printf 'Hearth %s takes the place of %s. Your chats and settings are as they were.\n' "$version" "$before"
else
    printf 'Hearth %s is installed. It is among your programs, and in a terminal: hearth\n' "$version"
fi
fetched=$(sed -n 's/.*"version": "\([0-9.]*\)".*/\1/p' "$pointer" 2>/dev/null || true)
if [ -n "$fetched" ] && is_less "$version" "$fetched" && [ -f "$newer/versions/$fetched/hearth/hearth" ]; then
    printf 'Hearth %s, which Hearth itself fetched, is newer and goes on being started.\n' "$fetched"
    printf 'To start %s instead: ./install.sh --downgrade\n' "$version"
fi
if [ -z "$(find /usr/share/fonts "$share/fonts" "$home/.fonts" -type f 2>/dev/null | head -n 1)" ]; then
    printf 'This system has no letters to write with: install fonts, such as DejaVu or Noto.\n'
fi
case ":${PATH-}:" in
    *":$bin:"*) ;;
    *) printf 'For the terminal, %s must be in PATH; most systems add it at the next login.\n' "$bin" ;;
esac
printf 'To remove it: %s\n' "$place/uninstall.sh"
