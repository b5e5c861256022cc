"""What runs in an application: it reads releases, and knows boto3 but neither pulumi nor pydantic.

Nothing is imported here, so that what needs no AWS costs no import of boto3.
"""
