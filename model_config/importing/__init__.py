"""From parameters that exist to a model module, and the list that adopts them."""
