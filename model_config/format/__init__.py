"""The formats that deploys and readers share: names, codec, documents, errors. Plain Python."""
