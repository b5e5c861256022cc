"""AI model configurations, kept under version control and deployed to AWS SSM Parameter Store."""
