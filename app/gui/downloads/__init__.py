"""Downloads as the window shows them; they outlive the page that asked for one."""
