"""The chat page: conversations at the left, the transcript, the composer."""
