"""Chat templates: messages become the text a model was trained to read."""
