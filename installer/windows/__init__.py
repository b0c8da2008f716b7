"""The installer for Windows: its script, and what compiles it."""
