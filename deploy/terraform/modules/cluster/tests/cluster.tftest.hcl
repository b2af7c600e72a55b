# topology.md, rows "compute" and IAM: node groups, autoscalers, least privilege, and what the module refuses.

mock_provider "aws" {
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000000" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mocked" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-00000000000000001", latest_version = 1 }
  }
  mock_resource "aws_eks_cluster" {
    defaults = { identity = [{ oidc = [{ issuer = "https://oidc.eks.us-east-1.amazonaws.com/id/0" }] }] }
  }
}

variables {
  name               = "meridian-prod-us-east-1"
  region             = "us-east-1"
  account_id         = "111122223333"
  subnet_ids         = ["subnet-10", "subnet-11", "subnet-12"]
  security_group_ids = { cluster = "sg-1", nodes = "sg-2" }
  queue_arns         = ["arn:aws:sqs:us-east-1:111122223333:meridian-order-inbox"]
}

run "general_nodes_are_m5_large" {
  command = plan
  assert {
    condition     = aws_eks_node_group.this["general"].instance_types == tolist(["m5.large"])
    error_message = "The node group general is m5.large."
  }
}

run "compute_nodes_are_c5_xlarge" {
  command = plan
  assert {
    condition     = aws_eks_node_group.this["compute"].instance_types == tolist(["c5.xlarge"])
    error_message = "The node group compute is c5.xlarge."
  }
}

run "memory_nodes_are_r5_2xlarge" {
  command = plan
  assert {
    condition     = aws_eks_node_group.this["memory"].instance_types == tolist(["r5.2xlarge"])
    error_message = "The node group memory is r5.2xlarge."
  }
}

run "nodes_carry_their_groups_label_and_spread_over_three_zones" {
  command = plan

  assert {
    condition     = toset(keys(aws_eks_node_group.this)) == toset(["general", "compute", "memory"]) && alltrue([for name, group in aws_eks_node_group.this : group.labels["meridian.example.com/node-group"] == name])
    error_message = "The chart chooses nodes by meridian.example.com/node-group."
  }
  assert {
    condition     = alltrue([for group in aws_eks_node_group.this : length(group.subnet_ids) == 3 && group.update_config[0].max_unavailable_percentage == 33 && group.node_repair_config[0].enabled])
    error_message = "Groups span the zones, roll by thirds and replace broken nodes."
  }
  assert {
    condition     = aws_eks_node_group.this["general"].scaling_config[0].min_size == 3 && aws_eks_node_group.this["general"].scaling_config[0].max_size == 12
    error_message = "One general node per zone at least."
  }
}

run "nodes_hide_their_role_and_encrypt_their_disks" {
  command = plan

  assert {
    condition     = alltrue([for template in aws_launch_template.nodes : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Pods cannot reach the node's credentials."
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.nodes : template.block_device_mappings[0].ebs[0].encrypted == "true" && template.block_device_mappings[0].ebs[0].volume_type == "gp3"])
    error_message = "Disks are encrypted gp3."
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.nodes : template.vpc_security_group_ids == toset(["sg-2"])])
    error_message = "Nodes have the nodes' security group, not EKS's open one."
  }
  assert {
    condition     = toset(keys(aws_iam_role_policy_attachment.nodes)) == toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonSSMManagedInstanceCore"])
    error_message = "The node role joins, pulls and is reachable; the network plugin has a role of its own."
  }
}

run "the_control_plane_is_private_logged_and_encrypted" {
  command = plan

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The Kubernetes API answers inside the VPC alone."
  }
  assert {
    condition     = aws_eks_cluster.this.enabled_cluster_log_types == toset(["api", "audit", "authenticator", "controllerManager", "scheduler"]) && aws_cloudwatch_log_group.this.retention_in_days == 365
    error_message = "All five logs are kept for a year."
  }
  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"]) && aws_kms_key.secrets.enable_key_rotation
    error_message = "Kubernetes secrets lie under a rotating key."
  }
  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "Access is by entries; the creator is no administrator."
  }
  assert {
    condition     = aws_eks_cluster.this.version == "1.34" && aws_eks_cluster.this.upgrade_policy[0].support_type == "STANDARD" && aws_eks_cluster.this.zonal_shift_config[0].enabled
    error_message = "Kubernetes 1.34 with standard support and zonal shift."
  }
}

run "add_ons_are_managed_and_the_network_comes_before_nodes" {
  command = plan

  assert {
    condition     = toset(keys(aws_eks_addon.network)) == toset(["vpc-cni", "kube-proxy", "eks-pod-identity-agent"]) && toset(keys(aws_eks_addon.workload)) == toset(["coredns", "aws-ebs-csi-driver", "metrics-server", "amazon-cloudwatch-observability"]) && !aws_eks_cluster.this.bootstrap_self_managed_addons
    error_message = "EKS manages network, proxy, pod identity, DNS, volumes, metrics and logs."
  }
  assert {
    condition     = jsondecode(aws_eks_addon.network["vpc-cni"].configuration_values).enableNetworkPolicy == "true" && jsondecode(aws_eks_addon.network["vpc-cni"].configuration_values).env.WARM_IP_TARGET == "5"
    error_message = "NetworkPolicies are enforced, and addresses of the /24 subnets are not hoarded."
  }
}

