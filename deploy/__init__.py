"""How Meridian is deployed: routes, charts, Terraform, and the Python that drives and checks them."""
