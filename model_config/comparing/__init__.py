"""What any commit configures, and how two configurations differ."""
