"""The settings page: every declared option, and what is worth knowing about this Hearth."""
