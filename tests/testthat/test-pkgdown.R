# The index of the web site: a page or article that it lacks would stop pkgdown.

root_file <- function(...) {
  path <- test_path("..", "..", ...)
  skip_if_not(file.exists(path), "the sources are not here")
  path
}

# Entries of the lists `contents:` under a heading of the first level. The file is a plain one, so
# that no parser is needed.
index_entries <- function(lines, heading) {
  lines <- sub("\\s*#.*", "", lines)
  top <- grep("^[a-z]+:", lines)
  from <- match(paste0(heading, ":"), lines)
  to <- min(c(top[top > from], length(lines) + 1L)) - 1L
  sub("^  - ", "", grep("^  - ", lines[from:to], value = TRUE))
}

tagged <- function(page, tag) {
  pattern <- paste0("^\\\\", tag, "\\{(.*)\\}$")
  sub(pattern, "\\1", grep(pattern, page, value = TRUE))
}

help_pages <- function() {
  files <- list.files(root_file("man"), "[.]Rd$", full.names = TRUE)
  pages <- lapply(files, readLines, warn = FALSE)
  stats::setNames(pages, basename(files))
}

test_that("every help page is in one group of the reference", {
  index <- readLines(root_file("_pkgdown.yml"), warn = FALSE)
  pages <- Filter(function(page) !any(page == "\\keyword{internal}"), help_pages())
  expect_gt(length(pages), 70)
  aliases <- lapply(pages, tagged, "alias")
  page_of <- stats::setNames(rep(names(aliases), lengths(aliases)), unlist(aliases))
  listed <- index_entries(index, "reference")
  expect_equal(setdiff(listed, names(page_of)), character())
  listed <- page_of[listed]
  expect_equal(unname(listed[duplicated(listed)]), character())
  expect_equal(setdiff(names(pages), listed), character())
})

test_that("the page of the package has a link to every other one", {
  pages <- Filter(function(page) !any(page == "\\keyword{internal}"), help_pages())
  text <- paste(pages[["rlmm-package.Rd"]], collapse = " ")
  links <- unlist(regmatches(text, gregexpr("\\\\link(\\[=[^]]+\\]|\\{[^}]+\\})", text)))
  linked <- gsub("^\\\\link\\[?=?\\{?|[]}]$", "", links)
  expect_gt(length(linked), 60)
  reached <- vapply(pages, function(page) any(tagged(page, "alias") %in% linked), NA)
  expect_equal(setdiff(names(pages)[!reached], "rlmm-package.Rd"), character())
})

test_that("every vignette is in one group of the articles", {
  index <- readLines(root_file("_pkgdown.yml"), warn = FALSE)
  vignettes <- sub("[.]Rmd$", "", list.files(root_file("vignettes"), "[.]Rmd$"))
  listed <- index_entries(index, "articles")
  expect_true("rlmm" %in% vignettes)
  expect_equal(setdiff(vignettes, listed), character())
  expect_equal(anyDuplicated(listed), 0L)
})

test_that("every exported function has a help page with a value and examples", {
  directives <- readLines(root_file("NAMESPACE"), warn = FALSE)
  exported <- sub("^export\\((.*)\\)$", "\\1", grep("^export\\(", directives, value = TRUE))
  pages <- help_pages()
  ours <- setdiff(exported, tagged(pages[["reexports.Rd"]], "alias"))
  expect_gt(length(ours), 40)
  for (section in c("\\value{", "\\examples{")) {
    with_it <- Filter(function(page) any(startsWith(page, section)), pages)
    documented <- unlist(lapply(with_it, tagged, "alias"))
    expect_equal(setdiff(ours, documented), character(), label = paste("pages without", section))
  }
})
