"""Newer versions of Hearth and of its runtime: fetched, checked, kept beside the old, undone."""
