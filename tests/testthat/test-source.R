# The source itself.

test_that("no name is given to two functions", {
  folder <- file.path("..", "..", "R")
  skip_if_not(dir.exists(folder))
  lines <- unlist(lapply(list.files(folder, "[.]R$", full.names = TRUE), readLines))
  names <- sub(" <- .*", "", grep("^[A-Za-z_.][A-Za-z0-9_.]* <- ", lines, value = TRUE))
  expect_equal(names[duplicated(names)], character())
})
