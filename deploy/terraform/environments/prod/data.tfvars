# Data of prod: the topology's own figures, which are the defaults. Copies stay in the jurisdiction of their region.
copy_regions = {
  us-east-1  = "us-west-2"
  eu-west-1  = "eu-central-1"
  ap-south-1 = "ap-south-2"
}
