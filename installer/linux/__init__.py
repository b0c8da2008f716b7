"""What is made for Linux from the bundle: a Debian package, and an archive for one person."""
