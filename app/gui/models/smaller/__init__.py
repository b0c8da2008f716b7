"""Making a smaller file of a model that is here: what can be made, and how far it is."""
