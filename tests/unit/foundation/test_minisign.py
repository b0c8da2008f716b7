"""Signatures: one made by minisign itself, ours made by a library, and everything that is none."""

from __future__ import annotations

import base64
import random

import pytest

from app.foundation.minisign import check
from tests.fixtures.signing import Signer

#: From the documentation of a public implementation; made with the program itself.
PUBLIC_KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
SIGNATURE = (
    b"untrusted comment: signature from minisign secret key\n"
    b"RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo"
    b"8KLzZwo=\n"
    b"trusted comment: timestamp:1633700835\tfile:test\tprehashed\n"
    b"wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==\n"
)
OLDER = (
    b"untrusted comment: signature from minisign secret key\n"
    b"RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIas"
    b"SSbXxwA=\n"
    b"trusted comment: timestamp:1555779966\tfile:test\n"
    b"QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==\n"
)


def test_a_signature_of_the_program_itself_is_good() -> None:
    comment = "timestamp:1633700835\tfile:test\tprehashed"
    assert check(PUBLIC_KEY, SIGNATURE, b"test") == comment
    assert check(PUBLIC_KEY, SIGNATURE.replace(b"\n", b"\r\n"), b"test") == comment


def test_ours_are_good_too() -> None:
    signer = Signer()
    assert check(signer.public_key, signer.sign(b"x" * 100_000, "of today"), b"x" * 100_000)


def test_other_content_and_other_keys_are_told() -> None:
    with pytest.raises(ValueError, match="does not belong"):
        check(PUBLIC_KEY, SIGNATURE, b"Test")
    with pytest.raises(ValueError, match="another key"):
        check(Signer().public_key, SIGNATURE, b"test")


def test_a_key_of_the_same_name_is_not_the_key() -> None:
    raw = bytearray(base64.b64decode(Signer().public_key))
    raw[2:10] = base64.b64decode(PUBLIC_KEY)[2:10]
    with pytest.raises(ValueError, match="does not belong"):
        check(base64.b64encode(raw).decode(), SIGNATURE, b"test")


def test_the_comment_is_signed_too() -> None:
    with pytest.raises(ValueError, match="does not belong"):
        check(PUBLIC_KEY, SIGNATURE.replace(b"1633700835", b"1733700835"), b"test")


def test_the_older_form_is_not_taken() -> None:
    with pytest.raises(ValueError, match="another kind"):
        check(PUBLIC_KEY, OLDER, b"test")


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\xff" * 200,
        b"<!doctype html>",
        SIGNATURE.replace(b"untrusted", b"trusted"),
        SIGNATURE.replace(b"\ntrusted comment: ", b"\n"),
        SIGNATURE + b"one more line\n",
        SIGNATURE.replace(b"RUQf", b"RUQf!"),
        SIGNATURE.replace(b"RUQf", b""),
        SIGNATURE + b"\n" * 5000,
    ],
)
def test_what_is_no_signature_is_said(signature: bytes) -> None:
    with pytest.raises(ValueError, match="minisign"):
        check(PUBLIC_KEY, signature, b"test")


@pytest.mark.parametrize("key", ["", "RWQ", "é", PUBLIC_KEY + "AAAA", "RW" + "A" * 60])
def test_what_is_no_key_is_said(key: str) -> None:
    with pytest.raises(ValueError, match="public key"):
        check(key, SIGNATURE, b"test")


def test_no_changed_byte_passes() -> None:
    chance = random.Random(7)
    after_comment = SIGNATURE.index(b"\n") + 1
    for _ in range(500):
        changed = bytearray(SIGNATURE)
        place = chance.randrange(after_comment, len(changed) - 1)
        changed[place] ^= 1 << chance.randrange(7)
        try:
            check(PUBLIC_KEY, bytes(changed), b"test")
        except ValueError:
            continue
        # The last character of base64 carries bits that mean nothing.
        assert _meaning(bytes(changed)) == _meaning(SIGNATURE)


def _meaning(signature: bytes) -> list[bytes]:
    lines = signature.decode().splitlines()
    return [base64.b64decode(lines[1]), lines[2].encode(), base64.b64decode(lines[3])]
