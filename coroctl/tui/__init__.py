"""The console: wiring, screens, and the words between them. Obtains nothing itself: feeds and logs are handed in."""
