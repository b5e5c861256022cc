"""The embedded AWS: the same program that `pulumi up` runs, under Pulumi's mocks, on moto.

It is a stand-in. It shows what is deployed and how it reads back; it can't show IAM, KMS
encryption or AWS's throttling, and it plays Pulumi's provider by the rules in `provider.py`.
"""
