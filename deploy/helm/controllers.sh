#!/bin/sh
# Installs or upgrades the controllers that the charts need, each in the one version named here.
# usage: controllers.sh ENVIRONMENT REGION [only=RELEASE] [context=KUBECONFIG_CONTEXT] [dry=1]
# Prints each command before it runs it; with dry=1 it only prints them. Run again, it changes what differs. What EKS itself
# manages (DNS, volumes, the network plugin, metrics-server) is in deploy/terraform/modules/cluster/add-ons.tf.
set -eu

name=controllers
. "${0%/*}/common.sh"

values=deploy/helm/platform
only='' context='' dry=''

read_arguments() {
    read_place "$@"
    shift 2
    for argument; do
        case $argument in
            only=*) only=${argument#*=} ;;
            context=*) context=${argument#*=} ;;
            dry=*) dry=${argument#*=} ;;
            *) stop "$argument is unknown: only=, context= and dry= are known" ;;
        esac
    done
    cluster=meridian-$environment-$region
}

need_tools() {
    [ -z "$dry" ] || return 0
    for tool in helm kubectl; do
        command -v "$tool" >/dev/null || stop "$tool is not installed: install it (helm 4, kubectl 1.34 or newer), or see the commands with dry=1"
    done
    [ -n "$context" ] || context=$(kubectl config current-context) || stop "kubectl has no current context: aws eks update-kubeconfig, or context=NAME"
    case $context in
        *"$region"*) ;; # or a cluster would be told another's name, and look for its nodes
        *) stop "the context $context does not name $region: choose it with kubectl config use-context, or with context=NAME" ;;
    esac
}

install() { # release, repository, chart, version, namespace, more arguments
    release=$1
    [ -z "$only" ] || [ "$only" = "$release" ] || return 0
    found=yes
    set -- "$@" ${context:+--kube-context "$context"} --rollback-on-failure --wait --timeout 15m
    repository=$2 chart=$3 version=$4 namespace=$5
    shift 5
    set -- helm upgrade --install "$release" "$chart" --repo "$repository" --version "$version" --namespace "$namespace" --create-namespace "$@"
    echo "$*"
    [ -n "$dry" ] || "$@"
}

controllers() {
    install aws-load-balancer-controller https://aws.github.io/eks-charts aws-load-balancer-controller 1.17.1 kube-system \
        --set "clusterName=$cluster" --set "region=$region" --set "vpcTags.Name=$cluster" --set serviceAccount.name=aws-load-balancer-controller
    install cluster-autoscaler https://kubernetes.github.io/autoscaler cluster-autoscaler 9.59.0 kube-system \
        -f "$values/cluster-autoscaler-values.yaml" --set "autoDiscovery.clusterName=$cluster" --set "awsRegion=$region"
    install external-secrets https://charts.external-secrets.io external-secrets 2.0.0 external-secrets
    install istio-base $istio_charts base $istio istio-system
    install istio-cni $istio_charts cni $istio istio-system
    install istiod $istio_charts istiod $istio istio-system \
        -f "$values/istio/istiod-values.yaml"
    install kube-prometheus-stack https://prometheus-community.github.io/helm-charts kube-prometheus-stack 79.7.1 observability \
        -f "$values/istio/prometheus-values.yaml"
    install keda https://kedacore.github.io/charts keda 2.18.1 keda --set serviceAccount.operator.name=keda-operator
    install vpa https://charts.fairwinds.com/stable vpa 4.5.0 vpa --set metrics-server.enabled=false
    install reloader https://stakater.github.io/stakater-charts reloader 2.2.17 reloader
}

read_arguments "$@"
need_tools
found=''
controllers
[ -n "$found" ] || stop "only=$only is no controller: see the names with dry=1"
