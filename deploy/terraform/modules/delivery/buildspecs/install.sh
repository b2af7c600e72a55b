#!/usr/bin/env bash
# Installs pinned programs where CodeBuild's image lacks them, each checked against its publisher's checksum.
set -euo pipefail

terraform=1.11.4 helm=4.2.3 kubectl=1.34.2

checked() { # address, file, address of the checksum
  curl --fail --silent --show-error --location --output "$2" "$1"
  echo "$(curl --fail --silent --show-error --location "$3" | grep -E "(^[0-9a-f]{64}$| $(basename "$2")$)" | cut -d' ' -f1)  $2" | sha256sum --check --status
}

cd "$(mktemp -d)"
for program; do
  case $program in
    terraform)
      file=terraform_${terraform}_linux_amd64.zip
      base=https://releases.hashicorp.com/terraform/$terraform
      checked "$base/$file" "$file" "$base/terraform_${terraform}_SHA256SUMS"
      unzip -q "$file" terraform && install terraform /usr/local/bin/
      ;;
    helm)
      file=helm-v$helm-linux-amd64.tar.gz
      checked "https://get.helm.sh/$file" "$file" "https://get.helm.sh/$file.sha256sum"
      tar -xzf "$file" && install linux-amd64/helm /usr/local/bin/
      ;;
    kubectl)
      base=https://dl.k8s.io/release/v$kubectl/bin/linux/amd64/kubectl
      checked "$base" kubectl "$base.sha256"
      install kubectl /usr/local/bin/
      ;;
    *)
      echo "$program is unknown: terraform, helm and kubectl are known" >&2
      exit 2
      ;;
  esac
done
