"""Queries to the library: similar tracks, searches, playlists, the page."""
