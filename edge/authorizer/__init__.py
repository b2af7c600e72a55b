"""The one part of the edge that runs: AWS Lambda calls it before API Gateway lets a request with a token through (shape b)."""
