"""The pages of `model-config ui` and `report`: views of the data that other packages compute."""
