# vignette("theory") and CONTRIBUTING.md say where things are: in files of the sources, with names
# that are defined there, written as `file.rs` (`function()`, `Type`).

theory_root <- function() test_path("..", "..")

# The text without code blocks, a string for each paragraph.
paragraphs_of <- function(file) {
  lines <- readLines(file, encoding = "UTF-8", warn = FALSE)
  fence <- grepl("^```", lines)
  lines <- lines[cumsum(fence) %% 2 == 0 & !fence]
  paragraph <- cumsum(!nzchar(trimws(lines)))
  vapply(split(lines, paragraph), function(part) {
    trimws(gsub("\\s+", " ", paste(part, collapse = " ")))
  }, "")
}

all_matches <- function(pattern, text) {
  as.character(unlist(regmatches(text, gregexpr(pattern, text, perl = TRUE))))
}

FILE_NAME <- "`[A-Za-z0-9_./-]*[A-Za-z0-9_]\\.(rs|R)`"

# A data frame of the files named in a text and the names beside them; `name` is "" for a file that
# stands alone.
references_in <- function(text) {
  found <- all_matches(paste0(FILE_NAME, "( \\((`[^`]+`(, )?)+\\))?"), text)
  rows <- lapply(found, function(one) {
    parts <- gsub("`", "", all_matches("`[^`]+`", one))
    data.frame(file = parts[1L], name = if (length(parts) > 1L) parts[-1L] else "")
  })
  do.call(rbind, rows)
}

# Rust files are those of the core and R files those of R/, unless the path starts at the top.
source_file <- function(file) {
  folder <- if (endsWith(file, ".rs")) "src/rust/lmm/src" else "R"
  candidates <- file.path(theory_root(), c(file, file.path(folder, file)))
  c(candidates[file.exists(candidates)], NA)[1L]
}

# Is `f()`, `Type::f()` or `Type` defined in the file?
is_defined <- function(name, path) {
  code <- readLines(path, encoding = "UTF-8", warn = FALSE)
  has <- function(...) any(grepl(paste0(...), code, perl = TRUE))
  parts <- strsplit(sub("\\(\\)$", "", name), "::", fixed = TRUE)[[1L]]
  last <- gsub(".", "\\.", parts[length(parts)], fixed = TRUE)
  if (endsWith(path, ".R")) return(has("^", last, " <- "))
  is_type <- function(type) has("\\b(struct|enum|trait) ", type, "\\b")
  if (!endsWith(name, "()")) return(is_type(parts[1L]))
  has("\\bfn ", last, "\\b") && (length(parts) == 1L || is_type(parts[1L]))
}

# What a text says that is not so.
wrong_references <- function(text) {
  found <- references_in(text)
  good <- mapply(function(file, name) {
    path <- source_file(file)
    !is.na(path) && (name == "" || is_defined(name, path))
  }, found$file, found$name)
  paste(found$file, found$name)[!good]
}

check_document <- function(file, at_least) {
  path <- file.path(theory_root(), file)
  skip_if_not(file.exists(path) && dir.exists(file.path(theory_root(), "src", "rust", "lmm")),
    "the sources are not here")
  text <- paragraphs_of(path)
  expect_gt(nrow(references_in(text)), at_least)
  expect_equal(wrong_references(text), character())
}

test_that("every file and function that the theory vignette names is there", {
  check_document("vignettes/theory.Rmd", 120)
})

test_that("every file and function that CONTRIBUTING.md names is there", {
  check_document("CONTRIBUTING.md", 40)
})

test_that("CONTRIBUTING.md leaves no file out", {
  path <- file.path(theory_root(), "CONTRIBUTING.md")
  core <- file.path(theory_root(), "src", "rust", "lmm", "src")
  skip_if_not(file.exists(path) && dir.exists(core), "the sources are not here")
  named <- basename(references_in(paragraphs_of(path))$file)
  there <- c(list.files(file.path(theory_root(), "R"), "\\.R$"),
    list.files(core, "\\.rs$", recursive = TRUE))
  there <- there[!startsWith(there, "interop-")]
  expect_equal(setdiff(basename(there), named), character())
})

test_that("the theory vignette names functions beside their files only", {
  path <- file.path(theory_root(), "vignettes", "theory.Rmd")
  skip_if_not(file.exists(path), "the sources are not here")
  code <- grep("^\\*Code:\\*", paragraphs_of(path), value = TRUE)
  expect_gt(length(code), 10)
  rest <- gsub(paste0(FILE_NAME, "( \\((`[^`]+`(, )?)+\\))"), "", code, perl = TRUE)
  expect_equal(all_matches("`[^`]+`", rest), character())
})

test_that("a reference that is wrong is found", {
  skip_if_not(file.exists(file.path(theory_root(), "R", "rlmm.R")), "the sources are not here")
  expect_equal(wrong_references("`rlmm.R` (`rlmm()`), `R/rlmm.R`"), character())
  expect_equal(wrong_references("`rlmm.R` (`rlmm()`, `lmer()`)"), "rlmm.R lmer()")
  expect_equal(wrong_references("`nowhere.R` (`f()`)"), "nowhere.R f()")
  skip_if_not(dir.exists(file.path(theory_root(), "src", "rust", "lmm")),
    "the sources are not here")
  expect_equal(wrong_references("`pls.rs` (`Pls::update()`, `Pls`)"), character())
  expect_equal(wrong_references("`pls.rs` (`Pls::nothing()`, `Nothing`, `Model::update()`)"),
    paste("pls.rs", c("Pls::nothing()", "Nothing", "Model::update()")))
})
