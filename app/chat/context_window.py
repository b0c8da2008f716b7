"""Which messages the model is given for an answer. Pure; leaves nothing out that was said.

What does not fit is refused with its numbers (`ContextExceeded`), never cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.conversations.records import Turn
from app.protocol.chat import Message


def messages_for(turns: Sequence[Turn], system_prompt: str, draft: str = "") -> tuple[Message, ...]:
    """The messages of a path from its root, instructions first; `draft` is a question to come.

    An answer that holds no text (stopped or failed before its first word) is no message, and
    questions that follow one another become one: most templates want the roles to alternate.
    """
    messages: list[Message] = []
    if system_prompt.strip():
        messages.append(Message("system", system_prompt))
    said = [Message(turn.role, turn.text) for turn in turns]
    for message in (*said, Message("user", draft)):
        if not message.text.strip():
            continue
        last = messages[-1] if messages else None
        if last is not None and last.role == message.role:
            messages[-1] = Message(message.role, f"{last.text}\n\n{message.text}")
        else:
            messages.append(message)
    return tuple(messages)


def may_exceed(messages: Sequence[Message], n_ctx: int) -> bool:
    """False if the messages certainly fit, so that nothing needs to be counted.

    No token is shorter than a byte; a template adds some twenty tokens to a message and some
    hundreds of its own.
    """
    n_bytes = sum(len(message.text.encode("utf-8", "replace")) for message in messages)
    return n_bytes + 20 * len(messages) + 512 > n_ctx
