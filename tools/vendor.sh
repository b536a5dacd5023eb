#!/bin/bash
# Usage: bash tools/vendor.sh [OPTION OF R CMD build]...
#
# Makes rlmm_x.y.z.tar.gz with the Rust crates inside, so that it installs without
# network. Crates that no supported platform compiles become empty stubs, which keeps
# Cargo.lock valid; tests, benches and examples of the others are left out.
. "$(dirname "$0")/common.sh"

platforms="x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-unknown-linux-musl
  x86_64-apple-darwin aarch64-apple-darwin x86_64-pc-windows-gnu"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$work/rlmm
vendor=$work/vendor

copy_package() {
  mkdir "$package"
  tar --exclude=./.git --exclude=./.lib --exclude=./output --exclude=./src/rust/target -cf - . |
    tar -xf - -C "$package"
}

# name-version of every crate that is compiled on one of the platforms.
compiled_crates() {
  for platform in $platforms; do
    cargo tree --locked --manifest-path src/rust/Cargo.toml -p rlmm -e normal,build \
      --target "$platform" --prefix none --format '{p}'
  done | awk '{ print $1 "-" substr($2, 2) }' | sort -u
}

# cargo compares files with their checksums; the list of a pruned crate is emptied,
# its checksum as a whole, which Cargo.lock repeats, is kept.
forget_file_checksums() {
  sed -E -i.old 's/"files":\{[^}]*\}/"files":{}/' "$1/.cargo-checksum.json"
  rm "$1/.cargo-checksum.json.old"
}

make_stub() {
  find "$1" -mindepth 1 -maxdepth 1 ! -name Cargo.toml ! -name .cargo-checksum.json \
    -exec rm -rf {} +
  awk '/^\[/ { skip = /^\[+(lib|bin|example|test|bench)\]/ }
       !skip && !/^build = / && !/^links = /
       END { print "\n[lib]\npath = \"src/lib.rs\"" }' "$1/Cargo.toml" > "$1/Cargo.toml.new"
  mv "$1/Cargo.toml.new" "$1/Cargo.toml"
  mkdir "$1/src"
  : > "$1/src/lib.rs"
}

# Directories of tests and the like go; so do the manifest's sections that name files in them.
prune() {
  local name
  for name in tests benches examples .github .circleci ci docs assets; do
    rm -rf "${1:?}/$name"
  done
  rm -f "$1/Cargo.toml.orig" "$1/Cargo.lock" "$1/.cargo_vcs_info.json"
  awk '/^\[/ { skip = /^\[\[(example|test|bench)\]\]/ } !skip' "$1/Cargo.toml" > "$1/Cargo.toml.new"
  mv "$1/Cargo.toml.new" "$1/Cargo.toml"
}

vendor_crates() {
  cargo vendor --locked --versioned-dirs --manifest-path src/rust/Cargo.toml "$vendor" \
    > "$package/src/rust/vendor-config.toml" 2> "$work/vendor.log" ||
    { cat "$work/vendor.log"; return 1; }
  sed -i.old 's|^directory = .*|directory = "vendor"|' "$package/src/rust/vendor-config.toml"
  rm "$package/src/rust/vendor-config.toml.old"
  compiled_crates > "$work/compiled"
  for crate in "$vendor"/*; do
    if grep -qxF "$(basename "$crate")" "$work/compiled"; then
      prune "$crate"
    else
      make_stub "$crate"
      stubs=$((stubs + 1))
    fi
    forget_file_checksums "$crate"
  done
}

stubs=0
say "Vendoring the crates of src/rust/Cargo.lock"
copy_package
vendor_crates
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$work" -cf - vendor |
  xz -9e > "$package/src/rust/vendor.tar.xz"
echo "$(find "$vendor" -mindepth 1 -maxdepth 1 | wc -l) crates, $stubs of them stubs:" \
  "$(du -k "$package/src/rust/vendor.tar.xz" | cut -f 1) kB"

say "R CMD build"
(cd "$work" && R CMD build "$@" "$package" > build.log 2>&1) ||
  { tail -n 40 "$work/build.log"; exit 1; }
tarball=$(basename "$work"/rlmm_*.tar.gz)
mv "$work/$tarball" "$root/$tarball"
echo "$root/$tarball: $(du -k "$root/$tarball" | cut -f 1) kB"
