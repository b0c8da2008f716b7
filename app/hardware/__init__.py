"""What this computer has: facts, or why they are not known. Decides nothing."""
