"""Hearth: a private assistant that runs a quantized language model on this computer."""

__version__ = "0.1.0"
