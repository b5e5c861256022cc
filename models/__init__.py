"""One file for each model. The file's name is the model's name."""
