# What every stack of dev is told. A region is a row: its network, its zones, its public address.
domain     = "dev.example.com"
account_id = "777788889999"

regions = {
  us-east-1 = {
    cidr     = "10.0.0.0/16"
    azs      = ["us-east-1a", "us-east-1b", "us-east-1c"]
    endpoint = "api-us.dev.example.com"
  }
  eu-west-1 = {
    cidr     = "10.1.0.0/16"
    azs      = ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    endpoint = "api-eu.dev.example.com"
  }
  ap-south-1 = {
    cidr     = "10.2.0.0/16"
    azs      = ["ap-south-1a", "ap-south-1b", "ap-south-1c"]
    endpoint = "api-ap.dev.example.com"
  }
}

tags = {
  application = "meridian"
  environment = "dev"
  managed-by  = "terraform"
}