run "roles_of_controllers_do_what_they_must_and_no_more" {
  command = plan

  assert {
    condition     = toset(keys(aws_iam_role.controller)) == toset(["cluster-autoscaler", "load-balancer-controller", "keda"])
    error_message = "Each controller has a role."
  }
  assert {
    condition     = alltrue(flatten([for policy in aws_iam_role_policy.controller : [for s in jsondecode(policy.policy).Statement : [for action in flatten([s.Action]) : !strcontains(action, "*")]]]))
    error_message = "No action holds a star."
  }
  assert {
    # The resource * only where AWS knows none: calls that list, describe or read metrics.
    condition     = alltrue(flatten([for policy in aws_iam_role_policy.controller : [for s in jsondecode(policy.policy).Statement : [for action in flatten([s.Action]) : can(regex(":(Describe|List|Get)[A-Za-z0-9]+$", action))] if contains(flatten([s.Resource]), "*")]]))
    error_message = "The resource * appears with reading calls alone."
  }
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.controller["cluster-autoscaler"].policy).Statement : s if s.Sid == "Scale"]).Condition.StringEquals["aws:ResourceTag/k8s.io/cluster-autoscaler/meridian-prod-us-east-1"] == "owned"
    error_message = "The autoscaler scales this cluster's groups alone."
  }
  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.controller["keda"].policy).Statement : s if s.Sid == "Depth"]).Resource == ["arn:aws:sqs:us-east-1:111122223333:meridian-order-inbox"]
    error_message = "KEDA reads the queues it was given."
  }
}

run "pods_take_roles_by_pod_identity_one_service_account_each" {
  command = plan

  assert {
    condition     = { for name, association in aws_eks_pod_identity_association.controller : name => "${association.namespace}/${association.service_account}" } == { cluster-autoscaler = "kube-system/cluster-autoscaler", load-balancer-controller = "kube-system/aws-load-balancer-controller", keda = "keda/keda-operator" }
    error_message = "Each role belongs to one service account."
  }
  assert {
    condition = alltrue([for role in concat(values(aws_iam_role.controller), values(aws_iam_role.addon)) :
      jsondecode(role.assume_role_policy).Statement[0].Principal.Service == "pods.eks.amazonaws.com" &&
      jsondecode(role.assume_role_policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == "arn:aws:eks:us-east-1:111122223333:cluster/meridian-prod-us-east-1" &&
      length(jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["aws:RequestTag/kubernetes-service-account"]) > 0
    ])
    error_message = "No other cluster and no other service account can take the role."
  }
}

run "access_entries_name_who_may_use_the_api" {
  command = plan
  variables {
    access_entries = {
      operators = { principal_arn = "arn:aws:iam::111122223333:role/operators", policy = "AmazonEKSClusterAdminPolicy" }
      deployer  = { principal_arn = "arn:aws:iam::111122223333:role/deployer", policy = "AmazonEKSEditPolicy", namespaces = ["meridian"] }
    }
  }

  assert {
    condition     = aws_eks_access_policy_association.this["operators"].access_scope[0].type == "cluster" && aws_eks_access_policy_association.this["deployer"].access_scope[0].type == "namespace" && aws_eks_access_policy_association.this["deployer"].access_scope[0].namespaces == toset(["meridian"])
    error_message = "An entry holds in its namespaces, or everywhere."
  }
}

run "refuses_the_whole_internet_as_client_of_the_api" {
  command = plan
  variables {
    public_access_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.public_access_cidrs]
}

run "refuses_an_old_kubernetes" {
  command = plan
  variables {
    kubernetes_version = "1.31"
  }
  expect_failures = [var.kubernetes_version]
}

run "refuses_a_missing_node_group" {
  command = plan
  variables {
    node_groups = { general = { instance_type = "m5.large", min = 1, max = 2 } }
  }
  expect_failures = [var.node_groups]
}

run "refuses_a_minimum_above_the_maximum" {
  command = plan
  variables {
    node_groups = {
      general = { instance_type = "m5.large", min = 3, max = 2 }
      compute = { instance_type = "c5.xlarge", min = 1, max = 2 }
      memory  = { instance_type = "r5.2xlarge", min = 0, max = 2 }
    }
  }
  expect_failures = [var.node_groups]
}

run "refuses_two_subnets" {
  command = plan
  variables {
    subnet_ids = ["subnet-10", "subnet-11"]
  }
  expect_failures = [var.subnet_ids]
}

run "refuses_an_unknown_access_policy" {
  command = plan
  variables {
    access_entries = { all = { principal_arn = "arn:aws:iam::111122223333:role/all", policy = "AdministratorAccess" } }
  }
  expect_failures = [var.access_entries]
}

run "refuses_an_unknown_region" {
  command = plan
  variables {
    region = "virginia"
  }
  expect_failures = [var.region]
}

run "refuses_a_short_account" {
  command = plan
  variables {
    account_id = "1234"
  }
  expect_failures = [var.account_id]
}
