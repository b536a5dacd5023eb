# What README.md shows is what its code prints.

top_level <- function(...) test_path("..", "..", ...)

readme_lines <- function() {
  file <- top_level("README.md")
  skip_if_not(file.exists(file), "the sources are not here")
  readLines(file, encoding = "UTF-8")
}

# The contents of the first block that begins with this line, and all lines after the block.
first_block <- function(lines, fence) {
  from <- which(lines == fence)[1L]
  to <- which(lines == "```" & seq_along(lines) > from)[1L]
  list(text = lines[seq_len(to - from - 1L) + from], rest = lines[-seq_len(to)])
}

test_that("the first code of README.md prints what is shown below it", {
  code <- first_block(readme_lines(), "```r")
  shown <- first_block(code$rest, "```")$text
  printed <- character()
  workspace <- new.env(parent = globalenv())
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  for (expr in parse(text = code$text)) {
    printed <- c(printed, utils::capture.output({
      value <- withVisible(eval(expr, workspace))
      if (value$visible && !inherits(value$value, "trellis")) print(value$value)
    }))
  }
  expect_gt(length(printed), 8L)
  expect_identical(printed, shown[nzchar(shown)])
})

test_that("files and vignettes that README.md names are there", {
  lines <- readme_lines()
  links <- unlist(regmatches(lines, gregexpr("(?<=\\]\\()[^)]+", lines, perl = TRUE)))
  links <- links[!grepl("^https?:", links)]
  expect_gt(length(links), 2L)
  expect_true(all(file.exists(top_level(links))))
  vignettes <- unlist(regmatches(lines, gregexpr("(?<=vignette\\(\")[a-z-]+", lines, perl = TRUE)))
  expect_gt(length(vignettes), 5L)
  there <- file.exists(top_level("vignettes", paste0(vignettes, ".Rmd")))
  expect_identical(vignettes[!there], character())
})
