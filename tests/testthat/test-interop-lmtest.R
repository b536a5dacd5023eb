skip_if_not_installed("lmtest")

test_that("tests of coefficients are those of the summary", {
  fit <- interop_fits("weighted")$ours
  table <- lmtest::coeftest(fit)
  test <- coefficient_tests(fit, "Satterthwaite")
  expect_equal(unclass(table), as.matrix(test[c("estimate", "std_error", "statistic", "p")]),
    ignore_attr = TRUE)
  expect_equal(attr(table, "df"), test$df, ignore_attr = TRUE)
  normal <- lmtest::coeftest(fit, df = Inf)
  expect_equal(normal[, 4], 2 * pnorm(-abs(normal[, 3])))
  expect_equal(colnames(normal)[3], "z value")
  expect_output(print(table), "t test of coefficients")
  limits <- lmtest::coefci(fit, "dosenone", level = 0.9, df = 100)
  expect_equal(as.vector(limits),
    fixef(fit)[["dosenone"]] + qt(c(0.05, 0.95), 100) * sqrt(vcov(fit)["dosenone", "dosenone"]))
  expect_equal(colnames(limits), c("5 %", "95 %"))
})

test_that("another covariance can be given", {
  fit <- interop_fits("slope")$ours
  doubled <- lmtest::coeftest(fit, vcov. = function(x, k) k^2 * vcov(x), k = 2)
  expect_equal(doubled[, 2], 2 * lmtest::coeftest(fit)[, 2])
  expect_equal(lmtest::coeftest(fit, vcov. = 4 * vcov(fit))[, 2], doubled[, 2])
})

test_that("models are compared", {
  compared <- function(x) lmtest::lrtest(update(x, . ~ . - Days, REML = FALSE),
    update(x, REML = FALSE))
  expect_as_lmer(data.frame(compared(x)), "slope")
  smaller <- function(x) update(x, stats::as.formula(paste(". ~ . -", predictor_of(x))), REML = FALSE)
  expect_as_lmer(data.frame(lmtest::lrtest(smaller(x), update(x, REML = FALSE))),
    setdiff(with_terms, "weighted"))
})
