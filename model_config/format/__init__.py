"""What a deploy and a reader agree on: names, codec, documents, errors. Plain Python."""
