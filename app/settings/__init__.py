"""Settings: every option declared once, one file that survives anything. Knows no widgets."""
