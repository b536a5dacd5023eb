# Sourced by the scripts in tools/: where things are, and how the package is installed.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
library=$root/.lib
output=$root/output

export PATH="$PATH:${HOME:-/root}/.cargo/bin"
if [ -z "${LC_ALL:-}${LANG:-}" ]; then
  export LANG=C.UTF-8
fi

# Outside the clone, so that clones share what is compiled; see configure.
export RLMM_BUILD_DIR=${RLMM_BUILD_DIR:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/rlmm}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$RLMM_BUILD_DIR/target}
mkdir -p "$library" "$output" "$RLMM_BUILD_DIR"

say() {
  printf '\n== %s\n' "$*"
}

# The tail of the log is shown when the installation fails.
install_package() {
  say "Building and installing rlmm into $library"
  if ! R CMD INSTALL --preclean --no-test-load --library="$library" . > "$output/install.log" 2>&1; then
    tail -n 60 "$output/install.log"
    return 1
  fi
  tail -n 1 "$output/install.log"
}
