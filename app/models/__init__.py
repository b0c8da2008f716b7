"""The catalogue of models, headers read from afar, and files that stand in for a download."""
