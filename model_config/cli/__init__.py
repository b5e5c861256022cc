"""The command line: one file for each verb. What a verb does stands in the other rooms."""
