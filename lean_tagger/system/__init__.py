"""What the operating system and file systems are asked: memory, mounts, folders, files."""
