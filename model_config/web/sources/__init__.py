"""What is read for each page: asked of the rooms that work it out, handed to the page's view."""
