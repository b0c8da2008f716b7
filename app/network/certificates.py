"""Whose certificates are trusted: the system's store, or the file or folder that somebody named.

Any thread; reads files. Knows no hosts.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from pathlib import Path
from typing import Final

from app.foundation.errors import NetworkError

_NAMED: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d+\Z")


def trust() -> ssl.SSLContext:
    """What every connection is checked with. Raises NetworkError where it cannot be read."""
    import httpx2

    try:
        return httpx2.create_ssl_context()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        name = next((name for name in _NAMED if os.environ.get(name)), "")
        where = f"{name} names “{os.environ[name]}”, and it" if name else "It"
        raise NetworkError(
            "The list of trusted certificates cannot be used.",
            f"{where} cannot be read: {getattr(error, 'strerror', None) or error}.",
            f"Correct {name}, or take it away." if name else "Mend or reinstall it.",
        ) from error


def is_nobody_trusted() -> bool:
    """Whether this computer has no list of them at all; looked for on Linux alone."""
    if sys.platform != "linux":
        return False
    try:
        context = trust()
        if context.cert_store_stats()["x509_ca"]:
            return False
        # Those in a folder are read when they are needed.
        folder = os.environ.get("SSL_CERT_DIR") or ssl.get_default_verify_paths().openssl_capath
        return not any(_HASHED.match(path.name) for path in Path(folder).iterdir())
    except NetworkError:
        return False
    except OSError:
        return True
