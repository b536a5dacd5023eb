d <- mixed_data()

test_that("variables that are missing", {
  e <- expect_rlmm_error(rlmm(y ~ xx + (1 | g), d), "missing_variable", "'xx'", "fixed effects",
    fields = list(column = "xx"))
  expect_match(conditionMessage(e), "is 'x' meant")
  expect_rlmm_error(rlmm(why ~ x + (1 | g), d), "missing_variable", "'why'", "the response")
  expect_rlmm_error(rlmm(y ~ x + (1 | group), d), "missing_variable", "'group'", "(1 | group)",
    fields = list(column = "group"))
  expect_rlmm_error(rlmm(y ~ x + (1 | g / sub), d), "missing_variable", "'sub'")
  expect_rlmm_error(rlmm(y ~ x + (slope | g), d), "missing_variable", "'slope'", "(slope | g)")
  # a function has that name
  expect_rlmm_error(rlmm(y ~ time + (1 | g), d), "missing_variable", "'time'")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, weights = heavy), "missing_variable", "'heavy'",
    "'weights'")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, subset = chosen), "missing_variable", "'chosen'")
})

test_that("variables that cannot be evaluated or do not fit", {
  expect_rlmm_error(rlmm(y ~ log(ch) + (1 | g), d), "evaluation", "log(ch)")
  expect_rlmm_error(rlmm(y ~ poly(x, 0) + (1 | g), d), "evaluation", "poly(x, 0)")
  short <- 1:3
  expect_rlmm_error(rlmm(y ~ short + (1 | g), d), "data", "'short'", "3 values", "480 rows")
  nothing <- list(1)
  expect_rlmm_error(rlmm(y ~ x + (1 | nothing), d), "data", "'nothing'", "'list'")
  expect_rlmm_error(rlmm(y ~ x + (1 | M), d), "group", "'M'", "2 columns")
})

test_that("responses that are no numbers", {
  expect_rlmm_error(rlmm(f ~ x + (1 | g), d), "response", "'f' is a factor", "glmer",
    fields = list(column = "f"))
  expect_rlmm_error(rlmm(ch ~ x + (1 | g), d), "response", "'ch' is a character vector")
  expect_rlmm_error(rlmm(l ~ x + (1 | g), d), "response", "'l' is logical")
  expect_rlmm_error(rlmm(M ~ x + (1 | g), d), "response", "'M' is a matrix of 2 columns")
  expect_rlmm_error(rlmm(as.Date(k) ~ x + (1 | g), transform(d, k = as.Date("2020-01-01") + k)),
    "response", "Date")
  expect_rlmm_error(rlmm(k * 0 + 5 ~ x + (1 | g), d), "response", "constant (5)")
  expect_rlmm_error(rlmm(y^0 ~ x + (1 | g), d), "response", "constant (1)")
})

test_that("infinite and missing values", {
  bad <- d
  bad$y[2] <- Inf
  expect_rlmm_error(rlmm(y ~ x + (1 | g), bad), "infinite", "'y'", "row 2")
  bad <- d
  bad$x[4] <- -Inf
  expect_rlmm_error(rlmm(y ~ x + (1 | g), bad), "infinite", "'x'", "row 4")
  expect_rlmm_error(rlmm(y ~ 1 + (x | g), bad), "infinite", "'x'")
  expect_rlmm_error(rlmm(y ~ z + (1 | x), bad), "infinite", "'x'")
  expect_rlmm_error(rlmm(y ~ log(k - 1) + (1 | g), d), "infinite", "'log(k - 1)'")
  bad$M[3, 2] <- Inf
  expect_rlmm_error(rlmm(y ~ M + (1 | g), bad), "infinite", "'M'", "row 3")
  bad$x <- bad$z * 1e200
  expect_rlmm_error(rlmm(y ~ x:I(x * z) + (1 | g), bad), "infinite", "x:I(x * z)")
  bad <- d
  bad$x[4] <- NA
  bad$g[5] <- NA
  expect_rlmm_error(rlmm(y ~ x + (1 | k), bad, na.action = na.pass), "missing_values", "'x'",
    "na.omit", fields = list(column = "x"))
  expect_rlmm_error(rlmm(y ~ 1 + (1 | g), bad, na.action = NULL), "missing_values", "'g'")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), bad, na.action = na.fail), "missing_values", "'x'")
})

test_that("nothing is left to fit", {
  none <- transform(d, x = NA_real_)
  expect_rlmm_error(rlmm(y ~ x + (1 | g), none), "no_rows", "'x'", fields = list(column = "x"))
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, subset = x > 100), "no_rows", "'subset'")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d[0, ]), "no_rows")
})

test_that("designs that cannot be fitted", {
  d$one <- "only"
  d$id <- seq_len(nrow(d))
  expect_rlmm_error(rlmm(y ~ x + (1 | one), d), "one_level", "'one'", "(1 | one)", "'only'",
    fields = list(column = "one", level = "only"))
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, subset = g == 3), "one_level", "'g'", "'3'")
  expect_rlmm_error(rlmm(y ~ x + (1 | id), d), "too_many_levels", "'id'", "480")
  expect_rlmm_error(rlmm(y ~ x + (x | gc), d[1:60, ]), "too_many_effects", "(x | gc)",
    "60 observations", fields = list(term = "x | gc"))
  expect_rlmm_error(rlmm(y ~ one + (1 | g), d), "one_level_factor", "'one'")
})

