"""Downloads of models: asked for, fetched, checked, and only then put where models are."""
