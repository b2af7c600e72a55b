# What every stack of staging is told. A region is a row: its network, its zones, its public address.
domain     = "staging.example.com"
account_id = "444455556666"

regions = {
  us-east-1 = {
    cidr     = "10.0.0.0/16"
    azs      = ["us-east-1a", "us-east-1b", "us-east-1c"]
    endpoint = "api-us.staging.example.com"
  }
  eu-west-1 = {
    cidr     = "10.1.0.0/16"
    azs      = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    endpoint = "api-eu.staging.example.com"
  }
  ap-south-1 = {
    cidr     = "10.2.0.0/16"
    azs      = ["ap-south-1a", "ap-south-1b", "ap-south-1c"]
    endpoint = "api-ap.staging.example.com"
  }
}

tags = {
  application = "meridian"
  environment = "staging"
  managed-by  = "terraform"
}
