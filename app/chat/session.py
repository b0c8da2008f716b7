"""The conversations' side of generation: send, edit, regenerate, resume, stop.

Every call returns at once; what happens is told to its sink on the answer's own thread. One
answer at a time in a conversation, several conversations at once. Knows no widgets.
"""

from __future__ import annotations

import threading
import time

from app.chat.answer import Answer
from app.chat.context_window import messages_for
from app.chat.events import ChatEvent, ChatSink, TurnRefused
from app.chat.steps import Edit, Regenerate, Resume, Send, Step, Task
from app.conversations.records import Conversation, Turn
from app.conversations.repository import Repository
from app.foundation.errors import HearthError, InvalidInput, RequestFailed, StorageError
from app.inference.service import InferenceService
from app.metrics.recorder import Recorder
from app.protocol.chat import Message
from app.protocol.generation import GenerationRequest, SamplingParams
from app.protocol.model_ref import ModelRef
from app.settings import schema
from app.settings.file import SettingsFile


class ChatService:
    """Turns of conversations. Thread-safe; sinks must return at once."""

    def __init__(
        self,
        repository: Repository,
        inference: InferenceService,
        settings: SettingsFile,
        metrics: Recorder,
    ) -> None:
        self._repository = repository
        self._inference = inference
        self._settings = settings
        self._metrics = metrics
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._ending: set[Answer] = set()
        self._closed = False

    def send(self, conversation_id: str, text: str, sink: ChatSink) -> None:
        """Store a message at the end of the conversation and answer it."""
        self._begin(conversation_id, Send(text), sink)

    def regenerate(self, conversation_id: str, turn_id: str, sink: ChatSink) -> None:
        """Write another answer beside `turn_id`, or answer `turn_id` if it is a question."""
        self._begin(conversation_id, Regenerate(turn_id), sink)

    def edit(self, conversation_id: str, turn_id: str, text: str, sink: ChatSink) -> None:
        """Store another version of the person's message `turn_id` and answer it."""
        self._begin(conversation_id, Edit(turn_id, text), sink)

    def resume(self, conversation_id: str, turn_id: str, sink: ChatSink) -> None:
        """Continue, in place, the last answer: interrupted, stopped, failed or cut by length."""
        self._begin(conversation_id, Resume(turn_id), sink)

    def stop(self, conversation_id: str) -> None:
        """End the answer being written, if any, and keep what there is of it."""
        with self._lock:
            answer = self._answers.get(conversation_id)
        if answer is not None:
            answer.stop()

    def is_answering(self, conversation_id: str) -> bool:
        """True from a call that begins an answer until just before its terminal event."""
        with self._lock:
            return conversation_id in self._answers

    def model_for(self, conversation: Conversation) -> ModelRef:
        """The model that would answer: the conversation's own, else the one in the settings."""
        return ModelRef(conversation.options.model or self._settings.get(schema.MODEL_PATH))

    def prompt_for(
        self, conversation: Conversation, turns: tuple[Turn, ...], draft: str = ""
    ) -> tuple[Message, ...]:
        """The messages that would be read if `draft` were sent now; for counting."""
        return messages_for(turns, self._system_prompt(conversation), draft)

    def close(self, deadline_s: float) -> bool:
        """Begin nothing more, keep all partial answers; True if every one is stored."""
        with self._lock:
            self._closed = True
            answers = [*self._answers.values(), *self._ending]
        for answer in answers:
            answer.stop("interrupted")
        end = time.monotonic() + deadline_s
        return all(answer.join(max(0.0, end - time.monotonic())) for answer in answers)

    def _begin(self, conversation_id: str, step: Step, sink: ChatSink) -> None:
        error: HearthError | None = None
        answer = Answer(
            self._repository,
            self._inference,
            conversation_id,
            step,
            sink,
            request_for=self._request_for,
            on_end=self._ended,
        )
        with self._lock:
            if self._closed:
                error = RequestFailed("Hearth is closing.", "", "Start it again.")
            elif conversation_id in self._answers:
                error = InvalidInput(
                    "An answer is still being written here.",
                    "A chat takes one message at a time.",
                    "Wait for it, or stop it first.",
                )
            else:
                # Under the lock: `close` joins whatever it finds here, and its end waits for it.
                answer.start()
                self._answers[conversation_id] = answer
        if error is not None:
            self._metrics.count_error(error.code)
            sink(TurnRefused(conversation_id, error, step.text))

    def _ended(self, answer: Answer, last: ChatEvent) -> None:
        """The conversation is free before its terminal event is told: the listener may send."""
        with self._lock:
            del self._answers[answer.conversation_id]
            self._ending = {each for each in self._ending if each.is_running} | {answer}
        if isinstance(last, TurnRefused) and isinstance(last.error, StorageError):
            self._metrics.count_error(last.error.code)

    def _request_for(self, conversation: Conversation, task: Task) -> GenerationRequest:
        system_prompt = self._system_prompt(conversation)
        messages = messages_for(task.history, system_prompt, task.question or "")
        resumed = task.resumed.text if task.resumed is not None else ""
        if resumed:
            messages = (*messages, Message("assistant", resumed))
        model = self.model_for(conversation)
        chosen = conversation.options.max_tokens
        max_tokens = self._settings.get(schema.MAX_TOKENS) if chosen is None else chosen
        return GenerationRequest(
            messages,
            model,
            SamplingParams(temperature=self._temperature(conversation, model)),
            max_tokens or None,
            continue_last=bool(resumed),
        )

    def _system_prompt(self, conversation: Conversation) -> str:
        own = conversation.options.system_prompt
        return self._settings.get(schema.SYSTEM_PROMPT) if own is None else own

    def _temperature(self, conversation: Conversation, model: ModelRef) -> float:
        """The built-in guide knows its facts by heart: variety would only make it err."""
        chosen = conversation.options.temperature
        if chosen is not None:
            return chosen
        return 0.0 if model.is_built_in else self._settings.get(schema.TEMPERATURE)
