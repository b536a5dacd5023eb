formulas <- list(
  y ~ x + (x | g), y ~ x + (1 | a / b), y ~ x + (1 | a / b / c), y ~ (1 | a:b), y ~ (1 | g:k),
  y ~ x * f + (f | g), y ~ x + (x || g), y ~ (1 + x + z || g), y ~ 0 + (1 | g),
  y ~ poly(x, 2) + (poly(x, 2) | g), y ~ splines::ns(x, 3) + (scale(x) | g),
  y ~ x * f + (x:f | g), y ~ x + (0 + f | g), y ~ x + (0 + f:x | g), y ~ f * o + (f:o | g),
  y ~ (l | g) + (ch | g), y ~ ch + l + (1 | ch) + (1 | l), y ~ (1 | k), y ~ (1 | gd) + (1 | gc),
  y ~ M + (M | g), y ~ (M[, 1] | g), y ~ o + (o | g), log(z) ~ I(x^2) + (I(x^2) | g),
  y ~ x + (1 | k) + (1 | g) + (0 + x | g), y ~ x + (1 | g) + (0 + x | g) + (1 | k),
  y ~ (x | a / b), y ~ (x || a / b), y ~ (0 + x + z || k) + (1 | g), y ~ (x - 1 | g),
  y ~ cut(x, 3) + (log(z) * x | g), y ~ C(f, sum) + (1 | g), y ~ offset(z) + (1 | g),
  scale(y) ~ x + (1 | g), y ~ factor(k) + (x + z + f | b)
)

test_that("terms, levels and matrices are lme4's", {
  skip_if_not_installed("lme4")
  d <- mixed_data()
  for (formula in formulas) {
    ours <- rlmm_frame(formula, d)
    theirs <- lme4_frame(formula, d)
    label <- text_of(formula)
    group <- vapply(ours$random, `[[`, "", "group")
    columns <- setNames(lapply(ours$random, `[[`, "columns"), group)
    expect_identical(columns, theirs$reTrms$cnms, label = label)
    levels <- lapply(ours$random[!duplicated(group)], `[[`, "levels")
    expect_identical(levels, unname(lapply(theirs$reTrms$flist, levels)), label = label)
    expect_equal(transposed_Z(ours$random, nrow(d)), unname(as.matrix(theirs$reTrms$Zt)),
      label = label)
    expect_equal(unname(ours$X), unname(theirs$X), ignore_attr = TRUE, label = label)
    expect_identical(colnames(ours$X), colnames(theirs$X), label = label)
  }
})

test_that("terms and the fixed matrix can be rebuilt from a fit", {
  d <- mixed_data()
  for (formula in formulas) {
    frame <- rlmm_frame(formula, d)
    expect_equal(random_terms(as_if_fitted(frame)), frame$random, label = text_of(formula))
    expect_equal(fixed_matrix(as_if_fitted(frame)), frame$X, label = text_of(formula))
  }
})

test_that("what was fitted does not change with options(contrasts)", {
  frame <- rlmm_frame(y ~ x + (f | g), mixed_data())
  old <- options(contrasts = c("contr.sum", "contr.poly"))
  on.exit(options(old))
  expect_equal(random_terms(as_if_fitted(frame)), frame$random)
})

test_that("`||` decorrelates every column, those of a factor too", {
  random <- rlmm_frame(y ~ x + (f + x || g), mixed_data())$random
  expect_equal(vapply(random, `[[`, "", "columns"), c("(Intercept)", "fb", "fc", "x"))
  expect_equal(vapply(random, `[[`, "", "name"), c("g", "g.1", "g.2", "g.3"))
  expect_equal(vapply(random, `[[`, "", "call"),
    c("1 | g", "0 + fb | g", "0 + fc | g", "0 + x | g"))
  expect_equal(vapply(random, `[[`, 1L, "factor"), rep(1L, 4))
  expect_null(random[[1]]$Z)
})

test_that("a crossed pair of groups with its interaction", {
  random <- rlmm_frame(y ~ (1 | a * b), mixed_data())$random
  expect_equal(vapply(random, `[[`, "", "group"), c("a:b", "a", "b"))
  expect_equal(lengths(lapply(random, `[[`, "levels")), c(30, 6, 5))
})

test_that("levels with rows of weight zero only are no levels of the fit", {
  d <- mixed_data()
  d$w <- ifelse(d$g == "3", 0, 1)
  term <- rlmm_frame(y ~ x + (1 | g), d, weights = w)$random[[1]]
  expect_false("3" %in% term$levels)
  expect_true(all(is.na(term$codes[d$g == "3"])))
  expect_identical(term$levels[term$codes[d$g != "3"]], as.character(d$g[d$g != "3"]))
})

test_that("checks of the design do what rlmm_control() says", {
  d <- data.frame(y = rnorm(6), x = rnorm(6), one = 1, id = 1:6, g = c(1, 1, 2, 2, 3, 3))
  as_asked <- function(formula, ...) {
    rlmm_frame(formula, d, control = rlmm_control(check = list(...)))
  }
  expect_warning(as_asked(y ~ (1 | one), nlev_gtr_1 = "warning"), class = "rlmm_one_level")
  expect_message(as_asked(y ~ (x | g), nobs_vs_nRE = "message"), class = "rlmm_too_many_effects")
  expect_silent(as_asked(y ~ (1 | id), nobs_vs_nlev = "ignore", nobs_vs_nRE = "ignore"))
})
