"""What a person does to what is deployed: labels, history, inventory, drift."""
