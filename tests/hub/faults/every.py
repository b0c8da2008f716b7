"""All faults of downloads by name, each with a maker that takes random numbers and how often."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from tests.hub.faults import answers, contents, heads, lines
from tests.hub.faults.fault import Fault

Make = Callable[[random.Random, int], Fault]

#: Addresses that nobody may be sent to. `{port}` is that of the stranger.
FOREIGN: Final = (
    "https://downloads.example.net/model.gguf",
    "http://huggingface.co/model.gguf",
    "file:///etc/hostname",
    "http://localhost:{port}/model.gguf",
    "http://user:word@127.0.0.1:{port}/model.gguf",
    "ftp://huggingface.co/model.gguf",
    "//[::1]:{port}/model.gguf",
    "\\\\127.0.0.1\\share",
    "data:application/octet-stream;base64,R0dVRg==",
)
_ABSURD: Final = (
    "bytes 0-0/*",
    "bytes */1000",
    "bytes 5-2/100",
    "bytes 0-99999999999999999999/99999999999999999999",
    "pages 0-1/2",
    "bytes -5--1/7",
)
_SIZES: Final = ("0", "1", "-1", "17", "999999999999999", "many", "1e6", "1_000")

HARMLESS: Final[dict[str, Make]] = {
    "comes slowly": lambda source, n: lines.Slow(source.randint(2_000_000, 20_000_000), n),
    "less than was asked for": lambda source, n: contents.LessThanAsked(n),
    "in chunks": lambda source, n: heads.Chunked(n),
    "no length": lambda source, n: heads.NoLength(n),
    "the store names no etag": lambda source, n: heads.NoEtag(n),
    "another etag each time": lambda source, n: heads.EtagChanges(n),
}
"""Odd, but a download need not fail of them."""

BROKEN_LINE: Final[dict[str, Make]] = {
    "dropped": lambda source, n: lines.Dropped(source.uniform(0, 100), n),
    "reset": lambda source, n: lines.Reset(source.uniform(0, 100), n),
    "falls silent": lambda source, n: lines.FallenSilent(source.uniform(0, 100), n),
    "reset at connect": lambda source, n: lines.ResetAtConnect(n),
    "reset in the head": lambda source, n: lines.ResetInHead(n),
    "ends in the head": lambda source, n: lines.EndedInHead(n),
    "hangs up": lambda source, n: lines.HungUp(n),
    "silent": lambda source, n: lines.Silent(n),
    "no HTTP": lambda source, n: lines.Noise(n),
    "endless head": lambda source, n: lines.EndlessHead(n),
    "dripping head": lambda source, n: lines.DrippingHead(n),
    "dripping body": lambda source, n: lines.DrippingBody(n),
}

OTHER_ANSWERS: Final[dict[str, Make]] = {
    **{
        f"status {status}": lambda source, n, status=status: answers.Status(status, n)
        for status in (400, 403, 408, 410, 418, 429, 500, 502, 503, 504)
    },
    "429 with seconds": lambda source, n: answers.Status(429, n, retry_s=1),
    "429 with a date": lambda source, n: answers.Status(429, n, retry_s=1, dated=True),
    "503 with seconds": lambda source, n: answers.Status(503, n, retry_s=1),
    "429 with nonsense": lambda source, n: answers.OddRetryAfter(
        source.choice(("-5", "soon", "99999999999", "1e400", "Thu, 01 Jan 1970 00:00:00 GMT", "")),
        n,
    ),
    "401": lambda source, n: answers.Refused(n),
    "web page": lambda source, n: answers.WebPage(n),
    "web page with the head of the part": lambda source, n: answers.PageInDisguise(n),
    "redirects in circles": lambda source, n: answers.Elsewhere("itself", n),
    "redirects to a foreign host": lambda source, n: answers.Elsewhere(source.choice(FOREIGN), n),
    "redirect to nowhere": lambda source, n: answers.NoLocation(n),
    "416": lambda source, n: answers.PastItsEnd(n),
    "address expires": lambda source, n: answers.AddressExpired(n),
    "vanishes": lambda source, n: answers.Vanished(n),
    "204": lambda source, n: answers.NothingToSay(n),
}

WRONG_BYTES: Final[dict[str, Make]] = {
    "one wrong bit": lambda source, n: contents.WrongBit(source.uniform(0, 100), n),
    "zeros from some place on": lambda source, n: contents.Zeros(source.uniform(0, 99), n),
    "bytes from another place": lambda source, n: contents.WrongPlace(source.randint(1, 90_000), n),
    "bytes of the start": lambda source, n: contents.FromTheStart(n),
    "another file": lambda source, n: contents.OtherFile(n),
    "200 for a part": lambda source, n: contents.WholeForPart(n),
    "another part, told": lambda source, n: contents.OtherPart(n),
    "shorter": lambda source, n: contents.Shorter(n),
    "longer": lambda source, n: contents.Longer(n),
}

LYING_HEADS: Final[dict[str, Make]] = {
    "length too large": lambda source, n: heads.LengthTooLarge(n),
    "length too small": lambda source, n: heads.LengthTooSmall(n),
    "bad chunks": lambda source, n: heads.BadChunks(n),
    "endless body": lambda source, n: heads.Endless(n),
    "compressed bomb": lambda source, n: heads.Bomb(n),
    "headers twice": lambda source, n: heads.DoubleHeaders(n),
    "206 without a range": lambda source, n: heads.RangeUntold(n),
    "an absurd range": lambda source, n: heads.RangeAbsurd(source.choice(_ABSURD), n),
    "several parts": lambda source, n: heads.InSeveralParts(n),
    "wrong hash told": lambda source, n: heads.WrongHash(n),
    "no hash told": lambda source, n: heads.NoHash(n),
    "odd hash told": lambda source, n: heads.OddHash(n),
    "wrong size told": lambda source, n: heads.WrongSize(source.choice(_SIZES), n),
    "no size told": lambda source, n: heads.NoSize(n),
    "no commit told": lambda source, n: heads.NoCommit(n),
}

EVERY: Final[dict[str, Make]] = {
    **HARMLESS,
    **BROKEN_LINE,
    **OTHER_ANSWERS,
    **WRONG_BYTES,
    **LYING_HEADS,
}