test_that("weights and offset", {
  fit <- function(...) rlmm(y ~ x + (1 | g), d, ...)
  expect_rlmm_error(fit(weights = z - 1.5), "weights", "not negative",
    fields = list(column = "weights"))
  expect_rlmm_error(fit(weights = replace(z, 7, NA)), "weights", "NA")
  expect_rlmm_error(fit(weights = replace(z, 7, Inf)), "weights", "Inf")
  expect_rlmm_error(fit(weights = 1:3), "weights", "3 values for 480 rows")
  expect_rlmm_error(fit(weights = ch), "weights", "numeric")
  expect_rlmm_error(fit(weights = 0 * z), "weights", "all weights are zero")
  expect_rlmm_error(fit(offset = 1:3), "offset", "3 values for 480 rows")
  expect_rlmm_error(fit(offset = ch), "offset", "numeric")
  expect_rlmm_error(fit(offset = replace(z, 7, Inf)), "infinite", "'offset'")
  expect_rlmm_error(fit(subset = list(1)), "subset", "'subset'")
  # a weight that is missing outside of the subset is not used
  expect_silent(rlmm_frame(y ~ x + (1 | g), d, weights = replace(z, 7, NA), subset = -7))
})

test_that("start", {
  fit <- function(start) rlmm(y ~ x + (x | g), d, start = start)
  expect_rlmm_error(fit(1), "start", "1 values for the 3", "g.x.(Intercept)")
  expect_rlmm_error(fit(list(theta = 1:4)), "start", "4 values")
  expect_rlmm_error(fit(c(1, NA, 1)), "start", "finite")
  expect_rlmm_error(fit("one"), "start", "finite")
  expect_rlmm_error(fit(list(sigma = 1)), "start", "'sigma'")
})

test_that("formulas", {
  expect_rlmm_error(rlmm("y ~ x + (1 | )", d), "formula", "lacks its group")
  expect_rlmm_error(rlmm("y ~ x + (1 || )", d), "formula", "lacks its group")
  expect_rlmm_error(rlmm(y ~ x + 1 | g, d), "formula", "parentheses", "(1 | g)")
  expect_rlmm_error(rlmm("y ~", d), "formula", "right side is empty")
  expect_rlmm_error(rlmm(~ x + (1 | g), d), "formula", "no response")
  expect_rlmm_error(rlmm(y ~ x, d), "no_random_effects", "lm()")
  expect_rlmm_error(rlmm(data = d), "formula", "missing")
  expect_rlmm_error(rlmm(d, y ~ x + (1 | g)), "formula", "data.frame")
})

test_that("data", {
  expect_rlmm_error(rlmm(y ~ x + (1 | g), as.matrix(d[c("y", "x")])), "data", "matrix",
    "as.data.frame()")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), "d"), "data", "'character'")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), data), "data", "'function'")
  twice <- cbind(d[c("y", "x", "g")], x = 1, other = 1, other = 2)
  expect_rlmm_error(rlmm(y ~ x + (1 | g), twice), "duplicate_column", "'x'",
    fields = list(column = "x"))
  expect_silent(rlmm_frame(y ~ 1 + (1 | g), twice))
})

test_that("arguments", {
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, family = binomial), "family", "glmer")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, sparseX = TRUE), "bad_argument", "'sparseX'",
    "'devFunOnly'")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, control = rlmm_control(steps = 3)), "control",
    "'steps'")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, control = "bobyqa"), "control", "character")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, REML = NA), "bad_argument", "'REML'")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, contrasts = "contr.sum"), "contrasts", "list")
  expect_rlmm_error(rlmm(y ~ x + (1 | g), d, contrasts = list(ff = "contr.sum")),
    "contrasts", "'ff'")
  expect_rlmm_error(rlmm_optimize(mean), "bad_argument", "rlmm_devfun()")
})

test_that("a model matrix that does not fit into memory is not begun", {
  d$id <- factor(seq_len(nrow(d)))
  old <- options(rlmm.max_bytes = 1e6)
  on.exit(options(old))
  e <- expect_rlmm_error(rlmm(y ~ x + id + (1 | g), d), "too_large", "481 columns", "'id'",
    fields = list(column = "id", bytes = 8 * 480 * 481))
  expect_match(conditionMessage(e), "1847040 bytes")
  expect_rlmm_error(rlmm(y ~ x + (id | g), d), "too_large", "480 columns")
  many <- data.frame(y = 1:1e6, u = factor(1:1e6), g = rep(1:10, 1e5))
  options(rlmm.max_bytes = NULL)
  expect_rlmm_error(rlmm(y ~ u + (1 | g), many), "too_large", "8000000000000 bytes", "'u'")
})

test_that("redundant columns, as the user wants to hear of them", {
  d$x2 <- 2 * d$x
  fit <- function(action) {
    rlmm(y ~ x + x2 + (1 | g), d, control = rlmm_control(check = list(rank_X = action)))
  }
  expect_message(suppressMessages(fit("message"), "rlmm_singular"), "'x2' is redundant and dropped")
  expect_warning(suppressMessages(fit("warning")), "'x2' is redundant",
    class = "rlmm_rank_deficient")
  expect_rlmm_error(fit("stop"), "rank_deficient", "'x2'")
})
