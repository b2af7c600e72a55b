"""The function that rotates the cache's passwords, and the archive AWS Lambda runs it from."""
