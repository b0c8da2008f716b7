"""Hearth as a Flatpak: its manifest, and what is laid ready for it."""
