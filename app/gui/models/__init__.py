"""The models page: what is here, what suits this computer, and the plan of each. GUI thread."""
