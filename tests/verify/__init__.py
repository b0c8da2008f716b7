"""Checks of accuracy, as commands with a short form among the tests."""
