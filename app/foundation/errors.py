"""The errors meant for people. Anything that is not a HearthError is a bug.

    HearthError                     error
    ├── InvalidInput                invalid_input           the words or values given make no sense
    ├── NotPossibleHere             not_possible_here       this machine cannot do it
    │   ├── NotEnoughMemory         not_enough_memory
    │   └── NoDisplay               no_display
    ├── ModelError                  model_error
    │   ├── ModelNotFound           model_not_found
    │   ├── ModelFileInvalid        model_file_invalid      broken, hostile or not a GGUF
    │   ├── ModelUnsupported        model_unsupported       well formed, but not for this use
    │   └── LoadFailed              load_failed
    ├── TemplateFailed              template_failed         raised, looped, or grew too large
    ├── RequestFailed               request_failed          this request only; the engine lives
    │   └── ContextExceeded         context_length_exceeded
    ├── EngineDead                  engine_dead             no request is served until a restart
    ├── ChildFailed                 child_failed            a helper process died or took too long
    ├── CatalogueInvalid            catalogue_invalid       a catalogue file says what it may not
    ├── UpdateRefused               update_refused          a newer version that is not believed
    ├── NetworkError                network_error           nothing came back, or not what was asked
    │   ├── Unreachable             unreachable             nothing came: later it may
    │   ├── Busy                    busy                    the far end asks to come back later
    │   ├── Offline                 offline                 the offline switch is on
    │   └── HostRefused             host_refused            an address that Hearth does not ask
    ├── AccessNeeded                access_needed           an account, a token or an agreement
    └── StorageError                storage_error
        ├── StorageFull             storage_full
        ├── StorageReadOnly         storage_read_only
        ├── DatabaseDamaged         database_damaged
        ├── DatabaseTooNew          database_too_new        written by a later Hearth, left as it is
        ├── ProfileTooNew           profile_too_new         the same of the settings
        └── ProfileInUse            profile_in_use

Knows nothing of Qt, HTTP codes or exit codes: each face translates once.
"""

from __future__ import annotations

from typing import ClassVar


class HearthError(Exception):
    """Something a person should read: what, why, and what to do now."""

    code: ClassVar[str] = "error"

    def __init__(self, title: str, detail: str = "", remedy: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(part for part in (self.title, self.detail, self.remedy) if part)

    def as_dict(self) -> dict[str, str]:
        """The stable form that every face prints: code, title, detail, remedy."""
        return {
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "remedy": self.remedy,
        }


class InvalidInput(HearthError):
    """The words or values given make no sense."""

    code = "invalid_input"


class NotPossibleHere(HearthError):
    """This machine cannot do what was asked."""

    code = "not_possible_here"


class NotEnoughMemory(NotPossibleHere):
    """The model and its context need more memory than is free."""

    code = "not_enough_memory"


class NoDisplay(NotPossibleHere):
    """There is no screen to open a window on."""

    code = "no_display"


class ModelError(HearthError):
    """Root of what can be wrong with a model."""

    code = "model_error"


class ModelNotFound(ModelError):
    """No file, library entry or catalogue entry of that name."""

    code = "model_not_found"


class ModelFileInvalid(ModelError):
    """The file is broken, hostile, or not a GGUF at all."""

    code = "model_file_invalid"


class ModelUnsupported(ModelError):
    """The file is well formed, but not for this use or this runtime."""

    code = "model_unsupported"


class LoadFailed(ModelError):
    """llama.cpp refused or failed to load the model."""

    code = "load_failed"


class TemplateFailed(HearthError):
    """The chat template raised, looped, or produced too much text."""

    code = "template_failed"


class RequestFailed(HearthError):
    """One request failed; the engine is still alive."""

    code = "request_failed"


class ContextExceeded(RequestFailed):
    """The prompt does not fit into the context; nothing was decoded."""

    code = "context_length_exceeded"

    def __init__(self, prompt_tokens: int, n_ctx: int) -> None:
        super().__init__(
            "This conversation is longer than the model can read at once.",
            f"It is {prompt_tokens:,} tokens long (a token is about three quarters of a word); "
            f"the context holds {n_ctx:,}, and some of that must stay free for the answer.",
            "Shorten the message, start a new chat, or load the model with a larger context.",
        )
        self.prompt_tokens = prompt_tokens
        self.n_ctx = n_ctx


class EngineDead(HearthError):
    """The engine cannot serve any request until it is restarted."""

    code = "engine_dead"


class ChildFailed(HearthError):
    """A child process died, overran its deadline, or answered nonsense."""

    code = "child_failed"


class CatalogueInvalid(HearthError):
    """A catalogue of models breaks its schema; the sentence says where."""

    code = "catalogue_invalid"


class UpdateRefused(HearthError):
    """A newer version is not believed or does not work; the one that runs stays."""

    code = "update_refused"


class NetworkError(HearthError):
    """A connection failed, or brought something other than what was asked for."""

    code = "network_error"


class Unreachable(NetworkError):
    """Nothing came, or no more: the same request may well succeed later."""

    code = "unreachable"


class Busy(NetworkError):
    """The far end cannot or will not answer now."""

    code = "busy"

    def __init__(
        self, title: str, detail: str = "", remedy: str = "", *, after_s: float | None = None
    ) -> None:
        """`after_s` is how long the far end asks to be left alone, where it says so."""
        super().__init__(title, detail, remedy)
        self.after_s = after_s


class Offline(NetworkError):
    """The offline switch is on: nothing was tried."""

    code = "offline"


class HostRefused(NetworkError):
    """The address is none of those that Hearth may ask; no name was looked up."""

    code = "host_refused"


class AccessNeeded(HearthError):
    """The hub answers, but not to everybody; asking again changes nothing.

    `need`: "token" (none is there), "renewal" (the one that is there is not accepted any more),
    "licence" (terms to agree to), "permission" (the token, or the account, may not see this).
    """

    code = "access_needed"

    def __init__(self, title: str, detail: str, remedy: str, *, need: str, page: str = "") -> None:
        super().__init__(title, detail, remedy)
        self.need = need
        self.page = page
        """Where a browser goes to settle it, or ""."""


class StorageError(HearthError):
    """Root of what can be wrong with the profile folder and its files."""

    code = "storage_error"


class StorageFull(StorageError):
    """The disk is full."""

    code = "storage_full"


class StorageReadOnly(StorageError):
    """The profile folder cannot be written."""

    code = "storage_read_only"


class DatabaseDamaged(StorageError):
    """The database cannot be read; it was kept aside, never deleted."""

    code = "database_damaged"


class DatabaseTooNew(StorageError):
    """The database was written by a later version; it was left untouched."""

    code = "database_too_new"


class ProfileTooNew(StorageError):
    """The settings were written by a later version; the profile was left untouched."""

    code = "profile_too_new"


class ProfileInUse(StorageError):
    """Another Hearth has this profile open."""

    code = "profile_in_use"
