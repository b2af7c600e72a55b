output "workgroup" {
  description = "Athena's workgroup with the saved queries"
  value       = aws_athena_workgroup.this.name
}

output "database" {
  description = "Glue's database with the table events"
  value       = aws_glue_catalog_database.this.name
}
