"""What the hub's refusals mean, as sentences with a remedy. Pure.

Reads status and headers only: the far end's own words are not shown, they may say anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.foundation.errors import AccessNeeded, Busy, HearthError, ModelNotFound, NetworkError
from app.models.offered import FOREIGN, RepositoryInfo
from app.network.client import Head
from app.network.policy import host_of

MOST_WAIT_S: Final = 24 * 3600.0
SETTINGS: Final = "the settings, under Models and downloads"
_RESET: Final = re.compile(r";\s*t\s*=\s*(\d{1,6})")
_CODES: Final = {"revisionnotfound": "revision", "entrynotfound": "entry"}


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: `repo` and `name` may be empty; `endpoint` is where, `as_somebody` says
    whether a token was sent."""

    endpoint: str
    repo: str = ""
    name: str = ""
    revision: str = ""
    as_somebody: bool = False

    @property
    def host(self) -> str:
        return host_of(self.endpoint)

    @property
    def page(self) -> str:
        """Where a browser shows the repository."""
        return f"{self.endpoint}/{self.repo}" if self.repo else self.endpoint

    @property
    def tokens_page(self) -> str:
        return f"{self.endpoint}/settings/tokens"


def check(head: Head, question: Question) -> None:
    """Raises what a person should read for every answer that is none to the question."""
    status = head.status
    if is_page(head.headers) and status not in (429, 500, 502, 503, 504):
        raise a_page(question.host)
    if status >= 400:
        raise refusal(status, head.headers, question)


def refusal(status: int, headers: Mapping[str, str], question: Question) -> HearthError:
    """For a status of 400 and more. Names of headers are in small letters."""
    code = headers.get("x-error-code", "").lower()
    said = headers.get("x-error-message", "").lower()
    if status in (408, 425, 429) or status >= 500:
        return _busy(status, headers, question)
    if code == "gatedrepo":
        return _gated(said, question)
    if status == 401 and question.as_somebody:
        return AccessNeeded(
            "Your token is not accepted any more.",
            f"{question.host} says that it is wrong, or it has expired.",
            f"Make a new one at {question.tokens_page} and enter it in {SETTINGS}; "
            "or remove it there.",
            need="renewal",
            page=question.tokens_page,
        )
    if "disabled" in said:
        return ModelNotFound(
            f"{question.repo} was closed by the hub.",
            f"{question.host} gives out nothing of it to anybody any more.",
            "Choose another repository of the same model.",
        )
    if status == 403:
        return _forbidden(said, question)
    if status in (401, 404, 410):
        return _missing(status, code, question)
    return NetworkError(
        f"{question.host} did not understand what was asked.",
        f"It answered with status {status}.",
        "Try again; if it stays so, a newer Hearth may be needed.",
    )


def is_page(headers: Mapping[str, str]) -> bool:
    return "text/html" in headers.get("content-type", "").lower()


def a_page(host: str) -> NetworkError:
    """A network that wants a sign-in, or a firewall, answers every question with its page."""
    return NetworkError(
        "A web page came in place of an answer.",
        f"It is not from {host}: a network that wants you to sign in does that, or a firewall.",
        "Open your browser, sign in to the network if it asks, then try again.",
    )


def garbled(host: str) -> NetworkError:
    """An answer of the right kind that makes no sense."""
    return NetworkError(
        "The hub's answer cannot be read.",
        f"What {host} sent is not what was asked for.",
        "Try again; if it stays so, something stands between you and the hub.",
    )


def unnamed(repo: str) -> ModelNotFound:
    """A name that no repository can have: nobody is asked."""
    return ModelNotFound(
        f"“{repo[:120]}” is not the name of a repository.",
        "A repository is owner/name, of letters, digits, dots, dashes and underscores.",
        "Check the name.",
    )


