"""Runs in applications: reads releases with boto3. It imports neither pulumi nor pydantic.

Nothing is imported here, so that modules which don't need AWS don't import boto3.
"""
