"""The types of `params.yaml`, section by section."""
