"""Messages and a model's template → the prompt. Any thread that may block for two seconds.

Decides where a template runs (here if its hash is known, else in the resident child) and what
happens when it does not work: the family's template, with a note. Knows no tokenizer.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.foundation.children import ChildDied, ResidentChild
from app.foundation.errors import InvalidInput, TemplateFailed
from app.foundation.units import MIB
from app.protocol.chat import Message
from app.templates.composition import Composition, Piece, compose, compose_own
from app.templates.families import FAMILIES, Family, family_for, family_of_template
from app.templates.known import GENUINE_SHA256
from app.templates.sandbox import MAX_SOURCE_CHARS, failed

DEADLINE_S = 2.0
MEMORY_LIMIT_BYTES = 512 * MIB
# A busy machine may make an honest template late once. After this many deaths the template is
# not tried again, so that a turn does not wait for it each time.
MAX_DEATHS = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt. `notes` are sentences for the person; `stop` ends an answer in which the model
    spells its end-of-turn token out. Special tokens may be read in template pieces only."""

    pieces: tuple[Piece, ...]
    stop: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class _Model:
    """What is known of the model that decides on its template."""

    template: str | None
    architecture: str
    name: str
    bos: str
    eos: str


def template_hash(template: str) -> str:
    """SHA-256 in hexadecimal, by which a template is known. The line ends at the end of a file
    do not count: converters keep them or not."""
    text = template.rstrip("\n")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_KNOWN = GENUINE_SHA256 | {template_hash(family.template) for family in FAMILIES}


class Renderer:
    """Renders prompts. Owns the resident child, which starts at the first unknown template."""

    def __init__(self) -> None:
        self._child = ResidentChild("template", memory_limit_bytes=MEMORY_LIMIT_BYTES)
        self._lock = threading.Lock()
        self._deaths: dict[str, list[str]] = {}

    def render(
        self,
        messages: Sequence[Message],
        template: str | None,
        *,
        architecture: str,
        name: str = "",
        bos: str = "",
        eos: str = "",
        continue_last: bool = False,
        is_own: bool = False,
    ) -> Rendered:
        """The prompt for an answer to `messages`, ending where the answer begins.

        With `continue_last` the last message must be the assistant's, and the prompt ends in
        the middle of it: it is the prompt which that answer had, followed by its text, so that
        everything up to there is still in memory. `is_own` says that the template is the
        built-in model's, whose file is genuine: it runs here and may leave messages out.

        Raises InvalidInput without messages, and TemplateFailed if neither the model's template
        nor its family's gives a prompt.
        """
        opened = ""
        if continue_last:
            if not messages or messages[-1].role != "assistant":
                raise InvalidInput("There is no answer to continue.")
            *messages, last = messages
            opened = last.text
        if not any(message.text.strip() for message in messages):
            raise InvalidInput("There is nothing to answer.", "Every message is empty.")
        if is_own and template:
            own = compose_own(template, messages, bos, eos)
            rendered = Rendered(own.pieces, (), own.notes)
        else:
            rendered = self._rendered(messages, _Model(template, architecture, name, bos, eos))
        if opened:
            rendered = replace(rendered, pieces=(*rendered.pieces, Piece(opened, False)))
        return rendered

    def close(self) -> None:
        """End the child, if it runs."""
        self._child.close()

    def _rendered(self, messages: Sequence[Message], model: _Model) -> Rendered:
        template, bos, eos = model.template, model.bos, model.eos
        known = family_of_template(template) if template else None
        family = known or family_for(
            architecture=model.architecture, name=model.name, bos=bos, eos=eos
        )
        if not template:
            note = (
                f"This model comes without a chat template; the usual one ({family.name}) is used."
            )
            composed = compose(family.template, messages, bos, eos)
            return Rendered(composed.pieces, family.stop, (note, *composed.notes))
        try:
            composed = self._by_model(template, messages, bos, eos)
            # A template that works comes with an end-of-turn token that does: plain words such as
            # "USER:" would only cut answers that speak of them.
            stop = [text for text in known.stop if text[0] == "<"] if known else []
            return Rendered(composed.pieces, tuple(stop), composed.notes)
        except TemplateFailed as error:
            _log.warning("chat template %s: %s", template_hash(template)[:12], error.detail)
            return self._by_family(family, error, messages, bos, eos)

    def _by_family(
        self, family: Family, error: TemplateFailed, messages: Sequence[Message], bos: str, eos: str
    ) -> Rendered:
        try:
            composed = compose(family.template, messages, bos, eos)
        except TemplateFailed:
            raise error from None
        note = (
            f"{error.title} The usual one for its kind ({family.name}) is used instead. "
            f"{error.detail}"
        )
        return Rendered(composed.pieces, family.stop, (note, *composed.notes))

    def _by_model(
        self, template: str, messages: Sequence[Message], bos: str, eos: str
    ) -> Composition:
        digest = template_hash(template)
        if digest in _KNOWN:
            return compose(template, messages, bos, eos)
        if len(template) > MAX_SOURCE_CHARS:
            raise failed("it is too long to be a chat template")
        with self._lock:
            deaths = self._deaths.get(digest, [])
        if len(deaths) >= MAX_DEATHS:
            raise failed(deaths[-1])
        request = {
            "source": template,
            "messages": [[message.role, message.text] for message in messages],
            "bos": bos,
            "eos": eos,
        }
        try:
            answer = self._child.ask(request, deadline_s=DEADLINE_S)
        except ChildDied as death:
            reason = _reason_for(death)
            with self._lock:
                self._deaths.setdefault(digest, []).append(reason)
            raise failed(reason) from death
        return Composition(
            tuple(Piece(str(text), bool(own)) for text, own in answer["pieces"]),
            tuple(str(note) for note in answer["notes"]),
        )


def _reason_for(death: ChildDied) -> str:
    """Why the child died, as the end of a sentence."""
    if death.verdict == "timeout":
        return f"it did not come to an end within {DEADLINE_S:.0f} seconds"
    # Past its limit a child of ours exits with 77, or is ended where it stands.
    if death.exit_status == 77 or death.verdict == "signal":
        return f"it asked for more than {MEMORY_LIMIT_BYTES // MIB} MB of memory"
    return "the helper process that reads it ended too early"
