# Usage: Rscript tools/authors.R
#
# Writes inst/AUTHORS: who wrote the Rust crates that are compiled into the package,
# and under which licence, as cargo's metadata say. Run from the top of the package
# whenever Cargo.lock changes.

platforms <- c(
  "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-apple-darwin",
  "aarch64-apple-darwin", "x86_64-pc-windows-gnu"
)
filters <- paste0("--filter-platform=", platforms)
metadata <- jsonlite::fromJSON(
  paste(collapse = "\n", system2("cargo", c(
    "metadata", "--locked", "--format-version=1", "--manifest-path=src/rust/Cargo.toml", filters
  ), stdout = TRUE)),
  simplifyVector = FALSE
)

# A crate counts when the package depends on it other than for tests.
nodes <- metadata$resolve$nodes
names(nodes) <- vapply(nodes, `[[`, "", "id")
needed_by <- function(id) {
  is_needed <- function(dep) {
    any(vapply(dep$dep_kinds, function(kind) !identical(kind$kind, "dev"), NA))
  }
  vapply(Filter(is_needed, nodes[[id]]$deps), `[[`, "", "pkg")
}
compiled <- character()
queue <- metadata$resolve$root
while (length(queue)) {
  compiled <- c(compiled, queue)
  queue <- setdiff(unlist(lapply(queue, needed_by)), compiled)
}

entry <- function(crate) {
  authors <- sub(" *<[^>]*>", "", unlist(crate$authors))
  if (!length(authors)) {
    authors <- paste("the authors of", crate$name)
  }
  lines <- c(
    paste(crate$name, crate$version),
    paste("  authors:", paste(authors, collapse = ", ")),
    paste("  licence:", if (is.null(crate$license)) crate$license_file else crate$license),
    if (!is.null(crate$repository)) paste("  source: ", crate$repository)
  )
  paste0(lines, collapse = "\n")
}
crates <- Filter(function(p) p$id %in% compiled && !is.null(p$source), metadata$packages)
crates <- crates[order(vapply(crates, `[[`, "", "name"))]

writeLines(c(
  "The compiled code of rlmm contains these Rust crates.",
  "Written by tools/authors.R from cargo's metadata.", "",
  paste0(vapply(crates, entry, ""), "\n")
), "inst/AUTHORS", useBytes = TRUE)
