# Names in the sources. All files of R/ share one namespace: of two functions with the same name one
# is lost without a word.

source_files <- function() {
  list.files(test_path("..", "..", "R"), "[.]R$", full.names = TRUE)
}

# Names that a file defines at its top level.
defined_names <- function(file) {
  expressions <- as.list(parse(file, keep.source = FALSE))
  assigned <- Filter(function(e) is.call(e) && identical(e[[1]], quote(`<-`)), expressions)
  vapply(assigned, function(e) as.character(e[[2]])[1], "")
}

test_that("no name is defined twice", {
  files <- source_files()
  skip_if(length(files) == 0, "the sources are not here")
  names <- unlist(lapply(files, defined_names))
  expect_gt(length(names), 100)
  expect_equal(names[duplicated(names)], character())
})

# Capitals are for the field's names (RX, Lambda, logLik); words are joined by underscores. Names
# that users see, and methods, follow the generic functions and packages that they belong to.
test_that("internal functions are named in snake case", {
  files <- setdiff(source_files(), test_path("..", "..", "R", "extendr-wrappers.R"))
  skip_if(length(files) == 0, "the sources are not here")
  names <- unlist(lapply(files, defined_names))
  internal <- setdiff(names[!grepl(".", names, fixed = TRUE)], getNamespaceExports("rlmm"))
  expect_gt(length(internal), 100)
  plain <- gsub("merMod|logLik", "", internal)
  expect_equal(internal[grepl("[a-z][A-Z]", plain)], character())
})
