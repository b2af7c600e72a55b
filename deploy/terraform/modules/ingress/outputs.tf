output "arn" {
  description = "The load balancer."
  value       = aws_lb.this.arn
}

output "arn_suffix" {
  description = "The load balancer, as its metrics name it."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "The load balancer's own name."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "The hosted zone of that name, for alias records."
  value       = aws_lb.this.zone_id
}

output "target_group_arns" {
  description = "Target groups that the cluster fills: http takes requests, status answers health checkers."
  value       = { for name, group in aws_lb_target_group.this : name => group.arn }
}
