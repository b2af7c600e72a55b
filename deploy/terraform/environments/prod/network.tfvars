# The network of prod. Prefix lists are Amazon's, one id per region: com.amazonaws.global.cloudfront.origin-facing.
cloudfront_prefix_list_ids = {
  us-east-1  = "pl-3b927c52"
  eu-west-1  = "pl-4fa04526"
  ap-south-1 = "pl-9aa247f3"
}
