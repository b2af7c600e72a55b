#!/usr/bin/env bash
# Builds and pushes the images that the registry lacks. usage: push.sh REGISTRY TAG NAME...
# Tags are immutable, and a build is not the same to the byte twice: what is there was tested and may be running already.
set -euo pipefail

registry=$1 tag=$2
shift 2

pushed() { # name
  local found
  found=$(aws ecr batch-get-image --repository-name "meridian/$1" --image-ids "imageTag=$tag" \
    --query 'length(images)' --output text)
  [ "$found" != 0 ]
}

for name; do
  if pushed "$name"; then
    echo "meridian/$name:$tag is in the registry"
    continue
  fi
  make "image-$name" TAG="$tag"
  docker tag "meridian/$name:$tag" "$registry/meridian/$name:$tag"
  docker push "$registry/meridian/$name:$tag"
done
