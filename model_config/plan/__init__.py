"""From a project's files to a checked plan of what will be deployed. Needs no pulumi or boto3."""
