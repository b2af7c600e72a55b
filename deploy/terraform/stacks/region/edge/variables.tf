variable "network" {
  description = "The region's network: output of stack network."
  type = object({
    vpc_id             = string
    public_subnet_ids  = list(string)
    app_subnet_ids     = list(string)
    security_group_ids = map(string)
  })
}

variable "data" {
  description = "What the region keeps: output of stack data."
  type = object({
    buckets      = map(object({ name = string }))
    kms_key_arns = map(string)
  })
}

variable "global" {
  description = "What all regions share: output of stack global."
  type = object({
    hosted_zone_id = string
    origin_name    = string
    origin_secrets = list(string)
  })

  validation {
    condition     = length(var.global.hosted_zone_id) > 0
    error_message = "There is no hosted zone, so no certificate can be proven: apply the stack global first."
  }
}

variable "shape" {
  description = "The edge's shape: alb (a, the default: load balancer, gateway in the cluster) or apigateway (b: API Gateway, internal load balancer, Istio)."
  type        = string
  default     = "alb"

  validation {
    condition     = contains(["alb", "apigateway"], var.shape)
    error_message = "shape is alb or apigateway, as the platform chart's edge.shape."
  }
}

variable "authorizer_image_uri" {
  description = "For shape apigateway: the image, by digest, of the function that checks tokens."
  type        = string
  default     = null

  validation {
    condition     = var.shape != "apigateway" || var.authorizer_image_uri != null
    error_message = "shape apigateway needs authorizer_image_uri, an image in ECR by digest: build it with make images and push meridian/authorizer."
  }
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be destroyed."
  type        = bool
  default     = true

  validation {
    condition     = var.deletion_protection || var.environment != "prod"
    error_message = "In prod the load balancer stays protected; to destroy it on purpose see the runbook on destroying."
  }
}
