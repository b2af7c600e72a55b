# Nothing asks for it: its ARN follows from its name (stacks/shared/common.tf).
