"""What each page shows: pure functions from what was read to what a template needs."""
