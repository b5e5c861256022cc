"""The pages of `model-config ui` and `report`: views over what the other rooms work out."""
