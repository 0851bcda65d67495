#!/usr/bin/env bash
# Installs Azurite, Microsoft's server that stands in for Azure Blob Storage, into the cache folder, where the tests look
# for it: usage `tests/azurite.sh`. Needs node and npm. Without it the test of Azure says that it is skipped.
set -euo pipefail

folder=${NNF_AZURITE:-${XDG_CACHE_HOME:-$HOME/.cache}/nn-factory/azurite}
[ ! -x "$folder/node_modules/.bin/azurite-blob" ] || exit 0
mkdir -p "$folder"
npm install --no-audit --no-fund --prefix "$folder" azurite@3.35.0
echo "installed into $folder"
