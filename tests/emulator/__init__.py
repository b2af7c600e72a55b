"""What SNS and SQS do that the platform relies on, tried on every emulator and, when asked for, on AWS."""
