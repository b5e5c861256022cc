"""From existing parameters to a model module, and to the list for adopting them."""
