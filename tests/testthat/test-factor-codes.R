expect_factor <- function(x, label = NULL) {
  codes <- column_codes(x, "x")
  codes$levels <- unserialize(serialize(codes$levels, NULL))
  expect_identical(codes, list(codes = as.integer(factor(x)), levels = levels(factor(x))),
    label = label)
}

test_that("codes and levels are those of factor()", {
  expect_factor(c(10L, 2L, 10L, -1L))
  expect_factor(c(0.1, 1e10, 1e-20, 0.1))
  expect_factor(c(TRUE, FALSE, TRUE))
  expect_factor(c(TRUE, TRUE))
  expect_factor(c("b", "a", "B"))
  expect_factor(as.Date("2020-01-01") + c(2, 0, 2))
  expect_factor(matrix(3:1, 3))
  expect_factor(c(a = 2, b = 1))
  # whole numbers, far from each other and close
  expect_factor(c(-5, 3, 2e9, 1e5, 3))
  expect_factor(c(-5L, 3L, -5L, 0L, NA))
  expect_factor(c(.Machine$integer.max, -.Machine$integer.max, 7L))
  expect_factor(c(100000, 300000, 200000))
  expect_factor(c(1, 2.5, -2.5, NA, 1))
  expect_factor(c(0, -0))
  expect_factor(c(1e15, 3e15, 1e15 + 1))
  # alike in fifteen digits
  expect_factor(c(1, 1 + 1e-15, 2))
  expect_factor(c(-1, -1 - 1e-15, 0.3, 0.1 + 0.2))
  expect_factor(c("x", NA, "x", "A"))
  expect_factor(character())
  expect_factor(integer())
  expect_factor(rep(NA_real_, 3))
  expect_factor(rep(NA_character_, 3))
})

test_that("codes and levels of many rows are those of factor()", {
  set.seed(1)
  n <- 5000L
  numbers <- sample.int(600L, n, TRUE)
  expect_factor(numbers)
  expect_factor(numbers * 1000003L)
  expect_factor(numbers - 300)
  expect_factor(numbers / 7)
  expect_factor(rnorm(600)[numbers])
  expect_factor(replace(numbers / 7, 3:9, NA))
  expect_factor(replace(numbers, 3:9, NA))
  expect_factor(sprintf("subject %03d", numbers))
  expect_factor(as.character(numbers))
  expect_factor(replace(paste0(letters, LETTERS[numbers %% 26 + 1], numbers), 5, NA))
  expect_factor(paste0(c("\u00e4", "a", "z", "_", "-", "Z"), numbers))
})

test_that("levels have the order of the locale", {
  skip_if_not(capabilities("ICU"))
  on.exit(icuSetCollate(locale = "none"))
  for (locale in c("en_US", "de_DE", "et_EE", "cs_CZ")) {
    icuSetCollate(locale = locale)
    labels <- c(outer(c("a", "B", "b", "ch", "h", "z", "t", "_", "\u00e4"), 1:30, paste0))
    expect_factor(rev(labels), label = locale)
    expect_factor(sprintf("S%04d", 3000:1), label = locale)
  }
})

test_that("combinations of groups are those of R's `:`, without those that lack rows", {
  a <- factor(c("u", "v", "v", "u"), levels = c("v", "u"))
  b <- factor(c("2", "1", "1", "1"))
  crossed <- function(...) {
    crossed_codes(lapply(list(...), column_codes, "x"))
  }
  both <- factor(a:b)
  expect_identical(crossed(a, b), list(codes = as.integer(both), levels = levels(both)))
  set.seed(1)
  a <- factor(sample(letters, 500, TRUE), levels = rev(letters))
  b <- factor(sample(40L, 500, TRUE))
  c <- factor(sample(c("x", "y"), 500, TRUE))
  expect_identical(crossed(a, b, c),
    list(codes = as.integer(factor(a:b:c)), levels = levels(factor(a:b:c))))
  # more combinations than there are integers
  many <- factor(sample.int(60000L, 500), levels = 1:60000)
  found <- crossed(many, many, b)
  expect_identical(found$levels[found$codes], paste(many, many, b, sep = ":"))
  expect_identical(found$codes, as.integer(order(order(many, b))))
})
