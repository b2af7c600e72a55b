#!/bin/sh
# Installs or upgrades everything of one region: the platform, where the edge's shape asks for it Istio's own gateway, then
# the six services, one after the other.
# usage: deploy.sh ENVIRONMENT REGION [tag=VERSION] [only=SERVICE] [authorities=FILE] [context=KUBECONFIG_CONTEXT] [dry=1]
# authorities: by whose certificates (PEM) pods know the database; once per cluster, and when they change.
# Prints each command before it runs it; with dry=1 it only prints them. The first that fails ends it: what came before
# is in place, what failed is rolled back, and the same command carries on when the cause is gone.
set -eu

name=deploy
. "${0%/*}/common.sh"

helm_folder=deploy/helm
services="auth user product cart order payment"
ingress=istio-ingressgateway
tag='' only='' authorities='' context='' dry=''

read_arguments() {
    read_place "$@"
    shift 2
    for argument; do
        case $argument in
            tag=*) tag=${argument#*=} ;;
            only=*) only=${argument#*=} ;;
            authorities=*) authorities=${argument#*=} ;;
            context=*) context=${argument#*=} ;;
            dry=*) dry=${argument#*=} ;;
            *) stop "$argument is unknown: tag=, only=, authorities=, context= and dry= are known" ;;
        esac
    done
    [ -z "$only" ] || one_of "$only" "platform $ingress $services" || stop "only=$only is none of: platform $ingress $services"
    [ -z "$authorities" ] || grep -q 'BEGIN CERTIFICATE' "$authorities" 2>/dev/null || stop "authorities=$authorities is no file with certificates (PEM)"
}

need_tools() {
    [ -z "$dry" ] || return 0
    for tool in helm kubectl; do
        command -v "$tool" >/dev/null || stop "$tool is not installed: install it (helm 4, kubectl 1.34 or newer), or see the commands with dry=1"
    done
    [ -n "$context" ] || context=$(kubectl config current-context) || stop "kubectl has no current context: aws eks update-kubeconfig, or context=NAME"
    case $context in
        *"$region"*) ;;
        *) stop "the context $context does not name $region: choose it with kubectl config use-context, or with context=NAME" ;;
    esac
}

need_authorities() { # the cluster has them, or is given them with the platform
    [ -z "$dry" ] || return 0
    [ -z "$authorities" ] || ! one_of "${only:-platform}" platform || return 0
    kubectl get configmap database-authorities --namespace meridian --context "$context" >/dev/null 2>&1 ||
        stop "by what shall pods know the database? Fetch its authorities (docs/runbooks/deploy-to-eks.md, section 5), and say authorities=FILE with the platform"
}

run() {
    echo "$*"
    [ -n "$dry" ] || "$@"
}

deploy() { # release, chart, folder of the first value file or nothing, folder of the environment's, more arguments
    release=$1 chart=$2 own=$3 shared=$4
    shift 4
    [ -z "$only" ] || [ "$only" = "$release" ] || return 0
    set -- "$@" ${context:+--kube-context "$context"} --rollback-on-failure --wait --timeout 15m
    generated="$shared/$environment-$region.generated.yaml"
    [ ! -f "$generated" ] || set -- -f "$generated" "$@"
    set -- -f "$shared/$environment.yaml" -f "$shared/$environment-$region.yaml" "$@"
    [ -z "$own" ] || set -- -f "$own/$release.yaml" "$@"
    run helm upgrade --install "$release" "$helm_folder/$chart" "$@"
}

shape() { # what the last of the platform's value files says, as for Helm
    for file in "$helm_folder/platform/values.yaml" "$helm_folder/values/platform/$environment.yaml" \
        "$helm_folder/values/platform/$environment-$region.yaml" "$helm_folder/values/platform/$environment-$region.generated.yaml"; do
        [ ! -f "$file" ] || sed -n 's/^  shape: \([a-z]*\).*/\1/p' "$file"
    done | tail -n 1
}

deploy_ingress() { # into the namespace that the platform made
    [ "$(shape)" = apigateway ] || return 0
    [ -z "$only" ] || [ "$only" = "$ingress" ] || return 0
    run helm upgrade --install "$ingress" gateway --repo $istio_charts --version $istio \
        -f "$helm_folder/platform/istio/gateway-values.yaml" --namespace istio-ingress \
        ${context:+--kube-context "$context"} --rollback-on-failure --wait --timeout 15m
}

read_arguments "$@"
need_tools
need_authorities
deploy platform platform '' "$helm_folder/values/platform" --namespace meridian-platform --create-namespace \
    ${authorities:+--set-file "database.authorities=$authorities"}
deploy_ingress
for service in $services; do
    deploy "$service" service "$helm_folder/values/services" "$helm_folder/values/env" \
        --namespace meridian ${tag:+--set-string "image.tag=$tag"}
done
