"""The application for macOS: what it says of itself, its signature, its disk image."""
