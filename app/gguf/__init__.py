"""GGUF files: what a header says, whether it can be trusted, and what follows for memory."""
