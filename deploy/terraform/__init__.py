"""The AWS topology as Terraform, and the commands around it: `make tf`, `make tf-values`, `make tf-docs`."""
