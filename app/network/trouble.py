"""What went wrong on the way to a host, as sentences with a remedy. Pure.

Knows the words in which TLS libraries and proxies refuse, on all three systems.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from app.foundation.errors import NetworkError, Unreachable

_CERTIFICATE: Final = re.compile(r"certificate|CERT_|trust provider", re.IGNORECASE)
_OUT_OF_DATE: Final = re.compile(r"expired|not yet valid|validity period", re.IGNORECASE)
_OTHER_NAME: Final = re.compile(
    r"hostname mismatch|address mismatch|doesn.t match|not valid for|name does not match",
    re.IGNORECASE,
)
_NOT_TRUSTED: Final = re.compile(
    r"self.?signed|unable to get (?:local )?issuer|not trusted|root certificate|trust provider",
    re.IGNORECASE,
)
_NO_COMMON_FORM: Final = re.compile(
    r"unsupported.protocol|wrong.version|handshake.failure|no.shared.cipher", re.IGNORECASE
)


def too_slow(host: str) -> NetworkError:
    """Nothing came for a while, or too little."""
    return Unreachable(
        f"{host} answers too slowly.",
        "Nothing came for a while, or too little.",
        "Check the connection and try again.",
    )


def trouble(
    host: str, error: Exception, trusts_nobody: Callable[[], bool] = lambda: False
) -> NetworkError:
    """What the HTTP library raised, for people. `trusts_nobody` says whether this computer has no
    list of certificates; it may read files, and is asked only where one was refused."""
    text = " ".join((str(error) or type(error).__name__).split())
    if type(error).__name__ == "ProxyError":
        return _refused_by_proxy(host, text)
    if _CERTIFICATE.search(text):
        return _no_list(host) if trusts_nobody() else _not_proven(host, text)
    if _NO_COMMON_FORM.search(text):
        return Unreachable(
            f"{host} and this computer found no safe way to talk.",
            f"The system says: {text[:160]}.",
            "Something may stand between, such as a proxy; try another network.",
        )
    return Unreachable(
        f"{host} could not be reached.",
        f"The system says: {text[:200]}.",
        "Check the connection, and the proxy if there is one.",
    )


def unusable_proxy(error: Exception, *, is_ours: bool) -> NetworkError:
    """A proxy is set that no client can be made for."""
    where = "in the settings, under Network" if is_ours else "in HTTPS_PROXY"
    return NetworkError(
        "The proxy cannot be used." if is_ours else "The proxy of this computer cannot be used.",
        f"{error}.",
        f"Set it {where} to an address that begins with http:// or https://.",
    )


def _refused_by_proxy(host: str, text: str) -> NetworkError:
    if "407" in text:
        return NetworkError(
            "The proxy wants you to sign in.",
            f"It did not let Hearth through to {host} ({text[:120]}).",
            "Enter its name and password in the settings, under Network.",
        )
    return Unreachable(
        f"The proxy did not reach {host}.",
        f"It says: {text[:200]}.",
        "Check the proxy in the settings, under Network, or the one the system is set to.",
    )


def _no_list(host: str) -> NetworkError:
    return NetworkError(
        f"{host} could not prove that it is {host}: this computer trusts nobody.",
        "The system's list of trusted certificates is missing or empty.",
        "Install it: on Debian and Ubuntu, `sudo apt install ca-certificates`. Until then nothing "
        "is sent.",
    )


def _not_proven(host: str, text: str) -> NetworkError:
    """A connection that TLS refused: nothing was sent but its greeting."""
    if _OUT_OF_DATE.search(text):
        today = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        return NetworkError(
            f"{host} could not prove that it is {host}: the date does not fit.",
            f"Its certificate is not valid on the day that this computer takes for today, {today}.",
            "Set the computer's date and time right, then try again.",
        )
    if _OTHER_NAME.search(text):
        return NetworkError(
            f"{host} could not prove that it is {host}: somebody else answered.",
            f"The certificate belongs to another name ({text[:160]}).",
            "Sign in to the network in your browser if it asks for that, then try again.",
        )
    if _NOT_TRUSTED.search(text):
        return NetworkError(
            f"{host} could not prove that it is {host}: something reads along.",
            "Its certificate is not from anybody this computer trusts. A company's proxy or a "
            f"virus scanner puts its own in the way ({text[:120]}).",
            "Add the certificate of that proxy to the system's store, or ask who runs it. Until "
            "then nothing is sent.",
        )
    return NetworkError(
        f"{host} could not prove that it is {host}.",
        f"Its certificate is not trusted by this computer ({text[:160]}).",
        "Check the computer's date. A company's proxy needs its certificate in the system.",
    )
