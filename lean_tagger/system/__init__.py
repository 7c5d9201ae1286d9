"""Questions to the operating system and file systems: memory, mounts, folders, files."""
