"""Tests of Hearth; see app/ARCHITECTURE.md for how they are laid out."""
