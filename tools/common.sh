# Usage: . tools/common.sh
#
# What the scripts in tools/ share: where things are, and how the package is installed.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
library=$root/.lib
output=$root/output

export PATH="$PATH:${HOME:-/root}/.cargo/bin"
if [ -z "${LC_ALL:-}${LANG:-}" ]; then
  export LANG=C.UTF-8
fi

# Outside the clone, so that clones share what is compiled; configure knows it too. cargo
# tells clones apart by neither path nor content, only by time stamps: everything is
# compiled from the copy of the sources that tools/sync.sh keeps, and by one task at a time.
export RLMM_BUILD_DIR=${RLMM_BUILD_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/rlmm}
export CARGO_TARGET_DIR=$RLMM_BUILD_DIR/build
rust_source=$RLMM_BUILD_DIR/source
mkdir -p "$library" "$output" "$RLMM_BUILD_DIR"
if [ -z "${RLMM_LOCKED:-}" ] && command -v flock > /dev/null; then
  exec 9> "$RLMM_BUILD_DIR/lock"
  flock 9
  export RLMM_LOCKED=true
fi

say() {
  printf '\n== %s\n' "$*"
}

# The tail of the log is shown when the installation fails.
install_package() {
  say "Building and installing rlmm into $library"
  if ! R CMD INSTALL --preclean --clean --no-test-load --library="$library" . \
    > "$output/install.log" 2>&1; then
    tail -n 60 "$output/install.log"
    return 1
  fi
  tail -n 1 "$output/install.log"
}
