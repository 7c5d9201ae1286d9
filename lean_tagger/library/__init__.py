"""What the library answers: similar tracks, queries, playlists, the page."""
