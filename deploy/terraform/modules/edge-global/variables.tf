variable "name" {
  description = "Prefix of every name, for example meridian-prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}$", var.name))
    error_message = "name is 3 to 31 small letters, digits and hyphens and begins with a letter, for example meridian-prod."
  }
}

variable "hosted_zone_id" {
  description = "The public hosted zone of the domain."
  type        = string

  validation {
    condition     = length(var.hosted_zone_id) > 0
    error_message = "hosted_zone_id is missing: make the zone with the module dns."
  }
}

variable "domain" {
  description = "The domain, for example example.com: the public name is api.<domain>."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.domain))
    error_message = "domain is a domain you own, in small letters, for example example.com."
  }
}

variable "regions" {
  description = "By region: its address, the continents it answers first (AF, AN, AS, EU, NA, OC, SA), its weight, and its turn when others fail (0 is first)."
  type = map(object({
    endpoint   = string
    continents = optional(list(string), [])
    weight     = optional(number, 100)
    turn       = number
  }))

  validation {
    condition     = length(var.regions) >= 2
    error_message = "regions needs at least two: with one there is nothing to fail over to."
  }

  validation {
    condition     = alltrue([for region in keys(var.regions) : can(regex("^[a-z]{2}-[a-z]+-[0-9]$", region))])
    error_message = "regions is keyed by AWS regions such as us-east-1."
  }

  validation {
    condition     = alltrue([for code in flatten([for row in values(var.regions) : row.continents]) : contains(["AF", "AN", "AS", "EU", "NA", "OC", "SA"], code)]) && length(distinct(flatten([for row in values(var.regions) : row.continents]))) == length(flatten([for row in values(var.regions) : row.continents]))
    error_message = "Each continent (AF, AN, AS, EU, NA, OC, SA) belongs to one region at most."
  }

  validation {
    condition     = alltrue([for row in values(var.regions) : row.weight >= 0 && row.weight <= 255]) && anytrue([for row in values(var.regions) : row.weight > 0])
    error_message = "Weights are 0 to 255, and one of them is above 0."
  }

  validation {
    condition     = toset([for row in values(var.regions) : row.turn]) == toset(range(length(var.regions)))
    error_message = "Each region has its own turn, counted from 0: 0 is asked first, the last when all before it fail."
  }

  validation {
    condition     = alltrue([for row in values(var.regions) : endswith(row.endpoint, ".${var.domain}")])
    error_message = "Each region's endpoint lies in the domain, for example api-us.example.com."
  }
}

variable "routing_policy" {
  description = "Which of the four policies CloudFront's API origin follows: latency, geolocation, weighted or failover."
  type        = string
  default     = "latency"

  validation {
    condition     = contains(["latency", "geolocation", "weighted", "failover"], var.routing_policy)
    error_message = "routing_policy is latency, geolocation, weighted or failover."
  }
}

variable "certificate_arn" {
  description = "CloudFront's certificate for api.<domain>, in us-east-1."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:acm:us-east-1:[0-9]{12}:certificate/.+", var.certificate_arn))
    error_message = "certificate_arn is missing or of another region: CloudFront takes ACM certificates of us-east-1 alone. Make one with the module certificate."
  }
}

variable "behaviours_file" {
  description = "Cache behaviours, policies and origins: deploy/gateway/cloudfront.json, generated from the route table."
  type        = string

  validation {
    condition     = fileexists(var.behaviours_file)
    error_message = "behaviours_file does not exist: run make edge, it writes deploy/gateway/cloudfront.json."
  }
}

variable "managed_policy_ids" {
  description = "Ids of AWS's own policies: those for caching and for requests to origins by the names in the file, and SecurityHeadersPolicy (HSTS, nosniff, frame and referrer rules)."
  type = object({
    cache            = map(string)
    origin_request   = map(string)
    security_headers = string
  })

  validation {
    condition = length(setsubtract(
      compact([for policy in concat(values(jsondecode(file(var.behaviours_file)).cache_policies), values(jsondecode(file(var.behaviours_file)).origin_request_policies)) : try(policy.managed, "")]),
      concat(keys(var.managed_policy_ids.cache), keys(var.managed_policy_ids.origin_request)),
    )) == 0
    error_message = "behaviours_file names a policy of AWS whose id is not given: look it up where the others are, in stacks/global/policies.tf."
  }
}

variable "asset_buckets" {
  description = "Domain names of the buckets with static assets: the first is asked, the second when it fails."
  type        = list(string)

  validation {
    condition     = length(var.asset_buckets) == 2 && alltrue([for bucket in var.asset_buckets : can(regex("^[a-z0-9.-]+\\.s3\\.[a-z0-9-]+\\.amazonaws\\.com$", bucket))])
    error_message = "asset_buckets names two buckets by regional domain: <bucket>.s3.<region>.amazonaws.com."
  }
}

variable "origin_secret" {
  description = "What CloudFront says to the origin to be recognised; 32 or more characters."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.origin_secret) >= 32
    error_message = "origin_secret has 32 or more characters: export TF_VAR_origin_secret=$(openssl rand -hex 32)."
  }
}

variable "web_acl_arn" {
  description = "The firewall in front of CloudFront (module web-firewall, scope CLOUDFRONT)."
  type        = string

  validation {
    condition     = can(regex("^arn:aws:wafv2:us-east-1:[0-9]{12}:global/webacl/.+", var.web_acl_arn))
    error_message = "web_acl_arn is missing: CloudFront needs a firewall of scope CLOUDFRONT, in us-east-1."
  }
}

variable "shield_advanced" {
  description = "Whether Shield Advanced protects CloudFront and the hosted zone (3,000 dollars a month, subscribed for a year). Shield Standard always does."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
