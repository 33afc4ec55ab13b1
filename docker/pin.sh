#!/usr/bin/env bash
# Writes the digests of the images in docker/.env into it, as they are on the registry today.
set -euo pipefail
file="$(dirname "$0")/.env"
while IFS='=' read -r name image; do
  [[ $name == \#* ]] && continue
  docker pull --quiet "$image" >&2
  digest=$(docker inspect --format '{{index .RepoDigests 0}}' "$image")
  sed -i "s|^$name=.*|$name=${image%@*}@${digest#*@}|" "$file"
done < <(cat "$file")