def without_gguf(info: RepositoryInfo) -> ModelNotFound:
    """A repository that holds nothing that Hearth can load."""
    title = f"{info.id} holds no file that Hearth can use."
    remedy = "Look for a repository of the same model whose name ends in -GGUF."
    if info.gguf_repo:
        remedy = f"The same model as GGUF: {info.gguf_repo}."
    if info.incomplete:
        return ModelNotFound(
            title,
            f"“{info.incomplete[0]}” is a model in parts, and some of them are missing.",
            remedy,
        )
    if info.foreign:
        forms = " and ".join(FOREIGN[form] for form in info.foreign)
        return ModelNotFound(title, f"It has the model as {forms}; Hearth reads GGUF.", remedy)
    return ModelNotFound(title, "There is no GGUF model among its files.", remedy)


def wait_s(headers: Mapping[str, str]) -> float | None:
    """How long the far end asks to be left alone: at most a day, None where it does not say."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit() and len(said) < 9:
        return min(float(said), MOST_WAIT_S)
    found = _RESET.search(headers.get("ratelimit", ""))
    return min(float(found[1]), MOST_WAIT_S) if found else None


def _busy(status: int, headers: Mapping[str, str], question: Question) -> Busy:
    after_s = wait_s(headers)
    when = "in a while" if after_s is None else f"in {_words(after_s)}"
    if status == 429:
        hint = "" if question.as_somebody else f" With a token in {SETTINGS}, it allows more."
        return Busy(
            f"{question.host} was asked too often.",
            "It lets one address ask only so many times in a few minutes.",
            f"Try again {when}.{hint}",
            after_s=after_s,
        )
    return Busy(
        f"{question.host} is busy or broken.",
        f"It answered with status {status}.",
        f"Try again {when}.",
        after_s=after_s,
    )


def _gated(said: str, question: Question) -> AccessNeeded:
    if not question.as_somebody:
        return AccessNeeded(
            f"{question.repo} is given only to people who agreed to its terms.",
            f"Its publisher wants to know who you are: an account on {question.host}, and your "
            "agreement on the model's page.",
            f"Agree at {question.page}, make a token at {question.tokens_page} and enter it in "
            f"{SETTINGS}.",
            need="token",
            page=question.page,
        )
    if "fine-grained" in said or "token settings" in said:
        return _poor_token(question)
    return AccessNeeded(
        f"{question.repo} wants you to agree to its terms first.",
        f"{question.host} knows your account, but has not let it in to this model.",
        f"Open {question.page}, agree to the terms or ask for access, then try again. Some "
        "publishers answer by hand; that may take days.",
        need="licence",
        page=question.page,
    )


def _forbidden(said: str, question: Question) -> AccessNeeded:
    if question.as_somebody and "token" in said:
        return _poor_token(question)
    return AccessNeeded(
        f"{question.host} does not give {question.repo or 'that'} out to "
        + ("your account." if question.as_somebody else "everybody."),
        "It answered that this is not allowed (status 403).",
        f"See {question.page} in your browser for the reason.",
        need="permission" if question.as_somebody else "token",
        page=question.page,
    )


def _poor_token(question: Question) -> AccessNeeded:
    return AccessNeeded(
        "Your token may not read this model.",
        "It has chosen permissions, and reading gated repositories is not among them.",
        f"Allow that at {question.tokens_page}, or make a token of the kind “read” there and "
        f"enter it in {SETTINGS}.",
        need="permission",
        page=question.tokens_page,
    )


def _missing(status: int, code: str, question: Question) -> ModelNotFound:
    what = _CODES.get(code)
    if what == "revision":
        return ModelNotFound(
            f"{question.repo} has no version “{question.revision[:60]}”.",
            "Its publisher may have taken it away.",
            "Take the present version of the model.",
        )
    if what == "entry" or (question.name and status != 401 and code != "reponotfound"):
        return ModelNotFound(
            f"There is no file {question.name[:120]} in {question.repo}.",
            "Its publisher may have renamed or removed it.",
            "Look at the files of the repository again.",
        )
    if question.as_somebody:
        return ModelNotFound(
            f"There is no repository “{question.repo[:120]}” that you may see.",
            "The hub does not know it, or it is private and not yours.",
            "Check the name: it is owner/name.",
        )
    return ModelNotFound(
        f"There is no repository “{question.repo[:120]}” that is open to everybody.",
        "The hub does not know it, or it is private.",
        f"Check the name: it is owner/name. For a private one, enter a token in {SETTINGS}.",
    )


def _words(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{round(seconds / 3600)} hours"
