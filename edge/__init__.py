"""The edge: one route table and what is generated from it for Envoy, API Gateway, Kong, Istio and CloudFront."""
