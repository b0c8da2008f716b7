"""Makes what people install: the bundle, its checks, and whatever is made of it."""
