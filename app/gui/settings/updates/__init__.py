"""Newer versions of Hearth on the settings page."""
