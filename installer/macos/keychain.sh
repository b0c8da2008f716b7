#!/bin/bash
# Put the certificate that programs are signed with into a keychain of this run alone.
# In the environment: CERTIFICATE (a .p12 as base64) and CERTIFICATE_PASSWORD.
set -euo pipefail

: "${CERTIFICATE:?the certificate as base64}"
: "${CERTIFICATE_PASSWORD:?its password}"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
keychain="${RUNNER_TEMP:-$folder}/hearth-signing.keychain-db"
password=$(openssl rand -hex 24)

printf '%s' "$CERTIFICATE" | base64 --decode > "$folder/certificate.p12"
security create-keychain -p "$password" "$keychain"
security set-keychain-settings -lut 21600 "$keychain"
security unlock-keychain -p "$password" "$keychain"
security import "$folder/certificate.p12" -P "$CERTIFICATE_PASSWORD" -k "$keychain" -T /usr/bin/codesign
security set-key-partition-list -S apple-tool:,apple: -s -k "$password" "$keychain" > "$folder/told"
security list-keychains -d user -s "$keychain" login.keychain-db
