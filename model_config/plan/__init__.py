"""From a project's files to what will be deployed, checked whole. Neither pulumi nor boto3."""
