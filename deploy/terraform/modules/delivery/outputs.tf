output "repository_urls" {
  description = "Address of each image repository in the master region"
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "pipeline_arn" {
  description = "ARN of the pipeline"
  value       = aws_codepipeline.this.arn
}

output "build_role_arns" {
  description = "Who takes the regions' roles, by step"
  value       = { for name, role in aws_iam_role.build : name => role.arn if name != "image" }
}
