output "schedule_group" {
  description = "Group of the schedule, by which CloudWatch counts calls that failed"
  value       = aws_scheduler_schedule_group.this.name
}
