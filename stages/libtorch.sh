#!/usr/bin/env bash
# Finds libtorch 2.11, or installs it, and prints the environment that cargo needs, to be evaluated by a shell:
#
#     eval "$(stages/libtorch.sh)"
#
# With the word `libraries` it prints the paths of libtorch's shared libraries instead, one a line.
#
# In this order: LIBTORCH, if it is set; a python3 that has torch 2.11; a CPU-only libtorch in a cache folder
# ($NNF_CACHE, else $XDG_CACHE_HOME/nn-factory, else ~/.cache/nn-factory), made once from wheels of the Python package
# registry, whose hashes are below. Where no such wheel exists, unpack the official libtorch 2.11.0 and set LIBTORCH.
set -euo pipefail

version=2.11.0
cache=${NNF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nn-factory}

fail() { echo "libtorch.sh: $*" >&2; exit 1; }

what=${1:-environment}

answer() { # LIBTORCH or nothing, LIBRARY_FOLDER
  if [ "$what" = libraries ]; then
    find "$2" -maxdepth 1 \( -name 'lib*.so*' -o -name 'lib*.dylib' \) ! -name '*python*'
  else
    print_environment "$1" "$2"
  fi
}

print_environment() { # LIBTORCH or nothing, LIBRARY_FOLDER
  [ -z "$1" ] || printf 'export LIBTORCH=%q\n' "$1"
  [ -n "$1" ] || echo 'export LIBTORCH_USE_PYTORCH=1'
  echo 'export LIBTORCH_BYPASS_VERSION_CHECK=1'
  if [ "$(uname -s)" = Darwin ]; then variable=DYLD_LIBRARY_PATH; else variable=LD_LIBRARY_PATH; fi
  printf 'export %s=%q${%s:+:$%s}\n' "$variable" "$2" "$variable" "$variable"
  [ -n "${CARGO_TARGET_DIR:-}" ] || printf 'export CARGO_TARGET_DIR=%q\n' "$cache/target"
}

version_of() { # folder of a libtorch
  local header="$1/include/torch/headeronly/version.h"
  [ -f "$header" ] || header="$1/include/torch/csrc/api/include/torch/version.h"
  [ -f "$header" ] || return 0
  awk '$2=="TORCH_VERSION_MAJOR"{a=$3} $2=="TORCH_VERSION_MINOR"{b=$3} END{print a"."b}' "$header"
}

if [ -n "${LIBTORCH:-}" ]; then
  found=$(version_of "$LIBTORCH")
  [ "$found" = 2.11 ] || fail "LIBTORCH=$LIBTORCH holds libtorch ${found:-of no known version}; 2.11 is needed: point it elsewhere, or unset it"
  answer "$LIBTORCH" "${LIBTORCH_LIB:-$LIBTORCH}/lib"
  exit
fi

command -v python3 >/dev/null || fail "python3 is needed to find or fetch libtorch; or set LIBTORCH to an unpacked libtorch $version"

from_python=$(python3 - 2>/dev/null <<'E' || true
import importlib.metadata, importlib.util, os
if importlib.metadata.version("torch").startswith("2.11."):
    print(os.path.join(os.path.dirname(importlib.util.find_spec("torch").origin), "lib"))
E
)
if [ -n "$from_python" ]; then
  answer "" "$from_python"
  exit
fi

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64)
    platforms="manylinux_2_28_x86_64 manylinux_2_25_x86_64 manylinux2014_x86_64"
    wheels="torch==$version --hash=sha256:7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a
nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cupti==13.0.85 --hash=sha256:4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"
    keep="libtorch_cpu.so libc10.so libgomp.so.1 libcudart.so.13 libcupti.so.13" ;;
  Darwin-arm64)
    platforms="macosx_11_0_arm64"
    wheels="torch==$version --hash=sha256:7b6a60d48062809f58595509c524b88e6ddec3ebe25833d6462eeab81e5f2ce4"
    keep="libtorch.dylib libtorch_cpu.dylib libc10.dylib libomp.dylib" ;;
  *)
    fail "no libtorch is known for $(uname -s) on $(uname -m): unpack the official libtorch $version and set LIBTORCH to its folder" ;;
esac

home=$cache/libtorch-$version-cpu
if [ ! -e "$home" ]; then
  echo "libtorch.sh: fetching libtorch $version (about 550 MB on Linux, 80 MB on macOS) into $home" >&2
  python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip, which fetches libtorch; install pip, or set LIBTORCH to an unpacked libtorch $version"
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/libtorch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  printf '%s\n' "$wheels" >"$work/requirements.txt"
  platform_options=()
  for platform in $platforms; do platform_options+=(--platform "$platform"); done
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --python-version 3.11 --implementation cp --abi cp311 --abi none "${platform_options[@]}" \
    --dest "$work/wheels" --requirement "$work/requirements.txt" >&2 \
    || fail "the download failed; with the network back, run this again, or set LIBTORCH to an unpacked libtorch $version"
  # shellcheck disable=SC2086 # the names are words
  python3 - "$work/wheels" "$work/libtorch" $keep <<'E'
import os, shutil, sys, zipfile
wheels, target, *keep = sys.argv[1:]
for wheel in sorted(os.listdir(wheels)):
    with zipfile.ZipFile(os.path.join(wheels, wheel)) as archive:
        for name in archive.namelist():
            base = os.path.basename(name)
            if name.startswith("torch/include/") and base:
                path = name[len("torch/"):]
            elif base in keep:
                path = "lib/" + base
            else:
                continue
            path = os.path.join(target, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with archive.open(name) as source, open(path, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
missing = [name for name in keep if not os.path.exists(os.path.join(target, "lib", name))]
if missing:
    sys.exit("the wheels lack " + ", ".join(missing))
E
  if [ "$(uname -s)" = Linux ]; then
    # The wheel's own libtorch.so needs the CUDA half; an empty one that needs the CPU half serves.
    printf '' | "${CC:-cc}" -shared -x c - -o "$work/libtorch/lib/libtorch.so" -L"$work/libtorch/lib" \
      -Wl,--no-as-needed -ltorch_cpu -Wl,-rpath,'$ORIGIN'
  fi
  mv "$work/libtorch" "$home.$$"
  # Whoever comes first wins; a second one has made the same.
  [ -e "$home" ] && rm -rf "$home.$$" || mv "$home.$$" "$home"
fi
answer "$home" "$home/lib"
