"""Parts of the window without product knowledge. GUI thread only."""
