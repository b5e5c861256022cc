"""Pure Python: what a configuration is and becomes. It knows neither pulumi nor boto3."""
