"""What every layer may use: errors, cancellation, children, paths, logs, units."""
