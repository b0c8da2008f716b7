"""The place “Hugging Face”: nothing there is asked before a person asks."""
