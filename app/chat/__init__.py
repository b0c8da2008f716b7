"""Turns of a conversation: history, request, stream, stored answer."""
