variable "name" {
  description = "Prefix of every name, for example meridian-prod-us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name is 3 to 31 small letters, digits and hyphens and begins with a letter, for example meridian-prod-us-east-1."
  }
}

variable "region" {
  description = "The AWS region, for example us-east-1."
  type        = string
}

variable "account_id" {
  description = "The AWS account's twelve digits."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is twelve digits: aws sts get-caller-identity --query Account."
  }
}

variable "openapi_file" {
  description = "The API to import: deploy/gateway/api-gateway.json, generated from the route table."
  type        = string

  validation {
    condition     = fileexists(var.openapi_file)
    error_message = "openapi_file does not exist: run make edge, it writes deploy/gateway/api-gateway.json."
  }
}

variable "method_settings" {
  description = "Requests per second and burst of each method: method_settings of deploy/gateway/api-gateway-stage.json."
  type = map(object({
    throttling_rate_limit  = number
    throttling_burst_limit = number
  }))

  validation {
    condition     = alltrue([for one in values(var.method_settings) : one.throttling_rate_limit > 0 && one.throttling_burst_limit >= one.throttling_rate_limit])
    error_message = "Every method has a rate above 0 and a burst not below it: an API without limits is an invitation."
  }
}

variable "domain" {
  description = "The names the API answers to, and the certificate for them, of the same region."
  type = object({
    names           = list(string)
    certificate_arn = string
  })

  validation {
    condition     = length(var.domain.names) > 0
    error_message = "domain.names is empty: the default endpoint is off, so the API needs a name."
  }

  validation {
    condition     = can(regex("^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+", var.domain.certificate_arn))
    error_message = "domain.certificate_arn is missing: make a certificate with the module certificate, or give the ARN of an ACM certificate of the same region."
  }
}

variable "backend" {
  description = "The internal load balancer: its ARN, its own name in DNS, the host name on its certificate, and the subnets and security groups of the link to it."
  type = object({
    load_balancer_arn  = string
    dns_name           = string
    host               = string
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
}

variable "authorizer" {
  description = "The function that checks tokens: its image (with digest), whose tokens it believes, and its security groups, which reach the load balancer."
  type = object({
    image_uri          = string
    issuer             = string
    audience           = string
    security_group_ids = list(string)
  })

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/.+@sha256:[0-9a-f]{64}$", var.authorizer.image_uri))
    error_message = "authorizer.image_uri is an image in ECR by digest: 111122223333.dkr.ecr.us-east-1.amazonaws.com/meridian/authorizer@sha256:... (make images, then push it)."
  }

  validation {
    condition     = startswith(var.authorizer.issuer, "https://")
    error_message = "authorizer.issuer begins with https://."
  }
}

variable "web_acl_arn" {
  description = "The firewall in front of the stage: it asks for the origin secret; CloudFront's own counts requests per client."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/.+", var.web_acl_arn))
    error_message = "web_acl_arn is missing: without a regional firewall everybody gets around CloudFront. Make one with the module web-firewall."
  }
}

variable "logs" {
  description = "Access and function logs: days they are kept, and their KMS key (null: CloudWatch's own)."
  type = object({
    retention_days = optional(number, 365)
    kms_key_arn    = optional(string)
  })
  default = {}
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds the roles; null: none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
