"""Checks signatures in the format of minisign: Ed25519 over BLAKE2b, with a trusted comment.

Pure; makes no signature and holds no secret. The older form, which signs the content itself, is
not taken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

MOST_SIGNATURE_BYTES: Final = 4096
_KEY_BYTES: Final = 42
_SIGNATURE_BYTES: Final = 74
_KEY_ID: Final = slice(2, 10)
_UNTRUSTED: Final = "untrusted comment: "
_TRUSTED: Final = "trusted comment: "


def check(public_key: str, signature: bytes, content: bytes) -> str:
    """The trusted comment, where `content` was signed with the secret half of `public_key`.

    Raises ValueError with a sentence where it was not, or where that cannot be told.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = key_of(public_key)
    first, comment, second = _lines(signature)
    signed = _decoded(first, _SIGNATURE_BYTES, "The signature")
    whole = _decoded(second, 64, "The signature of its comment")
    if signed[:2] != b"ED":
        raise ValueError("The signature is of another kind.")
    if signed[_KEY_ID] != key[_KEY_ID]:
        raise ValueError("It was signed with another key.")
    verifier = Ed25519PublicKey.from_public_bytes(key[10:])
    try:
        verifier.verify(signed[10:], hashlib.blake2b(content).digest())
        verifier.verify(whole, signed[10:] + comment.encode("utf-8"))
    except InvalidSignature:
        raise ValueError("The signature does not belong to it.") from None
    return comment


def key_of(public_key: str) -> bytes:
    """The key in the second line of a minisign public key file. Raises ValueError with a sentence
    where there is none."""
    key = _decoded(public_key, _KEY_BYTES, "The public key")
    if key[:2] != b"Ed":
        raise ValueError("The public key is of another kind.")
    return key


def _lines(signature: bytes) -> tuple[str, str, str]:
    """The signature, the trusted comment and the signature over both."""
    try:
        lines = signature[: MOST_SIGNATURE_BYTES + 1].decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = []
    well_formed = (
        len(signature) <= MOST_SIGNATURE_BYTES
        and len(lines) == 4
        and lines[0].startswith(_UNTRUSTED)
        and lines[2].startswith(_TRUSTED)
    )
    if not well_formed:
        raise ValueError("The signature is not in the format of minisign.")
    return lines[1], lines[2].removeprefix(_TRUSTED), lines[3]


def _decoded(text: str, n_bytes: int, what: str) -> bytes:
    try:
        found = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != n_bytes:
        raise ValueError(f"{what} is not in the format of minisign.")
    return found
