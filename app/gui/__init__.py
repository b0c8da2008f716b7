"""The window: one face of the services, and the only place that knows Qt."""
