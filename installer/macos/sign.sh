#!/bin/bash
# Sign an application from the inside out. Without an identity it gets a signature that holds on
# this computer alone ("ad hoc"), which Apple's processors want of every program.
#   sign.sh APPLICATION [IDENTITY]
set -euo pipefail

application=${1:?which application}
identity=${2:--}
here=$(cd "$(dirname "$0")" && pwd)

options=(--force --sign "$identity")
if [[ "$identity" != "-" ]]; then
    options+=(--timestamp --options runtime)
fi

# Libraries and helpers first: the seal of the whole counts on theirs.
find "$application/Contents/Frameworks" -type f -print0 | while IFS= read -r -d '' file; do
    if file -b "$file" | grep -q '^Mach-O'; then
        codesign "${options[@]}" "$file"
    fi
done
find "$application/Contents/Frameworks" -type d -name '*.framework' -prune -print0 |
    while IFS= read -r -d '' framework; do
        codesign "${options[@]}" "$framework"
    done
codesign "${options[@]}" --entitlements "$here/entitlements.plist" "$application"
codesign --verify --strict --deep --verbose=2 "$application"
