"""The Pulumi side: the only place that imports pulumi."""
