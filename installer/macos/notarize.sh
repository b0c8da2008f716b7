#!/bin/bash
# Have Apple look at a signed disk image, and fasten its answer to it.
#   notarize.sh IMAGE
# Who asks stands in the environment: NOTARY_KEY (a file), NOTARY_KEY_ID and NOTARY_ISSUER.
set -euo pipefail

image=${1:?which disk image}
: "${NOTARY_KEY:?a file with the key for App Store Connect}"
: "${NOTARY_KEY_ID:?the id of that key}"
: "${NOTARY_ISSUER:?whose key it is}"

xcrun notarytool submit "$image" --wait --timeout 1h \
    --key "$NOTARY_KEY" --key-id "$NOTARY_KEY_ID" --issuer "$NOTARY_ISSUER"
xcrun stapler staple "$image"
spctl --assess --type open --context context:primary-signature --verbose "$image"
