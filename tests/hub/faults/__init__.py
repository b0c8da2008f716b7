"""Ways in which a hub, its store or the line to them misbehave: a small class each."""
