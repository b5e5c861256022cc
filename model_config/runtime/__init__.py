"""What runs in an application: reading releases, and moving labels. The only room with boto3.

Nothing is imported here, so that what needs no AWS (`model_config.testing`, the names and rules)
costs no import of boto3.
"""
