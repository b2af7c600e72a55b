# What deploy.sh and controllers.sh share; read with `.` by both, which say who they are first: name=deploy.

istio=1.29.0 # of the control plane and of its gateway, which go together
istio_charts=https://istio-release.storage.googleapis.com/charts

stop() {
    echo "$name: $1" >&2
    exit 2
}

one_of() { # value, choices
    case " $2 " in *" $1 "*) ;; *) return 1 ;; esac
}

read_place() { # ENVIRONMENT REGION
    environment=${1:-} region=${2:-}
    one_of "$environment" "dev staging prod" || stop "say which environment: env=dev, staging or prod"
    one_of "$region" "us-east-1 eu-west-1 ap-south-1" || stop "say which region: region=us-east-1, eu-west-1 or ap-south-1"
}
