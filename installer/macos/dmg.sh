#!/bin/bash
# Put an application into a disk image, beside the folder that it is to be dragged to.
#   dmg.sh APPLICATION IMAGE [IDENTITY]
set -euo pipefail

application=${1:?which application}
image=${2:?which disk image}
identity=${3:-}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# As it is: a copy without its links and attributes would break its seal.
ditto "$application" "$folder/$(basename "$application")"
ln -s /Applications "$folder/Applications"
rm -f "$image"
hdiutil create -quiet -volname Hearth -srcfolder "$folder" -fs HFS+ -format ULMO "$image"
if [[ -n "$identity" ]]; then
    codesign --force --timestamp --sign "$identity" "$image"
fi
hdiutil verify -quiet "$image"
